import { once } from "node:events";
import { createWriteStream } from "node:fs";
import type { WriteStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { type Exit, type GuardedChild, startGuarded } from "../src/servers/guarded-child.ts";
import { warningOf } from "./bot-log.ts";

type BotState = "running" | "waiting" | "given up" | "stopped";

export type BotProcess = AsyncDisposable & {
  readonly state: BotState;
  readonly pid: number | undefined;
  /** As an accident would: SIGKILL, and then it is started again. */
  kill(): void;
  /** In order, and at once; also out of a state of having given up. */
  restart(): Promise<void>;
};

export type BotOptions = {
  readonly command: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly say: (line: string) => void;
  readonly onChange?: () => void;
  /** One restart after each pause; after the last one it is left alone. */
  readonly pausesMs?: readonly number[];
};

const usualPausesMs = [500, 1_000, 2_000, 4_000, 8_000];
/** A bot that lived this long had started well, so its end counts as the first one. */
const steadyAfterMs = 30_000;
const graceMs = 8_000;

/** Runs the bot as a child and keeps it running, within bounds. It dies with us, even when we are killed. */
export function startBotProcess(options: BotOptions): BotProcess {
  const { pausesMs = usualPausesMs, onChange = () => undefined } = options;
  const log = createWriteStream(options.logFile, { flags: "w", mode: 0o600 });
  const ending = new AbortController();
  let restart = new AbortController();
  let state: BotState = "waiting";
  let child: GuardedChild | undefined;

  // Whoever has ended everything expects that something breaks off; it is in the log.
  const say = (line: string): void => {
    if (!ending.signal.aborted) options.say(line);
  };
  const enter = (next: BotState): void => {
    state = next;
    onChange();
  };
  const runOnce = async (): Promise<Exit> => {
    const started = await startGuarded(options.command, options.args, {
      cwd: options.directory,
      env: options.environment,
      stdout: "pipe",
      stderr: "pipe",
      graceMs,
    });
    child = started;
    // Output that nobody reads by the time of the exit is thrown away, and its end with it.
    const copied = [started.stdout, started.stderr].map((output) => copyLines(output, log, say));
    if (ending.signal.aborted) await started.stop();
    enter("running");
    const exit = await started.exited;
    child = undefined;
    await Promise.all(copied);
    return exit;
  };
  /** Until the bot should be started again. Gives how many times in a row it has failed by then. */
  const untilNextStart = async (exit: Exit, failures: number): Promise<number> => {
    if (restart.signal.aborted) return 0;
    const pauseMs = pausesMs[failures];
    if (pauseMs === undefined) {
      enter("given up");
      say(
        `The bot ended ${inWords(exit)}, ${failures + 1} times in a row. It stays down until you`,
      );
      say(`restart it from the page. Its last words are in ${options.logFile}.`);
      await once(restart.signal, "abort");
      return 0;
    }
    enter("waiting");
    say(`The bot ended ${inWords(exit)}; it starts again in ${pauseMs / 1_000} s.`);
    await sleep(pauseMs, undefined, { signal: restart.signal }).catch(() => undefined);
    return restart.signal.aborted ? 0 : failures + 1;
  };
  const keepRunning = async (): Promise<void> => {
    let failures = 0;
    while (!ending.signal.aborted) {
      restart = new AbortController();
      const startedAt = performance.now();
      const exit = await runOnce();
      if (ending.signal.aborted) break;
      const wasSteady = performance.now() - startedAt > steadyAfterMs;
      failures = await untilNextStart(exit, wasSteady ? 0 : failures);
    }
  };
  const kept = keepRunning()
    .catch((error: unknown) => say(`The bot could not be started: ${String(error)}`))
    .finally(() => enter("stopped"));

  return {
    get state() {
      return state;
    },
    get pid() {
      return child?.pid;
    },
    kill: () => {
      if (child !== undefined) process.kill(child.pid, "SIGKILL");
    },
    restart: async () => {
      restart.abort();
      await child?.stop();
    },
    async [Symbol.asyncDispose]() {
      ending.abort();
      restart.abort();
      await child?.stop();
      await kept;
      log.end();
      await finished(log);
    },
  };
}

/** Everything goes to the file; only what a person should know is said, and not twice in a row. */
async function copyLines(
  output: Readable | null,
  log: WriteStream,
  say: (line: string) => void,
): Promise<void> {
  if (output === null) return;
  let last: string | undefined;
  for await (const line of createInterface({ input: output })) {
    log.write(`${line}\n`);
    const warning = warningOf(line);
    if (warning !== undefined && warning !== last) say(`bot: ${warning}`);
    last = warning ?? last;
  }
}

function inWords(exit: Exit): string {
  return exit.signal === null ? `with exit code ${exit.code}` : `by ${exit.signal}`;
}
