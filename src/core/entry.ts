import { hash } from "node:crypto";

import canonicalize from "canonicalize";
import { z } from "zod";

import { actorSchema } from "./actor.ts";

/**
 * What the evidence log keeps. Its canonical form is RFC 8785 JSON on one line; its hash is the leaf hash of RFC 6962,
 * SHA-256(0x00 ‖ canonical form), so that one rule serves both the chain and a later tree of checkpoints.
 */
export const entrySchema = z.strictObject({
  v: z.literal(1),
  log: z.string(),
  seq: z.string().regex(/^[1-9]\d*$/),
  prev: z.string().regex(/^[0-9a-f]{64}$/),
  /** Commit time of the database's clock, UTC, in milliseconds. Order is `seq`, never `at`. */
  at: z.iso.datetime({ precision: 3 }),
  kind: z.enum([
    "run.intent",
    "run.unknown",
    "run.decision",
    "run.result",
    "step.intent",
    "step.outcome",
    "status.read",
    "operator.locked",
    "operator.unlocked",
    "config.changed",
    "log.repaired",
    "log.adopted",
    "key.rotated",
    "checkpoint.posted",
    "clock.jumped",
    "secret.masked",
    "secret.supplied",
    "slot.missed",
    "checklist.closed",
    "alert.fired",
    "alert.acknowledged",
    "alert.lapsed",
    "alert.resolved",
    "silence.set",
    "silence.ended",
    "backup.deleted",
    "approval.asked",
    "approval.voted",
    "approval.used",
    "approval.ended",
    "gate.overridden",
    "review.asked",
    "review.given",
    "rollout.signed",
  ]),
  target: z.string(),
  actor: actorSchema,
  operation: z.string(),
  /** The run that it belongs to; what is recorded of a command that made none has a cause instead. */
  run: z.string().optional(),
  cause: z.string().optional(),
  step: z.string().optional(),
  /** The one word that a heading shows: `GO`, `NO-GO`, `ok`, `failed`. */
  result: z.string().optional(),
  /** Hash of the configuration in force. */
  config: z.string(),
  build: z.string(),
  instance: z.string(),
  /** What the operation declares fit to be kept; strings only, so that the canonical form has no number to round. */
  facts: z.record(z.string().regex(/^[a-z][a-z-]*$/), z.string()),
});

export type Entry = z.output<typeof entrySchema>;

/** What an author of an entry says; place, time and origin are added where it is appended. */
export type EntryDraft = Omit<Entry, "v" | "log" | "seq" | "prev" | "at">;

export function canonicalForm(entry: Entry): string {
  const form = canonicalize(entry);
  if (form === undefined) throw new TypeError("An entry is always an object.");
  return form;
}

export function entryHash(canonical: string): string {
  return hash("sha256", `\0${canonical}`);
}

/** What the first entry of a log points back to; it binds a log to its origin, so no other log's line fits in. */
export function genesisHash(origin: string): string {
  return hash("sha256", `flightdeck-evidence-v1\n${origin}`);
}
