import { readdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";

import { artifactNames, idOfManifest } from "../../core/manifest.ts";
import { partialName } from "../../systems/dump.ts";

/** What is not finished yet: the facts of a dump whose manifest is not written. */
export function draftName(id: string): string {
  return `${id}.draft.json`;
}

const UNFINISHED =
  /^\d{8}T\d{6}Z\.(?:dump\.zst\.age(?:\.partial)?|draft\.json)(?:\.[0-9a-f]{8}\.tmp)?$/;

/**
 * Removes what a run left that came to no end. The caller holds the one run that may write here; what has a manifest is a
 * backup, and is not touched.
 */
export async function clearFolder(folder: string): Promise<void> {
  const names = new Set(await readdir(folder));
  for (const name of names) {
    if (!UNFINISHED.test(name)) continue;
    const { artifact, manifest } = artifactNames(name.slice(0, "yyyymmddThhmmssZ".length));
    if (name === artifact && names.has(manifest)) continue;
    await rm(join(folder, name), { force: true });
  }
}

/** Leaves the newest on this machine, and removes older ones, which the bucket has. */
export async function thinFolder(folder: string, keepHere: number): Promise<void> {
  const ids = (await readdir(folder)).flatMap((name) => idOfManifest(name) ?? []);
  for (const id of ids.toSorted().slice(0, keepHere === 0 ? ids.length : -keepHere)) {
    const { artifact, manifest } = artifactNames(id);
    await rm(join(folder, artifact), { force: true });
    await rm(join(folder, manifest), { force: true });
  }
}

export async function removeUnfinished(folder: string, id: string): Promise<void> {
  const { artifact } = artifactNames(id);
  for (const name of [artifact, partialName(artifact), draftName(id)]) {
    await rm(join(folder, name), { force: true });
  }
}

/** Room for whoever may write here, which is less than what is free. */
export async function roomIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
