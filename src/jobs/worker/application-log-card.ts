import { z } from "zod";

import { line, type Card, type CardPart } from "../../core/card.ts";
import { clockTime } from "../../core/moment.ts";
import { runName } from "../../core/run-name.ts";
import { shortened } from "../../core/visible-text.ts";
import type { RunView } from "../operation.ts";

export const LOOK = "look at the log";

/** The newest last. */
export const applicationLogSchema = z.object({ lines: z.array(z.string()) });
export type ApplicationLog = z.output<typeof applicationLogSchema>;

type View = RunView<{ readonly application: string; readonly lines: number }>;

const LINES_SHOWN = 15;
const LINE_SHOWN = 160;

/** The end of the log, folded; all that was asked for comes by a button, as a file when it is long. */
export function applicationLogCard(view: View): Card {
  const { run, input } = view;
  const about = `${run.target} · log of ${input.application}`;
  const again = {
    label: "Look again",
    command: `logs ${input.application} ${input.lines}`,
  };
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
    case "cancelled": {
      if (log === undefined) {
        const reason = line(run.reason ?? "No reason was recorded.");
        return {
          title: `⚪️ ${about} · not seen`,
          parts: [reason, footer(view)],
          actions: [[again]],
        };
      }
      const whole = { label: "Whole log", command: `runs ${runName(run.id)}` };
      const isCut = log.lines.length > LINES_SHOWN;
      return {
        title: `📄 ${about} · ${countText(log)}`,
        parts: [...excerpt(log), footer(view)],
        actions: [isCut ? [again, whole] : [again]],
      };
    }
  }
}

/** Every line that was asked for. */
export function applicationLogDetails(view: View): readonly CardPart[] {
  const log = logOf(view);
  return log === undefined || log.lines.length === 0
    ? []
    : [{ kind: "code", text: log.lines.join("\n") }];
}

function logOf({ steps }: View): ApplicationLog | undefined {
  return applicationLogSchema.safeParse(steps.find(({ name }) => name === LOOK)?.result).data;
}

function countText({ lines }: ApplicationLog): string {
  if (lines.length === 0) return "empty";
  return lines.length === 1 ? "1 line" : `the newest ${lines.length} lines`;
}

function excerpt({ lines }: ApplicationLog): readonly CardPart[] {
  if (lines.length === 0) return [line("It has written nothing since it was started.")];
  const last = lines.slice(-LINES_SHOWN).map((each) => shortened(each, LINE_SHOWN));
  return [{ kind: "folded", lines: last }];
}

function footer({ run, now, timeZone }: View): CardPart {
  const at = clockTime(run.endedAt ?? run.createdAt, now, timeZone);
  return line({ faint: `${runName(run.id)} · ${run.actor.name} · ${at}` });
}
