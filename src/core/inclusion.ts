import type { Recorded } from "./log-text.ts";
import type { LogStanding } from "./log-verifier.ts";
import { inclusionProof, rootByInclusion } from "./merkle.ts";

/** Shows to somebody who has a signed checkpoint that one entry is in the log, without any other entry. */
export type Inclusion = {
  /** The text of the entry as it was hashed. */
  readonly canonical: string;
  /** SHA-256 over a zero byte and that text. */
  readonly leafHash: string;
  readonly index: number;
  readonly size: number;
  /** The hashes beside the way up, the lowest first, in hex: RFC 6962, section 2.1.1. */
  readonly path: readonly string[];
  /** The checkpoint that the way leads to. */
  readonly note: string;
};

/** Undefined while no signed checkpoint vouches for the entry. */
export function inclusionOf(
  recorded: Recorded,
  hashes: readonly string[],
  { lastTrusted }: Pick<LogStanding, "lastTrusted">,
): Inclusion | undefined {
  const { entry, canonical, hash: leafHash } = recorded;
  const index = Number(entry.seq) - 1;
  if (!lastTrusted || index >= lastTrusted.size) return undefined;
  const { size, root, note } = lastTrusted;
  const path = inclusionProof(hashes.slice(0, size), index);
  if (rootByInclusion({ leafHash, index, size, path }) !== root) return undefined;
  return { canonical, leafHash, index, size, path, note };
}
