import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

import { readManifest, type ManifestReading } from "../../core/manifest-reading.ts";
import { artifactNames, idOfManifest, type Manifest } from "../../core/manifest.ts";
import type { Bucket } from "../../systems/bucket.ts";
import { SystemError, codeOf, safeCause } from "../../systems/system-error.ts";

/** A place where backups are kept, as somebody sees it who has to restore one. */
export type BackupShelf = {
  /** Such as `bucket flightdeck` or `folder /var/backups`. */
  readonly name: string;
  /** The names of all files. */
  list(signal: AbortSignal): Promise<readonly string[]>;
  /** A small file whole; undefined when there is none. */
  read(name: string, signal: AbortSignal): Promise<string | undefined>;
  /** Puts a file where `to` says; false when there is none. */
  fetch(name: string, to: string, signal: AbortSignal): Promise<boolean>;
};

/** Backups that have a manifest, the oldest first; what has none never happened. */
export async function backupsOn(
  shelf: BackupShelf,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const names = await shelf.list(signal);
  return names.flatMap((name) => idOfManifest(name) ?? []).toSorted();
}

/** @throws {SystemError} when there is none, or when nobody answers; what is wrong with it is an answer */
export async function manifestReadingOn(
  shelf: BackupShelf,
  id: string,
  signal: AbortSignal,
): Promise<ManifestReading> {
  const { manifest } = artifactNames(id);
  const text = await shelf.read(manifest, signal);
  if (text === undefined) {
    throw new SystemError("backups", "rejected", `${shelf.name} has no ${manifest}`);
  }
  return readManifest(text, manifest);
}

/** @throws {SystemError} that says what is wrong with it, and where */
export function manifestIn(reading: ManifestReading): Manifest {
  if (reading.kind === "read") return reading.manifest;
  throw new SystemError("backups", "malformed", reading.reason);
}

/** The bucket, as it would be read if this machine were gone. */
export function bucketShelf(
  bucket: Pick<Bucket, "place" | "list" | "readText" | "read">,
): BackupShelf {
  return {
    name: `bucket ${bucket.place}`,
    list: async (signal) => (await bucket.list(signal)).map(({ name }) => name),
    read: async (name, signal) => bucket.readText(name, signal),
    async fetch(name, to, signal) {
      const body = await bucket.read(name, signal);
      if (!body) return false;
      const file = createWriteStream(to, { flags: "wx", mode: 0o600 });
      await pipeline(body, file, { signal });
      return true;
    },
  };
}

function failedTo(attempt: string): (error: unknown) => never {
  return (error) => {
    const cause = safeCause(error);
    throw new SystemError("backups", "rejected", `cannot ${attempt}: ${cause.message}`, {
      cause,
      code: codeOf(error),
    });
  };
}

/** Size and digest of a file as it lies there now. */
export async function weigh(
  path: string,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  await using file = await open(path, "r").catch(failedTo(`read ${path}`));
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of file.createReadStream({ autoClose: false, highWaterMark: 1 << 20 })) {
    const piece = chunk as Buffer;
    hash.update(piece);
    bytes += piece.length;
  }
  return { bytes, sha256: hash.digest("hex") };
}
