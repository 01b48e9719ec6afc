import { defineCommand } from "./command.ts";

export const webhook = defineCommand<{ readonly sets: boolean }>({
  name: "webhook",
  summary: "Where the product's updates go; or register it, once somebody else says yes",
  role: "operator",
  usage: "[set]",
  effect: "mutate",
  words: { atMost: 1 },
  understand({ words: [word] }) {
    if (word === undefined) return { ok: true, args: { sets: false } };
    if (word !== "set") return { ok: false, message: `"${word}" is not set.` };
    return { ok: true, args: { sets: true } };
  },
  async run(context, { sets }) {
    return { kind: "run", admission: await context.start(sets ? "webhook-set" : "webhook", {}) };
  },
});
