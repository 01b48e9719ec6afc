import { z } from "zod";

import { line, type Card, type CardAction, type CardPart } from "../../core/card.ts";
import { formatDuration } from "../../core/duration.ts";
import { valueText } from "../../core/measurement-text.ts";
import { age, clockTime } from "../../core/moment.ts";
import { runName } from "../../core/run-name.ts";
import { shortened } from "../../core/visible-text.ts";
import type { JournalledStep } from "../../storage/run-step.ts";
import type { Results, RunView } from "../operation.ts";
import { preparedSchema, progressSchema, reportOf, STEPS, type Progress } from "./backup-report.ts";

const LINE_LIMIT = 300;
const WORDS: Readonly<Record<string, string>> = {
  [STEPS.prepare]: "looking at bucket, database and disk",
  [STEPS.dump]: "dumping",
  [STEPS.upload]: "uploading",
  [STEPS.readBack]: "reading back",
  [STEPS.commit]: "writing the manifest",
  [STEPS.retention]: "deleting what is old",
};

const keptSchema = z.object({ id: z.string(), snapshotAt: z.string() }).nullable();

/** What is being done and how far it is; then what there is now; after a failure the last backup that is good. */
export function backupCard(view: RunView<unknown>, place: string): Card {
  const { run } = view;
  const name = runName(run.id);
  const details: CardAction = { label: "Details", command: `runs ${name}` };
  const list: CardAction = { label: "All backups", command: "backup list" };
  switch (run.state) {
    case "waiting":
    case "running": {
      const open = view.steps.find(({ state }) => state === "started");
      return {
        title: `⏳ ${run.target} · backup: ${WORDS[open?.name ?? ""] ?? "about to begin"}`,
        parts: [...progressLines(open, view), ...doneLine(view), footer(view)],
        actions: run.cancelRequestedAt ? [] : [[{ label: "Cancel", command: `cancel ${name}` }]],
      };
    }
    case "ok":
      return {
        title: `🟢 ${run.target} · backup SAVED`,
        parts: [...savedLines(view, place), footer(view)],
        actions: [[...drillOf(view), list, details]],
      };
    case "unknown":
    case "failed":
    case "refused":
    case "expired":
    case "cancelled":
      return {
        title: `${run.state === "cancelled" ? "⚪️" : "🔴"} ${run.target} · backup ${run.state}`,
        parts: [
          line(shortened(run.reason ?? "No reason was recorded.", LINE_LIMIT)),
          lastGood(view),
          footer(view),
        ],
        actions: [[{ label: "Try again", command: "backup" }, list, details]],
      };
  }
}

/** What every step found out. */
export function backupDetails({ steps }: RunView<unknown>): readonly CardPart[] {
  return steps.map(({ name, state, result, error }) => {
    const said = error ?? (result === null ? "" : JSON.stringify(result));
    return line(
      { bold: name },
      ` · ${state}${said === "" ? "" : ` · ${shortened(said, LINE_LIMIT)}`}`,
    );
  });
}

function progressLines(
  step: JournalledStep | undefined,
  { steps }: RunView<unknown>,
): readonly CardPart[] {
  const progress = progressSchema.safeParse(step?.progress).data;
  if (!step || !progress) return [];
  const prepared = preparedSchema.safeParse(resultsOf(steps)[STEPS.prepare]).data;
  const lastTookMs = step.name === STEPS.dump ? (prepared?.last?.tookMs ?? null) : null;
  return [line(progressText(progress, lastTookMs))];
}

/** Bytes, rate, and what is left by the last run's size, or by its time. */
export function progressText({ bytes, of, sinceMs }: Progress, lastTookMs: number | null): string {
  const size = (value: number): string => valueText(value, "Bytes");
  const rate = sinceMs > 0 ? (bytes / sinceMs) * 1_000 : 0;
  const guesses = [
    ...(of !== null && of > bytes && rate > 0 ? [((of - bytes) / rate) * 1_000] : []),
    ...(lastTookMs !== null && lastTookMs > sinceMs ? [lastTookMs - sinceMs] : []),
  ];
  const leftMs = guesses.length === 0 ? undefined : Math.max(...guesses);
  return [
    of === null ? size(bytes) : `${size(bytes)} of about ${size(of)}`,
    `${size(rate)}/s`,
    ...(leftMs === undefined ? [] : [`about ${formatDuration(leftMs)} left`]),
  ].join(" · ");
}

function doneLine({ steps }: RunView<unknown>): readonly CardPart[] {
  const done = steps.filter(({ state }) => state === "done").map(({ name }) => name);
  return done.length === 0 ? [] : [line({ faint: `✓ ${done.join(" · ")}` })];
}

function savedLines(
  { steps, now, timeZone }: RunView<unknown>,
  place: string,
): readonly CardPart[] {
  const { dumped, readBack, pruned } = reportOf(resultsOf(steps));
  if (!dumped) return [];
  const { id, bytes, sha256, tables, rows, snapshotAt } = dumped;
  const at = clockTime(new Date(snapshotAt), now, timeZone);
  const opened =
    readBack?.listed === null || readBack === undefined
      ? "read back, every byte as it was sent; not opened, for want of a key"
      : `read back, opened and parsed to its end: ${readBack.listed} entries`;
  const kept = pruned ? prunedWords(pruned) : [];
  return [
    line(
      { bold: id },
      ` · ${valueText(bytes, "Bytes")} · ${tables} tables, ${rows} rows as of ${at}`,
    ),
    line(`in ${place}`),
    line(opened),
    line("sha256 ", { code: sha256.slice(0, 16) }),
    ...kept.map((text) => line(shortened(text, LINE_LIMIT))),
  ];
}

/** A backup is a hope until it was restored, so the way to that is a tap. */
function drillOf({ steps }: RunView<unknown>): readonly CardAction[] {
  const { dumped } = reportOf(resultsOf(steps));
  return dumped ? [{ label: "Drill", command: `drill ${dumped.id}` }] : [];
}

function prunedWords(
  pruned: NonNullable<ReturnType<typeof reportOf>["pruned"]>,
): readonly string[] {
  const { removed, locked, failed } = pruned;
  return [
    ...(removed.length > 0 ? [`deleted as too old: ${removed.join(", ")}`] : []),
    ...(locked.length > 0
      ? [`too old, and kept by a lock of the bucket: ${locked.join(", ")}`]
      : []),
    ...failed.map(({ id, reason }) => `could not delete ${id}: ${reason}`),
  ];
}

function lastGood({ kept, now }: RunView<unknown>): CardPart {
  const last = keptSchema.safeParse(kept).data;
  if (!last) return line("There is no backup yet.");
  return line(`Last good backup: ${last.id}, ${age(new Date(last.snapshotAt), now)}.`);
}

function resultsOf(steps: readonly JournalledStep[]): Results {
  return Object.fromEntries(steps.map(({ name, result }) => [name, result]));
}

function footer({ run, now, timeZone }: RunView<unknown>): CardPart {
  const at = clockTime(run.endedAt ?? run.createdAt, now, timeZone);
  const took =
    run.endedAt && run.startedAt
      ? ` · took ${formatDuration(run.endedAt.getTime() - run.startedAt.getTime())}`
      : "";
  return line({ faint: `${runName(run.id)} · ${run.actor.name} · ${at}${took}` });
}
