import { z } from "zod";

import type { Alert } from "../core/alert.ts";
import type { Transaction } from "./database.ts";
import { storableText } from "./storable.ts";

const rowSchema = z.object({
  id: z.string(),
  target: z.string(),
  check_name: z.string(),
  severity: z.enum(["page", "warn"]),
  state: z.enum(["pending", "firing", "acknowledged", "resolved"]),
  since: z.date(),
  looked_at: z.date(),
  trouble_kind: z.enum(["down", "blind"]),
  trouble_seen: z.string(),
  good_since: z.date().nullable(),
  relapses: z.number(),
  behind: z.string().nullable(),
  fired_at: z.date().nullable(),
  told_at: z.date().nullable(),
  owes_word: z.boolean(),
  acknowledged_by: z.string().nullable(),
  acknowledged_at: z.date().nullable(),
  resolved_at: z.date().nullable(),
  called: z.number(),
  words: z.number(),
});

const alertRow = rowSchema.transform((row) => ({
  id: row.id,
  target: row.target,
  check: row.check_name,
  severity: row.severity,
  called: row.called,
  words: row.words,
  alert: alertOf(row),
}));

type Row = z.output<typeof rowSchema>;

/** An alert as it is kept: who and what it is about, how often it has spoken, and how it stands. */
export type KeptAlert = z.output<typeof alertRow>;

const COLUMNS = `id, target, check_name, severity, state, since, looked_at, trouble_kind, trouble_seen, good_since, relapses,
  behind, fired_at, told_at, owes_word, acknowledged_by, acknowledged_at, resolved_at, called, words`;

/** The row's own checks make sure that what a state needs is there. */
function alertOf(row: Row): Alert {
  const course = {
    since: row.since,
    lookedAt: row.looked_at,
    trouble: { kind: row.trouble_kind, seen: row.trouble_seen },
    goodSince: row.good_since ?? undefined,
    relapses: row.relapses,
    behind: row.behind ?? undefined,
  };
  const fired = {
    firedAt: row.fired_at ?? row.since,
    toldAt: row.told_at ?? undefined,
    owesWord: row.owes_word,
  };
  switch (row.state) {
    case "pending":
      return { ...course, state: row.state };
    case "firing":
      return { ...course, ...fired, state: row.state };
    case "acknowledged": {
      const acknowledgedBy = row.acknowledged_by ?? "";
      const acknowledgedAt = row.acknowledged_at ?? row.since;
      return { ...course, ...fired, state: row.state, acknowledgedBy, acknowledgedAt };
    }
    case "resolved":
      return { ...course, ...fired, state: row.state, resolvedAt: row.resolved_at ?? row.since };
  }
}

/** The newest alert of each of these checks that ever had one, locked until the transaction ends. */
export async function newestAlerts(
  tx: Transaction,
  target: string,
  checks: readonly string[],
): Promise<readonly KeptAlert[]> {
  return tx.rows(
    alertRow,
    `select ${COLUMNS} from alert
     where id = any(array(
       select (select max(id) from alert where target = $1 and check_name = asked.name)
       from unnest($2::text[]) as asked(name)))
     order by id for update`,
    [target, checks],
  );
}

/** Everything that is not over, the most urgent and oldest first. */
export async function openAlerts(tx: Transaction, target: string): Promise<readonly KeptAlert[]> {
  return tx.rows(
    alertRow,
    `select ${COLUMNS} from alert where target = $1 and state <> 'resolved'
     order by severity = 'page' desc, state = 'firing' desc, since, id`,
    [target],
  );
}

/** What is not over of these checks. */
export async function openAlertsOf(
  tx: Transaction,
  target: string,
  checks: readonly string[],
): Promise<readonly KeptAlert[]> {
  return tx.rows(
    alertRow,
    `select ${COLUMNS} from alert
     where target = $1 and check_name = any($2) and state <> 'resolved' order by id`,
    [target, checks],
  );
}

/** What stands behind the alert of this check and does not speak for itself. */
export async function alertsBehind(
  tx: Transaction,
  target: string,
  check: string,
): Promise<readonly KeptAlert[]> {
  return tx.rows(
    alertRow,
    `select ${COLUMNS} from alert
     where target = $1 and behind = $2 and state <> 'resolved' order by since, id`,
    [target, check],
  );
}

/** The checks that are in trouble and have not looked well since. */
export async function troubledChecks(tx: Transaction, target: string): Promise<readonly string[]> {
  const rows = await tx.rows(
    z.object({ check_name: z.string() }),
    `select check_name from alert
     where target = $1 and state <> 'resolved' and good_since is null`,
    [target],
  );
  return rows.map((row) => row.check_name);
}

