import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { environmentCanaries } from "../support/canaries.ts";

const root = join(import.meta.dirname, "../..");
const child = join(root, "test/support/bot-child.ts");

/** A bot's process that is killed, stopped and paused, and always comes back. */
export type Replica = AsyncDisposable & {
  /** Ends it by this signal, and starts the next one after so long. */
  end(signal: "SIGKILL" | "SIGTERM", backAfterMs: number): Promise<void>;
  pause(lastsMs: number): Promise<void>;
  /** What all of its processes have said. */
  log(): string;
  /** How often its process did not end although it was told to. */
  stuck(): number;
  isReady(): boolean;
  /** Asks it to stop and waits until it has; gives back the exit code. */
  leave(): Promise<number | null>;
};

const LEAVES_WITHIN_MS = 60_000;
const CRASHED_BACK_AFTER_MS = 1_000;

export function startReplica(parts: {
  readonly configFile: string;
  readonly environment: Readonly<Record<string, string>>;
}): Replica {
  let log = "";
  let stuck = 0;
  let isGone = false;
  let isEnding = false;
  let isReady = false;
  let current = launch();
  // Nobody is left behind when all of it is given up.
  const giveUp = (): void => {
    current.kill("SIGKILL");
  };
  process.once("exit", giveUp);

  function launch(): ChildProcess {
    isEnding = false;
    isReady = false;
    const started = spawn(process.execPath, [child, parts.configFile], {
      cwd: root,
      env: { PATH: process.env["PATH"] ?? "", ...environmentCanaries, ...parts.environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const hear = (data: Buffer): void => {
      const text = data.toString();
      log += text;
      if (text.includes('"ready"')) isReady = true;
    };
    started.stdout.on("data", hear);
    started.stderr.on("data", hear);
    started.once("exit", () => {
      isReady = false;
      if (isEnding || isGone) return;
      // As a service manager would: what could not start, because its database was away, is tried again.
      setTimeout(() => {
        if (!isGone && current === started) current = launch();
      }, CRASHED_BACK_AFTER_MS);
    });
    return started;
  }

  const hasExited = (): boolean => current.exitCode !== null || current.signalCode !== null;

  return {
    async end(signal, backAfterMs) {
      if (isGone || isEnding || hasExited()) return;
      isEnding = true;
      const ended = once(current, "exit");
      current.kill("SIGCONT");
      current.kill(signal);
      const patience = AbortSignal.timeout(LEAVES_WITHIN_MS);
      await Promise.race([ended, once(patience, "abort")]);
      if (!hasExited()) {
        log += `The process did not end within ${LEAVES_WITHIN_MS} ms of ${signal}.\n`;
        stuck += 1;
        current.kill("SIGKILL");
        await ended;
      }
      await sleep(backAfterMs);
      if (!isGone) current = launch();
    },
    async pause(lastsMs) {
      const paused = current;
      paused.kill("SIGSTOP");
      await sleep(lastsMs);
      paused.kill("SIGCONT");
    },
    log: () => log,
    stuck: () => stuck,
    isReady: () => isReady && !hasExited(),
    async leave() {
      isGone = true;
      if (hasExited()) return current.exitCode;
      const ended = once(current, "exit");
      current.kill("SIGCONT");
      current.kill("SIGTERM");
      const forced = setTimeout(() => {
        stuck += 1;
        current.kill("SIGKILL");
      }, LEAVES_WITHIN_MS);
      await ended;
      clearTimeout(forced);
      return current.exitCode;
    },
    async [Symbol.asyncDispose]() {
      process.off("exit", giveUp);
      isGone = true;
      if (hasExited()) return;
      const ended = once(current, "exit");
      current.kill("SIGCONT");
      current.kill("SIGKILL");
      await ended;
    },
  };
}
