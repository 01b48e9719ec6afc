import { createHash } from "node:crypto";

import { z } from "zod";

import {
  canonicalForm,
  entryHash,
  entrySchema,
  genesisHash,
  type Entry,
  type EntryDraft,
} from "../core/entry.ts";
import { scrub } from "../core/redaction.ts";
import { shortened, visibleText } from "../core/visible-text.ts";
import type { Transaction } from "./database.ts";

const TEXT_LIMIT = 4_096;

/** A log of a foreign origin stands where ours should be; going on would mix two histories. */
class ForeignLogError extends Error {
  override readonly name = "ForeignLogError";
}

const headRow = z.object({ origin: z.string(), size: z.string(), head: z.string() });
const entryRow = z.object({ canonical: z.string(), hash: z.string() }).transform((row) => ({
  entry: entrySchema.parse(JSON.parse(row.canonical)),
  canonical: row.canonical,
  hash: row.hash,
}));

export type RecordedEntry = z.output<typeof entryRow>;

/**
 * Opens the log of a target, which is new or ours.
 *
 * @throws {ForeignLogError} when the target's log was begun under another origin
 */
export async function openLog(tx: Transaction, log: string, origin: string): Promise<void> {
  await tx.change(
    `insert into evidence_head (log, origin, size, head) values ($1, $2, 0, $3) on conflict do nothing`,
    [log, origin, genesisHash(origin)],
  );
  const [head] = await tx.rows(
    headRow,
    `select origin, size, head from evidence_head where log = $1`,
    [log],
  );
  if (head?.origin !== origin) {
    throw new ForeignLogError(
      `The evidence log of "${log}" was begun as "${head?.origin}", not as "${origin}". ` +
        "Set evidence.origin back to what it was, or use another database.",
    );
  }
}

/**
 * Appends an entry in the transaction of what it records. The head's row lock makes the numbers gapless with any number
 * of processes, so it comes last in the lock order and nothing slow may follow it. Recording the same `once` again does
 * nothing.
 */
export async function append(
  tx: Transaction,
  now: Date,
  log: string,
  once: string,
  draft: EntryDraft,
): Promise<void> {
  const [head] = await tx.rows(
    headRow,
    `select origin, size, head from evidence_head where log = $1 for update`,
    [log],
  );
  if (!head) throw new Error(`The evidence log "${log}" was not opened.`);
  const [twin] = await tx.rows(
    z.object({ seq: z.string() }),
    `select seq from evidence where log = $1 and once = $2`,
    [log, once],
  );
  if (twin) return;
  const entry = entrySchema.parse({
    ...(fitToKeep(draft) as EntryDraft),
    v: 1,
    log: head.origin,
    seq: String(BigInt(head.size) + 1n),
    prev: head.head,
    at: now.toISOString(),
  } satisfies Entry);
  const canonical = canonicalForm(entry);
  const hash = entryHash(canonical);
  await tx.change(
    `insert into evidence (log, seq, at, canonical, prev, hash, kind, run, once)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      log,
      entry.seq,
      now,
      canonical,
      entry.prev,
      hash,
      entry.kind,
      entry.run ?? entry.cause ?? "",
      once,
    ],
  );
  await tx.change(`update evidence_head set size = $2, head = $3, last_at = $4 where log = $1`, [
    log,
    entry.seq,
    hash,
    now,
  ]);
}

/** The newest entries, newest first. */
export async function newestEntries(
  tx: Transaction,
  log: string,
  limit: number,
): Promise<readonly RecordedEntry[]> {
  return tx.rows(
    entryRow,
    `select canonical, hash from evidence where log = $1 order by seq desc limit $2`,
    [log, limit],
  );
}

/** No invisible character, no secret that slipped through, no text without end may reach the canonical form. */
function fitToKeep(value: unknown): unknown {
  if (typeof value === "string") return bounded(visibleText(scrub(value)));
  if (Array.isArray(value)) return value.map(fitToKeep);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => [name, fitToKeep(member)]),
  );
}

/** What is too long keeps its beginning, its length and its digest, so that the whole can be recognised elsewhere. */
function bounded(text: string): string {
  if (text.length <= TEXT_LIMIT) return text;
  const digest = createHash("sha256").update(text).digest("hex");
  return `${shortened(text, TEXT_LIMIT - 128)} (${text.length} characters, sha256 ${digest})`;
}
