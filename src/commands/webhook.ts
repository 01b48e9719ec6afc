import { defineCommand } from "./command.ts";

export const webhook = defineCommand<{ readonly sets: boolean }>({
  name: "webhook",
  summary: "Where the product's updates go, and whether it takes them",
  role: "operator",
  usage: "[set]",
  effect: "read",
  words: { atMost: 1 },
  understand({ words: [word] }, { actor }) {
    if (word === undefined) return { ok: true, args: { sets: false } };
    if (word !== "set") return { ok: false, message: `"${word}" is not set.` };
    // Taking over where the product hears its users is for whoever sits at the machine, until approvals are here.
    if (actor.via !== "cli") {
      const message = "It is set from the command line alone: flightdeck webhook set";
      return { ok: false, message };
    }
    return { ok: true, args: { sets: true } };
  },
  async run(context, { sets }) {
    return { kind: "run", admission: await context.start(sets ? "webhook-set" : "webhook", {}) };
  },
});
