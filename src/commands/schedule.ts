import { line, type CardPart } from "../core/card.ts";
import { slotTime } from "../core/moment.ts";
import { runName } from "../core/run-name.ts";
import type { Schedule } from "../core/schedule.ts";
import { findRun } from "../storage/run.ts";
import { newestSlots, type Slot } from "../storage/schedule.ts";
import { card, defineCommand, type CommandContext } from "./command.ts";

const SHOWN_TIMES = 3;
/** Two lines each, on a card of a dozen. */
const SHOWN_SCHEDULES = 5;

export const schedule = defineCommand<undefined>({
  name: "schedule",
  summary: "What runs by itself: the next times, and what the last one came to",
  role: "viewer",
  usage: "",
  effect: "read",
  understand: () => ({ ok: true, args: undefined }),
  async run(context) {
    const { tx, target, timeZone, schedules } = context;
    const title = `${target} · schedule`;
    if (schedules.length === 0) return card(title, "Nothing runs by itself.");
    const newest = await newestSlots(tx, target);
    const told: { readonly head: string; readonly next: string; readonly name: string }[] = [];
    for (const one of schedules) {
      const last = newest.find(({ name }) => name === one.name);
      const came = last ? await outcome(last, context) : "not run yet";
      told.push({ name: one.name, head: `/${one.run} · ${came}`, next: nextTimes(one, context) });
    }
    const rest = told
      .slice(SHOWN_SCHEDULES)
      .map(({ name, head, next }) => `${name} · ${head} · ${next}`);
    const parts: CardPart[] = [
      ...told
        .slice(0, SHOWN_SCHEDULES)
        .flatMap(({ name, head, next }) => [line({ bold: name }, ` · ${head}`), line(next)]),
      ...(rest.length > 0 ? [{ kind: "folded", lines: rest } as const] : []),
      line({ faint: `times of ${timeZone}` }),
    ];
    return { kind: "card", card: { title, parts, actions: [] } };
  },
});

function nextTimes({ calendar }: Schedule, { now, timeZone }: CommandContext): string {
  const times = calendar.after(now, SHOWN_TIMES).map((slot) => slotTime(slot, now, timeZone));
  return `next ${times.join(", ")}`;
}

async function outcome(last: Slot, { tx, now, timeZone }: CommandContext): Promise<string> {
  const run = last.runId === null ? undefined : await findRun(tx, last.runId);
  const came = run ? `${run.verdict ?? run.state} · ${runName(run.id)}` : last.outcome;
  return `last ${slotTime(last.slot, now, timeZone)} ${came}`;
}
