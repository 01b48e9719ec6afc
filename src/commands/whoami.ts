import { card, defineCommand } from "./command.ts";

export const whoami = defineCommand<undefined>({
  name: "whoami",
  summary: "Who you are to Flightdeck, and what you may do",
  role: "viewer",
  usage: "",
  effect: "read",
  understand: () => ({ ok: true, args: undefined }),
  async run({ actor, target }) {
    if (actor.via === "flightdeck") return card(actor.name);
    return card(
      `${actor.name} · ${actor.role}`,
      `Telegram id ${actor.telegram}, known from the configuration of ${target}.`,
      "/help shows what this role may do.",
    );
  },
});
