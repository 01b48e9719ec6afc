import { spawn } from "node:child_process";
import { join } from "node:path";

const main = join(import.meta.dirname, "../../src/main.ts");

/** A command line of the product that is talked with, as a person at a terminal would. */
export type Talk = AsyncDisposable & {
  readonly exited: Promise<number | NodeJS.Signals | null>;
  said(): string;
  /** Resolves with the match as soon as it was said; fails when the process ends without saying it. */
  until(what: RegExp): Promise<RegExpExecArray>;
  type(line: string): void;
  /** No more lines will come. */
  hangUp(): void;
  interrupt(): void;
};

export function talkWith(
  args: readonly string[],
  options: { readonly cwd: string; readonly environment?: Readonly<Record<string, string>> },
): Talk {
  const child = spawn(process.execPath, [main, ...args], {
    cwd: options.cwd,
    env: { PATH: process.env["PATH"] ?? "", ...options.environment },
    stdio: "pipe",
  });
  let said = "";
  const listeners = new Set<() => void>();
  const heard = (data: Buffer): void => {
    said += data.toString();
    for (const listener of listeners) listener();
  };
  child.stdout.on("data", heard);
  child.stderr.on("data", heard);
  // A child that ended before it read what was typed is no failure of the test.
  child.stdin.on("error", () => {});
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once("close", (code, signal) => resolve(signal ?? code)),
  );
  return {
    exited,
    said: () => said,
    until: async (what) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = what.exec(said);
          if (!match) return;
          listeners.delete(look);
          resolve(match);
        };
        listeners.add(look);
        look();
        void exited.then(() => reject(new Error(`It ended without saying ${what}:\n${said}`)));
      }),
    type: (line) => void child.stdin.write(`${line}\n`),
    hangUp: () => void child.stdin.end(),
    interrupt: () => void child.kill("SIGINT"),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}
