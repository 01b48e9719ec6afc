import { z } from "zod";

import { line, type Card, type CardPart, type CardWord } from "../../core/card.ts";
import { formatDuration } from "../../core/duration.ts";
import { clockTime } from "../../core/moment.ts";
import { shortCommit } from "../../core/release.ts";
import { runName } from "../../core/run-name.ts";
import { shortened } from "../../core/visible-text.ts";
import type { RunView } from "../operation.ts";

export const LOOK = "look at the log";

export const deploymentLogSchema = z.object({
  deployment: z.string(),
  commit: z.string(),
  status: z.string(),
  createdAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().optional(),
  /** The newest last. */
  lines: z.array(z.string()),
  /** How many stood before these. */
  before: z.number(),
});
export type DeploymentLog = z.output<typeof deploymentLogSchema>;

type View = RunView<{ readonly application: string }>;

const SIGN: Readonly<Record<string, string>> = {
  queued: "⏳",
  in_progress: "⏳",
  finished: "🟢",
  failed: "🔴",
};
const LINES_SHOWN = 10;
const LINE_SHOWN = 120;

/** The end of the log; the whole of it comes by a button, as a file when it is long. */
export function deploymentLogCard(view: View): Card {
  const { run, input } = view;
  const about = `${run.target} · deployment of ${input.application}`;
  const log = logOf(view);
  switch (run.state) {
    case "waiting":
    case "running":
      return { title: `⏳ ${about} · looking…`, parts: [footer(view)], actions: [] };
    case "ok":
    case "unknown":
    case "failed":
    case "refused":
    case "expired":
    case "cancelled":
      if (log === undefined) {
        const reason = line(run.reason ?? "No reason was recorded.");
        return { title: `⚪️ ${about} · not seen`, parts: [reason, footer(view)], actions: [] };
      }
      return {
        title: `${SIGN[log.status] ?? "⚪️"} ${about} · ${log.status.replaceAll(/[_-]/g, " ")}`,
        parts: [line(...whatItIs(log, view)), ...excerpt(log), footer(view)],
        actions:
          log.lines.length === 0
            ? []
            : [[{ label: "Whole log", command: `runs ${runName(run.id)}` }]],
      };
  }
}

/** Every line that is kept. */
export function deploymentLogDetails(view: View): readonly CardPart[] {
  const log = logOf(view);
  if (log === undefined || log.lines.length === 0) return [];
  const before = log.before === 0 ? [] : [line({ faint: `${log.before} lines before these` })];
  return [...before, { kind: "code", text: log.lines.join("\n") }];
}

function logOf({ steps }: View): DeploymentLog | undefined {
  return deploymentLogSchema.safeParse(steps.find(({ name }) => name === LOOK)?.result).data;
}

function whatItIs(
  { deployment, commit, createdAt, finishedAt }: DeploymentLog,
  { now, timeZone }: View,
): readonly CardWord[] {
  const began = new Date(createdAt);
  const asked = `, asked for ${clockTime(began, now, timeZone)}`;
  const took =
    finishedAt === undefined
      ? ""
      : `, took ${formatDuration(new Date(finishedAt).getTime() - began.getTime())}`;
  return [{ code: shortCommit(commit) }, `${asked}${took} · `, { faint: deployment }];
}

function excerpt({ lines }: DeploymentLog): readonly CardPart[] {
  if (lines.length === 0) return [line("Its log is empty.")];
  const last = lines.slice(-LINES_SHOWN).map((each) => shortened(each, LINE_SHOWN));
  return [line("Its last lines:"), { kind: "folded", lines: last }];
}

function footer({ run, now, timeZone }: View): CardPart {
  const at = clockTime(run.endedAt ?? run.createdAt, now, timeZone);
  return line({ faint: `${runName(run.id)} · ${run.actor.name} · ${at}` });
}
