import { line, type Card, type CardAction, type CardPart } from "../../core/card.ts";
import { measurementText } from "../../core/measurement-text.ts";
import { clockTime } from "../../core/moment.ts";
import { runName } from "../../core/run-name.ts";
import { shortened } from "../../core/visible-text.ts";
import type { RunView } from "../operation.ts";
import { alertDetailsSchema, type AlertDetails } from "./alert-details-report.ts";

type View = RunView<{ readonly check: string }>;

const SIGN = { fail: "🔴", unknown: "🟡", pass: "🟢", "not-configured": "⚪️" } as const;
const VERDICT = {
  fail: "fails now",
  unknown: "cannot be seen now",
  pass: "is well now",
  "not-configured": "is not configured",
} as const;
const OBSERVATIONS_SHOWN = 3;
const LOG_LINES_SHOWN = 10;
const LOG_LINE_SHOWN = 120;
const BUTTON_ROOM_BYTES = 40;

/** The short form; the whole log comes by a button, as a file when it is long. */
export function alertDetailsCard(view: View): Card {
  const { run, input } = view;
  const about = `${run.target} · ${input.check}`;
  switch (run.state) {
    case "waiting":
    case "running":
      return { title: `⏳ ${about} · looking…`, parts: [footer(view)], actions: [] };
    case "ok": {
      const details = detailsOf(view);
      if (!details) return nothingSeen(view, about);
      return {
        title: `${SIGN[details.status]} ${about} ${VERDICT[details.status]}`,
        parts: [
          ...seenLines(details).slice(0, OBSERVATIONS_SHOWN),
          ...besideLines(details),
          ...logExcerpt(details),
          footer(view),
        ],
        actions: [actionsOf(view, details)],
      };
    }
    case "unknown":
    case "failed":
    case "refused":
    case "expired":
    case "cancelled":
      return nothingSeen(view, about);
  }
}

/** All that was seen, with every line of the log. */
export function alertDetailsParts(view: View): readonly CardPart[] {
  const details = detailsOf(view);
  if (!details) return [];
  const { log } = details;
  const measured = details.measurements.map((each) => line({ faint: measurementText(each) }));
  const lines = log && "lines" in log ? log.lines : [];
  return [
    ...seenLines(details),
    ...measured,
    ...besideLines(details),
    ...(lines.length > 0 ? [{ kind: "code" as const, text: lines.join("\n") }] : []),
  ];
}

function detailsOf({ steps }: View): AlertDetails | undefined {
  const parsed = alertDetailsSchema.safeParse(steps[0]?.result);
  return parsed.success ? parsed.data : undefined;
}

function nothingSeen(view: View, about: string): Card {
  const reason = view.run.reason ?? "No reason was recorded.";
  return {
    title: `⚪️ ${about} · not looked at`,
    parts: [line(reason), footer(view)],
    actions: [[...again(view)]],
  };
}

/** What is wrong comes before what is right. */
function seenLines({ observations, reason }: AlertDetails): readonly CardPart[] {
  const wrongFirst = observations.toSorted((one, other) => Number(one.ok) - Number(other.ok));
  return [
    ...(reason === undefined ? [] : [line(reason)]),
    ...wrongFirst.map(({ what, expected, actual, ok }) =>
      ok
        ? line("✓ ", { bold: what }, `: ${actual}`)
        : line("✗ ", { bold: what }, `: ${actual}, expected ${expected}`),
    ),
  ];
}

function besideLines(details: AlertDetails): readonly CardPart[] {
  const { runbook, log } = details;
  return [
    ...(runbook === undefined ? [] : [line("Runbook ", { code: runbook })]),
    ...deadLetterLines(details),
    ...(log && "whyNot" in log ? [line("The log could not be read: ", log.whyNot)] : []),
  ];
}

function deadLetterLines({ deadLetters }: AlertDetails): readonly CardPart[] {
  if (deadLetters === undefined) return [];
  if ("whyNot" in deadLetters) {
    return [line("Dead letters could not be read: ", deadLetters.whyNot)];
  }
  const { waiting, newest } = deadLetters;
  if (newest === undefined) return [line("No dead letters.")];
  const words = [
    newest.topic ?? "without a topic",
    ...(newest.attempt === undefined ? [] : [`attempt ${newest.attempt}`]),
    ...(newest.error === undefined ? [] : [newest.error]),
  ];
  const count = waiting === 1 ? "1 dead letter" : `${waiting} dead letters, the newest`;
  return [line(`${count}: ${words.join(" · ")}`)];
}

function logExcerpt({ log }: AlertDetails): readonly CardPart[] {
  if (!log || "whyNot" in log) return [];
  if (log.lines.length === 0) return [line(`The log of ${log.application} is empty.`)];
  const lines = log.lines.slice(-LOG_LINES_SHOWN).map((each) => shortened(each, LOG_LINE_SHOWN));
  return [line(`Log of ${log.application}, its last lines:`), { kind: "folded", lines }];
}

function actionsOf(view: View, { log }: AlertDetails): readonly CardAction[] {
  const whole = { label: "Whole log", command: `runs ${runName(view.run.id)}` };
  return [...again(view), ...(log && "lines" in log ? [whole] : [])];
}

/** A check's name may be too long for a button that also names the target. */
function again({ input }: View): readonly CardAction[] {
  const command = `alerts ${input.check}`;
  return Buffer.byteLength(command) <= BUTTON_ROOM_BYTES ? [{ label: "Look again", command }] : [];
}

function footer({ run, now, timeZone }: View): CardPart {
  const at = clockTime(run.endedAt ?? run.createdAt, now, timeZone);
  return line({ faint: `${runName(run.id)} · ${run.actor.name} · ${at}` });
}
