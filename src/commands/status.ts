import { alertName } from "../core/alert-name.ts";
import type { CardPart } from "../core/card.ts";
import { line } from "../core/card.ts";
import type { Drawing } from "../core/chart.ts";
import { age } from "../core/moment.ts";
import { runName } from "../core/run-name.ts";
import { boardCard, type BoardVerdict } from "../core/status-board-card.ts";
import { boardChart, chartCard } from "../core/status-board-chart.ts";
import { standingsOf, type BoardCheck, type Standing } from "../core/status-board.ts";
import { evidenceStanding } from "../jobs/evidence/evidence-standing.ts";
import { verdictOf } from "../jobs/preflight/preflight-verdict.ts";
import { openAlerts } from "../storage/alert.ts";
import { knownBackups } from "../storage/backup.ts";
import type { Transaction } from "../storage/database.ts";
import { newestDrills } from "../storage/drill.ts";
import { fileOf } from "../storage/evidence-file.ts";
import { hasSubject } from "../storage/outbox.ts";
import { lastEnded } from "../storage/run.ts";
import { newestSamples, peaks, troubles, type Window } from "../storage/sample.ts";
import { defineCommand, type Answer, type CommandContext } from "./command.ts";
import type { TargetContext } from "./served-target.ts";

type Asked =
  | { readonly kind: "board" }
  | { readonly kind: "chart" }
  /** The button of a board that stands in the chat already. */
  | { readonly kind: "refresh"; readonly id: string };

export const status = defineCommand<Asked>({
  name: "status",
  summary: "How the target stands, from the newest samples",
  role: "viewer",
  usage: "[--chart]",
  effect: "read",
  flags: ["chart", "refresh"],
  understand({ flags: { chart, refresh } }) {
    if (refresh !== undefined) return { ok: true, args: { kind: "refresh", id: refresh } };
    return { ok: true, args: { kind: chart === undefined ? "board" : "chart" } };
  },
  async run(context, asked) {
    switch (asked.kind) {
      case "board":
        await recordReading(context);
        return { kind: "subject", subject: `status:${context.target}:${context.cause}` };
      case "chart":
        return { kind: "subject", subject: `chart:${context.target}:${context.cause}` };
      case "refresh":
        return refresh(context, `status:${context.target}:${asked.id}`);
    }
  },
});

/** The board of a target as it stands; nothing of it is kept, so whenever it is sent it tells the newest. */
export async function drawStatus(
  tx: Transaction,
  now: Date,
  context: Pick<TargetContext, "target" | "timeZone" | "board" | "smoke" | "backup">,
  id: string,
): Promise<Drawing> {
  const { target, timeZone, board } = context;
  const standings = await readStandings(tx, now, target, board);
  const facts = [
    ...(await firingAlerts(tx, target)),
    await lastRun(tx, now, target, "preflight"),
    ...(context.smoke.flow === undefined ? [] : [await lastRun(tx, now, target, "smoke")]),
    ...(context.backup === undefined ? [] : [await wayBack(tx, now, target)]),
    ...(await evidenceTrouble(tx, now, target)),
  ];
  const verdict = boardVerdict(standings);
  return { card: boardCard({ id, target, verdict, standings, facts, now, timeZone }) };
}

const CHARTED_MS = 24 * 60 * 60 * 1000;
/** A phone shows no more of a day than this. */
const BIN_MS = 5 * 60 * 1000;

/** What has a limit, over the last day. */
export async function drawChart(
  tx: Transaction,
  now: Date,
  { target, timeZone, board }: Pick<TargetContext, "target" | "timeZone" | "board">,
): Promise<Drawing> {
  const window = lastDay(now);
  const names = board.map((check) => check.name);
  const chart = boardChart(target, timeZone, board, {
    ...window,
    peaks: await peaks(tx, target, names, window),
    troubles: await troubles(tx, target, names, window),
  });
  return { card: chartCard(chart), chart: chart.panels.length > 0 ? chart : undefined };
}

