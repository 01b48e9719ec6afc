import type { Card } from "../../core/card.ts";
import { plainCard } from "../../core/card.ts";
import type { Checkpoint } from "../../core/checkpoint.ts";

/** Why a log must not be signed as it stands: what was signed before does not lie on it. */
export type SigningRefusal =
  | (Contradiction & {
      /** More was signed than there is: an older database was restored. */
      readonly kind: "ahead";
    })
  | (Contradiction & {
      /** Something else was signed of the same entries: there are two histories. */
      readonly kind: "fork";
      readonly rootHere: string;
    })
  | {
      /** The last checkpoint was signed by a key that is not here, and nobody said that the new one is to be believed. */
      readonly kind: "foreign-key";
      readonly size: number;
      readonly keyId: string;
    };

type Contradiction = {
  readonly source: ClaimSource;
  readonly signed: Checkpoint;
  /** What there is now. */
  readonly head: { readonly size: number; readonly hash: string };
};

/** Who remembers what was signed before. */
export type ClaimSource = "rows" | "file" | "memory";

const WHERE: Readonly<Record<ClaimSource, string>> = {
  rows: "in the database itself",
  file: "in the log's file",
  memory: "in the signer's own memory",
};

/** One sentence with both heads. */
export function refusalText(refusal: SigningRefusal): string {
  if (refusal.kind === "foreign-key") {
    return (
      `The checkpoint of ${refusal.size} entries was signed by a key that is not here, and the key ${refusal.keyId} ` +
      "has not been introduced by it."
    );
  }
  const { signed, head, source } = refusal;
  const before = `A checkpoint of ${signed.size} entries with the root ${short(signed.root)} stands ${WHERE[source]}`;
  const now = `the log has ${head.size} entries and its head is ${short(head.hash)}`;
  if (refusal.kind === "ahead") return `${before}, but ${now}: an older database was restored.`;
  return (
    `${before}, but the first ${signed.size} entries of this log have the root ${short(refusal.rootHere)}, and ${now}: ` +
    `two histories went apart before entry ${signed.size + 1}.`
  );
}

export function refusalCard(target: string, refusal: SigningRefusal): Card {
  const title = `⚠️ ${target} · the evidence log is not signed`;
  const what = refusalText(refusal);
  if (refusal.kind === "foreign-key") {
    return plainCard(
      title,
      what,
      "Replicas share one key, by evidence.key. Otherwise put the old key back in front of the new one, or, when it is " +
        'lost: flightdeck evidence rotate-key --reason "…"',
    );
  }
  return plainCard(
    title,
    what,
    "Entries are recorded, but no checkpoint vouches for them until a person has looked.",
    'When the database was restored on purpose: stop Flightdeck and say flightdeck evidence adopt --reason "…"',
  );
}

function short(hash: string): string {
  return `${hash.slice(0, 16)}…`;
}
