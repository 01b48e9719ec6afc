import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

import { startGuarded, type GuardedChild } from "../servers/guarded-child.ts";
import { serverEnvironment } from "../servers/machine.ts";
import { SystemError } from "./system-error.ts";

export type Stage = {
  /** What it is called in an error. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Added to the little that a child of ours inherits. */
  readonly environment?: Readonly<Record<string, string>>;
};

/** Children in a row, each reading what the one before writes; the bytes between them never pass through us. */
export type ChildPipe = AsyncDisposable & {
  /** Of the first child; null unless asked for. */
  readonly input: Writable | null;
  /** Of the last child; null unless asked for. */
  readonly output: Readable | null;
  /**
   * Settles when every child has ended. Its end says nothing of what came out before: output simply stops when a child
   * dies, so whoever keeps what came out waits for this first.
   *
   * @throws {SystemError} of the child that failed first
   */
  readonly ended: Promise<void>;
};

const STDERR_LIMIT = 8_192;
const REASON_LIMIT = 600;

/**
 * Starts the last child first, and gives each one the input of the next as its output. The other way round a quick child
 * could end before its output is handed on, and Node would have read it away.
 */
export async function startChildPipe(
  stages: readonly [Stage, ...Stage[]],
  options: {
    readonly input: "pipe" | "ignore";
    readonly output: "pipe" | "ignore";
    readonly scrub: (text: string) => string;
  },
): Promise<ChildPipe> {
  await using started = new AsyncDisposableStack();
  const children: StartedStage[] = [];
  let next: Writable | undefined;
  for (const [index, stage] of [...stages.entries()].toReversed()) {
    const child = started.use(
      await start(stage, {
        stdin: index === 0 ? options.input : "pipe",
        stdout: next ?? options.output,
      }),
    );
    // Our copy has to go, or its reader would never see the end.
    next?.destroy();
    next = child.stdin ?? undefined;
    children.unshift({ stage, child, said: collect(child.stderr) });
  }
  const kept = started.move();
  const ended = endOf(children, options.scrub);
  // Whoever gives up early does not ask for it.
  ended.catch(() => {});
  return {
    input: children[0]?.child.stdin ?? null,
    output: children.at(-1)?.child.stdout ?? null,
    ended,
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

type StartedStage = {
  readonly stage: Stage;
  readonly child: GuardedChild;
  readonly said: Promise<string>;
};

async function start(
  { name, program, args, environment }: Stage,
  pipes: { readonly stdin: "pipe" | "ignore"; readonly stdout: "pipe" | "ignore" | Writable },
): Promise<GuardedChild> {
  const child = await startGuarded(program, args, {
    cwd: "/",
    env: { ...serverEnvironment, ...environment },
    ...pipes,
    stderr: "pipe",
    // Whatever is half done is thrown away.
    signalWhenOrphaned: "SIGKILL",
    graceMs: 2_000,
  }).catch((error: unknown) => {
    throw new SystemError(name, "unreachable", `cannot start ${program}`, { cause: error });
  });
  // A reader that is gone is told by the child's exit.
  child.stdin?.on("error", () => {});
  child.stdout?.on("error", () => {});
  return child;
}

/** A child that dies takes those before it along, because nobody reads them any more; the last one knows why. */
async function endOf(
  children: readonly StartedStage[],
  scrub: (text: string) => string,
): Promise<void> {
  const ends = await Promise.all(
    children.map(async ({ stage, child, said }) => ({
      stage,
      exit: await child.exited,
      said: await said,
    })),
  );
  const failed = ends.findLast(({ exit }) => exit.code !== 0);
  if (!failed) return;
  const { stage, exit, said } = failed;
  const how = exit.code === null ? `was ended by ${exit.signal}` : `ended with code ${exit.code}`;
  const words = scrub(said).trim().replace(/\s+/g, " ").slice(0, REASON_LIMIT);
  const message = `${stage.name} ${how}${words === "" ? "" : `: ${words}`}`;
  throw new SystemError(stage.name, "rejected", message, { code: exit.signal ?? `${exit.code}` });
}

/** The beginning of what a child says; a child that repeats itself for hours says nothing new. */
async function collect(stderr: Readable | null): Promise<string> {
  if (!stderr) return "";
  let text = "";
  stderr.setEncoding("utf8");
  stderr.on("data", (more: string) => {
    if (text.length < STDERR_LIMIT) text += more;
  });
  await once(stderr, "close").catch(() => {});
  return text;
}
