import { spawn } from "node:child_process";
import { join } from "node:path";

import type { EvidenceLog } from "./evidence-log.ts";

const child = join(import.meta.dirname, "evidence-child.ts");
const killer = join(import.meta.dirname, "kill-at.ts");
const { NODE_COMPILE_CACHE = "" } = process.env;

export type EvidenceChildOptions = {
  /** `moment#n`: where it is struck. */
  readonly killAt?: string;
  /** A program that runs Node, such as strace with what it injects. */
  readonly under?: readonly string[];
  readonly rotateAtBytes?: number;
};

export type EvidenceChild = AsyncDisposable & {
  readonly pid: number;
  readonly exited: Promise<NodeJS.Signals | number | null>;
  /** Resolves when it is at work. */
  readonly ready: Promise<void>;
  /** The lines that it said. */
  said(): readonly string[];
  errors(): string;
  kill(signal: NodeJS.Signals): void;
};

/** Starts a child that appends to a log, or renders it. */
export function spawnEvidence(
  role: "append" | "render",
  log: Pick<EvidenceLog, "url" | "directory">,
  { killAt, under = [], rotateAtBytes = 64 * 1024 }: EvidenceChildOptions = {},
): EvidenceChild {
  const imports = killAt === undefined ? [] : ["--import", killer];
  const words = [process.execPath, ...imports, child, role, log.url, log.directory];
  const [command, ...args] = [...under, ...words, String(rotateAtBytes)];
  const started = spawn(command, args, {
    env: {
      PATH: process.env["PATH"] ?? "",
      NODE_COMPILE_CACHE,
      // strace counts the calls of each thread by itself, so that only of one thread the nth call is the nth of all.
      ...(under.length === 0 ? {} : { UV_THREADPOOL_SIZE: "1" }),
      ...(killAt === undefined ? {} : { KILL_AT: killAt }),
    },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own: whoever kills strace must not leave behind what it runs.
    detached: true,
  });
  const kill = (signal: NodeJS.Signals): void => {
    try {
      process.kill(-(started.pid ?? Number.NaN), signal);
    } catch {
      // It has ended already.
    }
  };
  let said = "";
  let errors = "";
  const ready = new Promise<void>((resolve) =>
    started.stdout.on("data", (data: Buffer) => {
      said += data.toString();
      resolve();
    }),
  );
  started.stderr.on("data", (data: Buffer) => (errors += data.toString()));
  const exited = new Promise<NodeJS.Signals | number | null>((resolve) =>
    started.once("close", (code, signal) => resolve(signal ?? code)),
  );
  return {
    pid: started.pid ?? 0,
    exited,
    ready: Promise.race([ready, exited.then(() => undefined)]),
    // The last one may have been cut by a kill.
    said: () => said.split("\n").slice(1, -1),
    errors: () => errors,
    kill,
    async [Symbol.asyncDispose]() {
      kill("SIGCONT");
      kill("SIGKILL");
      await exited;
    },
  };
}
