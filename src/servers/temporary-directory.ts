import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

import { isRunning, ownPid } from "./machine.ts";

export type TemporaryDirectory = AsyncDisposable & { readonly path: string };

/** A directory that is gone when it is disposed, or when the next one is made after its owner was killed. */
export async function temporaryDirectory(prefix: string): Promise<TemporaryDirectory> {
  await sweep();
  const path = await mkdtemp(join(tmpdir(), `flightdeck-${prefix}-${ownPid}-`));
  // Servers that root starts run as other users, and have to pass through to their own directories.
  if (userInfo().uid === 0) await chmod(path, 0o711);
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }),
  };
}

async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const owner = /^flightdeck-.+-(\d+)-\w{6}$/.exec(name)?.[1];
    if (owner === undefined || isRunning(Number(owner))) continue;
    // Somebody else's leftovers are his to remove.
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {});
  }
}
