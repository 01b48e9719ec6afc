import { few, sameness } from "./drill-words.ts";
import type { ManifestReading } from "./manifest-reading.ts";
import type { Observation } from "./status.ts";

/** The file as it came out of a store. */
export type FetchedArtifact = {
  readonly from: string;
  readonly bytes: number;
  readonly sha256: string;
};

/** Where the manifest says nothing, nobody vouches for the file. */
export function judgeManifest(reading: ManifestReading): readonly Observation[] {
  const isRead = reading.kind === "read";
  const expected = "one that can be read";
  return [{ what: "manifest", expected, actual: isRead ? expected : reading.reason, ok: isRead }];
}

/** It must be the file that the manifest vouches for, byte by byte. */
export function judgeArtifact(
  kept: { readonly bytes: number; readonly sha256: string },
  fetched: FetchedArtifact,
): readonly Observation[] {
  const { from, bytes, sha256 } = fetched;
  return [
    sameness(`size of what came from ${from}`, `${kept.bytes} bytes`, `${bytes} bytes`),
    sameness("SHA-256", kept.sha256, sha256),
  ];
}

export type OpenedArtifact =
  | {
      readonly kind: "opened";
      /** How many keys the file is sealed for; whose they are, it does not tell. */
      readonly sealedFor: number;
      readonly archiveBytes: number;
    }
  | { readonly kind: "refused"; readonly reason: string };

/** The key that drills hold must open it to its last byte, and it must be sealed for the other one too. */
export function judgeOpening(
  recipients: readonly string[],
  opened: OpenedArtifact,
): readonly Observation[] {
  if (opened.kind === "refused") {
    const expected = "opened and authenticated to its last byte";
    return [{ what: "decryption", expected, actual: opened.reason, ok: false }];
  }
  const { sealedFor, archiveBytes } = opened;
  return [
    {
      what: "decryption",
      expected: "opened and authenticated to its last byte",
      actual: `${archiveBytes} bytes of archive`,
      ok: archiveBytes > 0,
    },
    sameness("keys that it is sealed for", String(recipients.length), String(sealedFor)),
    {
      what: "a key besides that of the drills",
      expected: "at least 2 keys",
      actual: `${recipients.length} keys`,
      ok: recipients.length >= 2,
    },
  ];
}

export type ReadArchive = {
  /** How many entries could be listed. */
  readonly listed: number;
  /** Tables whose rows are in it, as `schema.table`. */
  readonly tables: readonly string[];
  /** What pg_restore said when it read all of it; undefined when it came to the end in peace. */
  readonly complaint: string | undefined;
};

/** A list alone passes over what was cut off, so all of it is read. */
export function judgeArchive(
  kept: { readonly listed: number | null; readonly tables: readonly string[] },
  archive: ReadArchive,
): readonly Observation[] {
  const missing = kept.tables.filter((table) => !archive.tables.includes(table));
  const listed = String(archive.listed);
  return [
    kept.listed === null
      ? {
          what: "entries listed",
          expected: "at least one",
          actual: listed,
          ok: archive.listed > 0,
        }
      : sameness("entries listed", String(kept.listed), listed),
    {
      what: "rows of every table are in it",
      expected: `${kept.tables.length} tables`,
      actual: missing.length === 0 ? `${kept.tables.length} tables` : `without ${few(missing)}`,
      ok: missing.length === 0,
    },
    {
      what: "read from its first byte to its last",
      expected: "no complaint",
      actual: archive.complaint ?? "no complaint",
      ok: archive.complaint === undefined,
    },
  ];
}
