import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** A stream is another child's standard input: the two then talk without us. */
type Output = "inherit" | "ignore" | "pipe" | number | Writable;

export type GuardedOptions = {
  readonly cwd?: string;
  /** The whole environment of the child; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: "ignore" | "pipe";
  readonly stdout?: Output;
  readonly stderr?: Output;
  /** What the child gets when its parent is gone. */
  readonly signalWhenOrphaned?: NodeJS.Signals;
  /** How long it may take to obey before it is killed, orphaned or stopped. */
  readonly graceMs?: number;
};

export type GuardedChild = AsyncDisposable & {
  readonly pid: number;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly exited: Promise<Exit>;
  /** Asks with the signal, and kills when the grace is over. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
};

const GUARD = join(import.meta.dirname, "guard.sh");

/**
 * Starts a child that dies with its parent, even when the parent is killed with SIGKILL: guard.sh says how. Node opens
 * its end of the pipe close-on-exec, so no other child keeps it open. The child leads a group of its own, which also
 * keeps Ctrl-C away from it: stopping in order is the parent's business.
 */
export async function startGuarded(
  command: string,
  args: readonly string[],
  options: GuardedOptions,
): Promise<GuardedChild> {
  const graceMs = options.graceMs ?? 10_000;
  const signalWhenOrphaned = options.signalWhenOrphaned ?? "SIGTERM";
  const child = spawn(
    "/bin/sh",
    [
      GUARD,
      String(constants.signals[signalWhenOrphaned]),
      String(Math.ceil(graceMs / 100)),
      command,
      ...args,
    ],
    {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: options.env,
      detached: true,
      stdio: [
        options.stdin ?? "ignore",
        options.stdout ?? "ignore",
        options.stderr ?? "ignore",
        "pipe",
      ],
    },
  );
  const lifeline = child.stdio[3];
  // The pipe carries nothing; it only ends. A reset when the watcher goes first is of no interest.
  lifeline?.on("error", () => {});
  const exited = new Promise<Exit>((resolve) => {
    child.once("exit", (code, signal) => {
      lifeline?.destroy();
      resolve({ code, signal });
    });
  });
  await once(child, "spawn");
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${command} was started without a pid`);
  const stop = (signal: NodeJS.Signals = "SIGTERM"): Promise<Exit> =>
    stopWithin(child, exited, signal, graceMs);
  return {
    pid,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

async function stopWithin(
  child: ChildProcess,
  exited: Promise<Exit>,
  signal: NodeJS.Signals,
  graceMs: number,
): Promise<Exit> {
  if (child.exitCode !== null || child.signalCode !== null) return await exited;
  child.kill(signal);
  // A paused process takes no signal until it goes on.
  child.kill("SIGCONT");
  const grace = new AbortController();
  const late = delay(graceMs, "late" as const, { signal: grace.signal }).catch(
    () => "late" as const,
  );
  const first = await Promise.race([exited, late]);
  grace.abort();
  if (first !== "late") return first;
  child.kill("SIGKILL");
  return await exited;
}
