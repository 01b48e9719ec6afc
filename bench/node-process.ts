import { join } from "node:path";
import type { Readable } from "node:stream";

import { untilAborted } from "../src/core/waiting.ts";
import { startGuarded } from "../src/servers/guarded-child.ts";

const root = join(import.meta.dirname, "..");
const LAST_WORDS = 2_000;

/** A Node process of its own, so that what is measured shares no event loop and no heap with who measures. */
export type NodeProcess = AsyncDisposable & {
  readonly pid: number;
  /** Waits for the work, but not when the process ends before it or the bench is given up. */
  during<Result>(work: Promise<Result>): Promise<Result>;
};

export type NodeProcessOptions = {
  /** The script from the project's root, and its arguments. */
  readonly command: readonly [script: string, ...args: string[]];
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
};

/** Starts the process with the Node that runs this one. It ends with us, even when we are killed. */
export async function startNodeProcess(options: NodeProcessOptions): Promise<NodeProcess> {
  const { command, environment, signal } = options;
  signal.throwIfAborted();
  const child = await startGuarded(process.execPath, command, {
    cwd: root,
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stdout: "pipe",
    stderr: "pipe",
  });
  let lastWords = "";
  for (const output of [child.stdout, child.stderr]) {
    listen(output, (text) => (lastWords = `${lastWords}${text}`.slice(-LAST_WORDS)));
  }
  const gone = new AbortController();
  void child.exited.then(({ code, signal }) =>
    gone.abort(
      new Error(`${command[0]} ended by itself (${signal ?? code}). It said last:\n${lastWords}`),
    ),
  );
  return {
    pid: child.pid,
    during: (work) => untilAborted(work, AbortSignal.any([signal, gone.signal])),
    [Symbol.asyncDispose]: async () => void (await child.stop()),
  };
}

/** Whatever is not read would stop the process as soon as the pipe is full. */
function listen(output: Readable | null, hear: (text: string) => void): void {
  output?.setEncoding("utf8").on("data", hear);
}
