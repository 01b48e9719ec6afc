import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { checkKeys, environmentCanaries, searchFolder } from "./canaries.ts";
import { configText } from "./config.ts";

const child = join(import.meta.dirname, "bot-child.ts");
const killer = join(import.meta.dirname, "kill-at.ts");
const root = join(import.meta.dirname, "../..");
const { NODE_COMPILE_CACHE = "" } = process.env;

export type BotOptions = {
  readonly environment: Readonly<Record<string, string>>;
  readonly more: string;
  /** The folder of what must survive, where a next bot is to find it; one of its own by default. */
  readonly data?: string;
  /** Every check is asked each second, and its trouble is told. */
  readonly watches?: boolean;
  /** `moment#n` or `moment@step#n`: where it is struck. */
  readonly killAt?: string;
  readonly killWith?: "SIGKILL" | "SIGSTOP" | "SIGTERM";
};

export type Bot = AsyncDisposable & {
  readonly pid: number;
  readonly exited: Promise<NodeJS.Signals | number | null>;
  log(): string;
  /** The arguments of every program that it has started. */
  programs(): string;
  kill(signal: NodeJS.Signals): void;
};

/** Starts a bot as a child; the data folder is the test's, so a next one takes over where this one was struck. */
export async function spawnBot(options: BotOptions): Promise<Bot> {
  const directory = await mkdtemp(join(tmpdir(), "flightdeck-bot-"));
  const file = join(directory, "config.yaml");
  await writeFile(
    file, // By reference, so that all bots of a test have the same configuration.
    configText({ data: "${env:OWN_DATA}", more: options.more, watches: options.watches ?? false }),
  );
  const started: ChildProcess = spawn(
    process.execPath,
    [...(options.killAt === undefined ? [] : ["--import", killer]), child, file],
    {
      cwd: root,
      env: {
        PATH: process.env["PATH"] ?? "",
        NODE_COMPILE_CACHE,
        ...environmentCanaries,
        ...options.environment,
        OWN_DATA: options.data ?? directory,
        ...(options.killAt === undefined ? {} : { KILL_AT: options.killAt }),
        ...(options.killWith === undefined ? {} : { KILL_WITH: options.killWith }),
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let log = "";
  started.stdout?.on("data", (data: Buffer) => (log += data.toString()));
  started.stderr?.on("data", (data: Buffer) => (log += data.toString()));
  const exited = new Promise<NodeJS.Signals | number | null>((resolve) =>
    started.once("exit", (code, signal) => resolve(signal ?? code)),
  );
  return {
    pid: started.pid ?? 0,
    exited,
    log: () => log,
    programs: () => readFileSync(join(directory, "arguments"), "utf8"),
    kill: (signal) => started.kill(signal),
    async [Symbol.asyncDispose]() {
      started.kill("SIGCONT");
      started.kill("SIGKILL");
      await exited;
      await searchFolder(directory);
      await checkKeys(directory);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
