import { line, type CardPart } from "../core/card.ts";
import { clockTime } from "../core/moment.ts";
import { newestEntries, type RecordedEntry } from "../storage/evidence.ts";
import { card, defineCommand, type CommandContext } from "./command.ts";

const DEFAULT_SHOWN = 5;
const MOST_SHOWN = 50;

export const evidence = defineCommand<{ readonly count: number }>({
  name: "evidence",
  summary: "The newest entries of the evidence log",
  role: "viewer",
  usage: `[show] [N] (1 to ${MOST_SHOWN})`,
  effect: "read",
  words: { atMost: 2 },
  understand({ words }) {
    const [text = String(DEFAULT_SHOWN), ...rest] = words[0] === "show" ? words.slice(1) : words;
    const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
    if (count < 1 || count > MOST_SHOWN || rest.length > 0) {
      return { ok: false, message: `"${words.join(" ")}" is not a number of entries.` };
    }
    return { ok: true, args: { count } };
  },
  async run(context, { count }) {
    const entries = await newestEntries(context.tx, context.target, count);
    const title = `${context.target} · evidence`;
    if (entries.length === 0) return card(title, "The log has no entry yet.");
    return {
      kind: "card",
      card: { title, parts: entries.flatMap((entry) => entryParts(entry, context)), actions: [] },
    };
  },
});

function entryParts({ entry, hash }: RecordedEntry, context: CommandContext): CardPart[] {
  const at = clockTime(new Date(entry.at), context.now, context.timeZone);
  const what = [entry.operation, entry.step].filter((word) => word !== undefined).join(", ");
  const result = entry.result ?? entry.kind.split(".")[1] ?? "";
  const facts = Object.entries(entry.facts).map(([name, value]) => `${name}: ${value}`);
  return [
    line({ bold: `#${entry.seq} ${what} · ${result}` }),
    line(`${entry.run === undefined ? "" : `${entry.run} · `}${entry.actor.name} · ${at} · `, {
      code: hash.slice(0, 12),
    }),
    ...(facts.length > 0 ? [{ kind: "folded", lines: facts } as const] : []),
  ];
}
