import { spawn } from "node:child_process";
import { once } from "node:events";
import { platform } from "node:os";

import { serverEnvironment } from "./machine.ts";
import { ServerError } from "./server-error.ts";

const TAKEN = 75;
const ANSWER_WITHIN_MS = 5_000;

/** A file that nobody else may lock until this is disposed of. */
export type FileLock = AsyncDisposable & {
  /** Aborts when the lock is gone although nobody gave it back. */
  readonly lost: AbortSignal;
};

/**
 * Locks a file, which is made if need be, among all processes of the machine. Undefined: somebody else has it.
 *
 * The kernel keeps the lock for a child that waits for the end of its standard input, and only we hold the other end. So
 * it is free as soon as we are gone, however we went, and stays ours while we are merely paused: nobody else writes in
 * the meantime, as somebody would when a lease ran out.
 *
 * @throws {ServerError} when the file cannot be opened, or the machine has no program that locks
 */
export async function takeFileLock(path: string): Promise<FileLock | undefined> {
  const holder = ["/bin/sh", "-c", "echo held && exec cat"];
  const [command, ...args] =
    platform() === "darwin"
      ? ["lockf", "-k", "-s", "-t", "0", path, ...holder]
      : ["flock", "--nonblock", "--conflict-exit-code", String(TAKEN), path, ...holder];
  const child = spawn(command ?? "", args, {
    // A group of its own: Ctrl-C is for us, and we let go of the lock last.
    detached: true,
    env: serverEnvironment,
    stdio: ["pipe", "pipe", "pipe"],
  });
  // It ends before what we might have written, and nothing is written.
  child.stdin.on("error", () => {});
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const gone = new AbortController();
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code));
  }).finally(() => gone.abort());
  exited.catch(() => {});
  const letGo = async (): Promise<void> => {
    child.stdin.destroy();
    const late = setTimeout(() => child.kill("SIGKILL"), ANSWER_WITHIN_MS);
    await exited.catch(() => {});
    clearTimeout(late);
  };
  const held = once(child.stdout, "data", {
    signal: AbortSignal.any([gone.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
  }).then(
    () => true,
    () => false,
  );
  if (await held) return { lost: gone.signal, [Symbol.asyncDispose]: letGo };
  await letGo();
  const code = await exited.catch((cause: unknown) => {
    throw new ServerError(`${path} cannot be locked: there is no ${command} on this machine`, {
      cause,
    });
  });
  if (code === TAKEN) return undefined;
  throw new ServerError(`${path} cannot be locked: ${said.trim() || `${command} gave no answer`}`);
}
