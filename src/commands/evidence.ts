import { line, type CardPart } from "../core/card.ts";
import { clockTime } from "../core/moment.ts";
import { EXPORT_SUBJECT } from "../jobs/evidence/log-export.ts";
import { newestEntries, type RecordedEntry } from "../storage/evidence.ts";
import { card, defineCommand, type Answer, type CommandContext } from "./command.ts";

const DEFAULT_SHOWN = 5;
const MOST_SHOWN = 50;

type Asked =
  | { readonly kind: "show"; readonly count: number }
  | { readonly kind: "verify" }
  | { readonly kind: "export" };

export const evidence = defineCommand<Asked>({
  name: "evidence",
  summary: "The newest entries of the evidence log, its verification, or the log itself",
  role: "viewer",
  usage: `[show] [N] (1 to ${MOST_SHOWN}) | verify | export`,
  effect: "read",
  words: { atMost: 2 },
  understand({ words }) {
    const [first, second] = words;
    if ((first === "verify" || first === "export") && second === undefined) {
      return { ok: true, args: { kind: first } };
    }
    const [text = String(DEFAULT_SHOWN), ...rest] = first === "show" ? words.slice(1) : words;
    const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
    if (count < 1 || count > MOST_SHOWN || rest.length > 0) {
      return { ok: false, message: `"${words.join(" ")}" is not a number of entries.` };
    }
    return { ok: true, args: { kind: "show", count } };
  },
  async run(context, asked) {
    switch (asked.kind) {
      case "show":
        return show(context, asked.count);
      case "verify":
        return { kind: "run", admission: await context.start("evidence-verify", {}) };
      case "export":
        return {
          kind: "subject",
          subject: `${EXPORT_SUBJECT}:${context.target}:${context.cause}`,
        };
    }
  },
});

async function show(context: CommandContext, count: number): Promise<Answer> {
  const entries = await newestEntries(context.tx, context.target, count);
  const title = `${context.target} · evidence`;
  if (entries.length === 0) return card(title, "The log has no entry yet.");
  return {
    kind: "card",
    card: { title, parts: entries.flatMap((entry) => entryParts(entry, context)), actions: [] },
  };
}

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
