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

/** Whoever renders a log to its file listens here; a commit that appended wakes it at once. */
export const EVIDENCE_CHANNEL = "flightdeck_evidence";

const headRow = z
  .object({ origin: z.string(), size: z.string(), head: z.string(), last_at: z.date().nullable() })
  .transform((row) => ({
    origin: row.origin,
    size: BigInt(row.size),
    hash: row.head,
    lastAt: row.last_at ?? undefined,
  }));

/** Where a log ends at the moment. */
export type LogHead = z.output<typeof headRow>;

export const entryRow = z.object({ canonical: z.string(), hash: z.string() }).transform((row) => ({
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
  const head = await headOf(tx, log);
  if (head?.origin !== origin) {
    throw new ForeignLogError(
      `The evidence log of "${log}" was begun as "${head?.origin}", not as "${origin}". ` +
        "Set evidence.origin back to what it was, or use another database.",
    );
  }
}

/** Where the log ends; undefined when it was never opened. */
export async function headOf(tx: Transaction, log: string): Promise<LogHead | undefined> {
  const [head] = await tx.rows(
    headRow,
    `select origin, size, head, last_at from evidence_head where log = $1`,
    [log],
  );
  return head;
}

/** The same, and nobody appends until the transaction ends: last in the lock order, nothing slow after it. */
export async function lockHead(tx: Transaction, log: string): Promise<LogHead> {
  const [head] = await tx.rows(
    headRow,
    `select origin, size, head, last_at from evidence_head where log = $1 for update`,
    [log],
  );
  if (!head) throw new Error(`The evidence log "${log}" was not opened.`);
  return head;
}

/**
 * Appends an entry in the transaction of what it records. The head's row lock makes the numbers gapless with any number
 * of processes, so it comes last in the lock order and nothing slow may follow it. Recording the same `once` again does
 * nothing. A clock that went back and a secret that the last net caught are entries of their own beside it.
 */
export async function append(
  tx: Transaction,
  now: Date,
  log: string,
  once: string,
  draft: EntryDraft,
): Promise<void> {
  const head = await lockHead(tx, log);
  if (await isRecorded(tx, log, once)) return;
  const { kept, masked } = fitToKeep(draft);
  let end = head;
  if (head.lastAt && now < head.lastAt) {
    const facts = { from: head.lastAt.toISOString(), to: now.toISOString() };
    const jump = ownDraft(kept, "clock.jumped", facts);
    end = await insert(tx, now, log, end, `clock.jumped:${head.size}`, jump);
  }
  end = await insert(tx, now, log, end, once, kept);
  if (masked.length > 0) {
    const net = ownDraft(kept, "secret.masked", {
      entry: String(end.size),
      fields: masked.join(", "),
    });
    end = await insert(tx, now, log, end, `secret.masked:${end.size}`, net);
  }
  await tx.change(
    `with moved as (
       update evidence_head set size = $2, head = $3, last_at = $4 where log = $1 returning log
     ) select pg_notify('${EVIDENCE_CHANNEL}', log) from moved`,
    [log, String(end.size), end.hash, now],
  );
}

/** Puts an entry behind the end of the log and tells where it ends then. */
async function insert(
  tx: Transaction,
  now: Date,
  log: string,
  end: LogHead,
  once: string,
  draft: EntryDraft,
): Promise<LogHead> {
  const entry = entrySchema.parse({
    ...draft,
    v: 1,
    log: end.origin,
    seq: String(end.size + 1n),
    prev: end.hash,
    at: now.toISOString(),
  } satisfies Entry);
  const canonical = canonicalForm(entry);
  const hash = entryHash(canonical);
  const { seq, prev, kind } = entry;
  await tx.change(
    `insert into evidence (log, seq, at, canonical, prev, hash, kind, run, once)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [log, seq, now, canonical, prev, hash, kind, entry.run ?? entry.cause ?? "", once],
  );
  return { ...end, size: BigInt(seq), hash, lastAt: now };
}

/** What the log says of its own accord, beside an entry. */
function ownDraft(
  { target, run, cause, config, build, instance }: EntryDraft,
  kind: "clock.jumped" | "secret.masked",
  facts: Readonly<Record<string, string>>,
): EntryDraft {
  const of = { ...(run === undefined ? {} : { run }), ...(cause === undefined ? {} : { cause }) };
  const actor = { via: "flightdeck", name: "the log" } as const;
  return { kind, target, actor, operation: "evidence", ...of, config, build, instance, facts };
}

/** Whether something was recorded already under this name. */
export async function isRecorded(tx: Transaction, log: string, once: string): Promise<boolean> {
  const rows = await tx.rows(
    z.object({ seq: z.string() }),
    `select seq from evidence where log = $1 and once = $2`,
    [log, once],
  );
  return rows.length > 0;
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

/**
 * No invisible character, no secret that slipped through, no text without end may reach the canonical form. Tells the
 * fields in which there was something to mask, because whoever wrote them should have known better.
 */
function fitToKeep(draft: EntryDraft): {
  readonly kept: EntryDraft;
  readonly masked: readonly string[];
} {
  const masked: string[] = [];
  const fit = (value: unknown, field: string): unknown => {
    if (typeof value === "string") {
      const scrubbed = scrub(value);
      if (scrubbed !== value) masked.push(field);
      return bounded(visibleText(scrubbed));
    }
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, member]) => member !== undefined)
        .map(([name, member]) => [name, fit(member, field === "" ? name : `${field}.${name}`)]),
    );
  };
  return { kept: fit(draft, "") as EntryDraft, masked };
}

/** What is too long keeps its beginning, its length and its digest, so that the whole can be recognised elsewhere. */
function bounded(text: string): string {
  if (text.length <= TEXT_LIMIT) return text;
  const digest = createHash("sha256").update(text).digest("hex");
  return `${shortened(text, TEXT_LIMIT - 128)} (${text.length} characters, sha256 ${digest})`;
}