export async function findAlert(
  tx: Transaction,
  id: string,
  lock: "" | "for update" = "",
): Promise<KeptAlert | undefined> {
  const [row] = await tx.rows(alertRow, `select ${COLUMNS} from alert where id = $1 ${lock}`, [id]);
  return row;
}

/** The alert of this check that is not over, locked. */
export async function openAlertOf(
  tx: Transaction,
  target: string,
  check: string,
): Promise<KeptAlert | undefined> {
  const [row] = await tx.rows(
    alertRow,
    `select ${COLUMNS} from alert
     where target = $1 and check_name = $2 and state <> 'resolved' for update`,
    [target, check],
  );
  return row;
}

/** Opens an alert and gives its id. */
export async function openAlert(
  tx: Transaction,
  about: { readonly target: string; readonly check: string; readonly severity: "page" | "warn" },
  alert: Alert,
): Promise<string> {
  const [row] = await tx.rows(
    z.object({ id: z.string() }),
    `insert into alert (target, check_name, severity, ${STATE_COLUMNS.join(", ")})
     values ($1, $2, $3, ${STATE_COLUMNS.map((_, index) => `$${index + 4}`).join(", ")}) returning id`,
    [about.target, about.check, about.severity, ...stateValues(alert)],
  );
  if (!row) throw new Error("An inserted row has an id.");
  return row.id;
}

/**
 * What sounds in the chat, nobody has taken, and has its next step due: `afterMs` says how long after the word each step
 * comes. What another alert calls for is left to it.
 */
export async function alertsToCallFor(
  tx: Transaction,
  now: Date,
  target: string,
  afterMs: readonly number[],
): Promise<readonly KeptAlert[]> {
  return tx.rows(
    alertRow,
    `select ${COLUMNS} from alert
     where target = $1 and ${SOUNDING}
       and told_at + ($3::float8[])[called + 1] * interval '1 millisecond' <= $2
     order by id for update skip locked`,
    [target, now, afterMs],
  );
}

export async function doesSound(tx: Transaction, target: string): Promise<boolean> {
  const [row] = await tx.rows(
    z.object({ sounds: z.boolean() }),
    `select exists (select from alert where target = $1 and ${SOUNDING}) as sounds`,
    [target],
  );
  return row?.sounds ?? false;
}

const SOUNDING = `state = 'firing' and severity = 'page' and told_at is not null and behind is null and good_since is null`;

/** Brings an alert to a new state; one that spoke begins to call people anew. */
export async function changeAlert(
  tx: Transaction,
  id: string,
  alert: Alert,
  spoke: boolean,
): Promise<void> {
  await tx.change(
    `update alert set ${STATE_COLUMNS.map((column, index) => `${column} = $${index + 3}`).join(", ")},
       words = words + $2, called = case when $2 > 0 then 0 else called end where id = $1`,
    [id, spoke ? 1 : 0, ...stateValues(alert)],
  );
}

/** So many steps were done for these alerts. */
export async function countSteps(
  tx: Transaction,
  ids: readonly string[],
  called: number,
): Promise<void> {
  await tx.change(`update alert set called = $2 where id = any($1::bigint[])`, [ids, called]);
}

/** A trouble that passed before it was an alert leaves nothing behind. */
export async function forgetAlert(tx: Transaction, id: string): Promise<void> {
  await tx.change(`delete from alert where id = $1`, [id]);
}

const STATE_COLUMNS = [
  "state",
  "since",
  "looked_at",
  "trouble_kind",
  "trouble_seen",
  "good_since",
  "relapses",
  "behind",
  "fired_at",
  "told_at",
  "owes_word",
  "acknowledged_by",
  "acknowledged_at",
  "resolved_at",
] as const;

function stateValues(alert: Alert): readonly unknown[] {
  const fired = alert.state === "pending" ? undefined : alert;
  const acknowledged = alert.state === "acknowledged" ? alert : undefined;
  return [
    alert.state,
    alert.since,
    alert.lookedAt,
    alert.trouble.kind,
    storableText(alert.trouble.seen),
    alert.goodSince ?? null,
    alert.relapses,
    alert.behind ?? null,
    fired?.firedAt ?? null,
    fired?.toldAt ?? null,
    fired?.owesWord ?? false,
    acknowledged?.acknowledgedBy ?? null,
    acknowledged?.acknowledgedAt ?? null,
    alert.state === "resolved" ? alert.resolvedAt : null,
  ];
}

const KEPT_MS = 90 * 24 * 60 * 60 * 1000;

/** Forgets what was over long ago; the evidence keeps that it was. */
export async function forgetAlerts(tx: Transaction, now: Date): Promise<void> {
  const before = new Date(now.getTime() - KEPT_MS);
  await tx.change(
    `delete from silence using alert where silence.alert_id = alert.id and alert.resolved_at < $1`,
    [before],
  );
  await tx.change(`delete from alert where resolved_at < $1`, [before]);
}