/** The stretch of time that a chart shows. */
export function lastDay(now: Date): Window {
  return { from: new Date(now.getTime() - CHARTED_MS), to: now, binMs: BIN_MS };
}

async function readStandings(
  tx: Transaction,
  now: Date,
  target: string,
  board: readonly BoardCheck[],
): Promise<readonly Standing[]> {
  const names = board.map((check) => check.name);
  return standingsOf(board, await newestSamples(tx, target, names), now);
}

/** One rule for the board and for preflight; only the words differ, because a board gives no leave to go. */
function boardVerdict(standings: readonly Standing[]): BoardVerdict {
  const words = { GO: "healthy", "NO-GO": "failing", UNKNOWN: "unknown" } as const;
  return words[
    verdictOf(standings.map(({ check, status }) => ({ severity: check.severity, status })))
  ];
}

/** What sounds or has sounded and is not over: how many, and by name what is most urgent. */
async function firingAlerts(tx: Transaction, target: string): Promise<readonly CardPart[]> {
  const open = (await openAlerts(tx, target)).filter(
    ({ alert }) => alert.state !== "pending" && alert.behind === undefined,
  );
  const [first] = open;
  if (!first) return [];
  const taken = open.filter(({ alert }) => alert.state === "acknowledged").length;
  const count = open.length === 1 ? "1 alert" : `${open.length} alerts`;
  const who = taken === 0 ? "" : `, ${taken} taken`;
  return [line("🔔 ", { bold: count }, `${who} · ${alertName(first.id)} ${first.check}`)];
}

async function lastRun(
  tx: Transaction,
  now: Date,
  target: string,
  operation: string,
): Promise<CardPart> {
  const run = await lastEnded(tx, target, operation);
  if (!run) return line(`No ${operation} yet`);
  const at = run.endedAt ?? run.createdAt;
  return line(
    `Last ${operation} `,
    { bold: run.verdict ?? run.state },
    ` · ${runName(run.id)} · ${age(at, now)}`,
  );
}

/** The newest backup that is whole, and what the last drill came to: how far back it would go, and whether it goes at all. */
async function wayBack(tx: Transaction, now: Date, target: string): Promise<CardPart> {
  const backup = (await knownBackups(tx, target)).find(({ problem }) => problem === undefined);
  const { last } = await newestDrills(tx, target);
  return line(
    ...(backup ? ["Last backup ", { bold: age(backup.snapshotAt, now) }] : ["No backup yet"]),
    ...(last
      ? [" · last drill ", { bold: last.verdict }, ` · ${age(last.endedAt, now)}`]
      : [" · no drill yet"]),
  );
}

async function evidenceTrouble(
  tx: Transaction,
  now: Date,
  target: string,
): Promise<readonly CardPart[]> {
  const standing = evidenceStanding(await fileOf(tx, target), now);
  return standing.kind === "fine" ? [] : [line(`⚠️ evidence: ${standing.words}`)];
}

async function recordReading(context: CommandContext): Promise<void> {
  const { tx, now, target, board } = context;
  const standings = await readStandings(tx, now, target, board);
  const named = (shown: Standing["status"]): string =>
    standings
      .filter((standing) => standing.status === shown)
      .map(({ check }) => check.name)
      .toSorted()
      .join(" ");
  const facts = Object.entries({
    pass: named("pass"),
    fail: named("fail"),
    unknown: named("unknown"),
    "not-configured": named("not-configured"),
  }).filter(([, names]) => names !== "");
  await context.record({
    kind: "status.read",
    result: boardVerdict(standings),
    facts: Object.fromEntries(facts),
  });
}

async function refresh({ tx }: CommandContext, subject: string): Promise<Answer> {
  return (await hasSubject(tx, subject))
    ? { kind: "subject", subject }
    : { kind: "refused", message: "That board is no longer kept; /status shows a new one." };
}
