import { execFile } from "node:child_process";
import { readlink, realpath } from "node:fs/promises";
import { platform } from "node:os";
import { env, kill, pid } from "node:process";
import { promisify } from "node:util";

/** What the servers must know of the process and the machine that they run on; nothing here is a setting. */
export const ownPid = pid;
export const searchPath = env["PATH"] ?? "";

/**
 * Servers inherit nothing else of our environment: it holds the bot's secrets, and a server that runs as another user
 * would show them to that user.
 */
export const serverEnvironment: Readonly<Record<string, string>> = {
  PATH: searchPath,
  LC_ALL: "C",
  TZ: "UTC",
};

export function isRunning(pid: number): boolean {
  try {
    kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM says that it lives and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * A pid alone proves nothing: after a reboot, or in a new container, another program may have got it. Both servers
 * change into the directory of their data, so the working directory tells whether a pid is really theirs.
 */
export async function worksIn(pid: number, directory: string): Promise<boolean> {
  try {
    return (await workingDirectoryOf(pid)) === (await realpath(directory));
  } catch {
    // Gone, or not ours to look into; our servers run as a user whose processes we can see.
    return false;
  }
}

async function workingDirectoryOf(pid: number): Promise<string> {
  if (platform() === "linux") return await readlink(`/proc/${pid}/cwd`);
  const { stdout } = await promisify(execFile)(
    "lsof",
    ["-a", "-p", String(pid), "-d", "cwd", "-F", "n"],
    { timeout: 5_000 },
  );
  return /^n(.+)$/m.exec(stdout)?.[1] ?? "";
}
