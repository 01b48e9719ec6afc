import { line } from "../core/card.ts";
import { nearest } from "../core/nearest.ts";
import { mayActAs, type Role } from "../core/operator.ts";
import { card, defineCommand, type Command } from "./command.ts";

/** Help knows the list that it is itself a part of, so it is made when the list is. */
export function createHelp(all: () => readonly Command[]): Command {
  return defineCommand<{ readonly name: string | undefined }>({
    name: "help",
    summary: "What you can ask, or how to use one command",
    role: "viewer",
    usage: "[command]",
    effect: "read",
    words: { atMost: 1 },
    understand({ words: [word] }) {
      const name = word?.replace(/^\//, "");
      const known = name === undefined || all().some((command) => command.name === name);
      if (known) return { ok: true, args: { name } };
      const listed = all().filter((command) => command.listed);
      const meant = nearest(
        name,
        listed.map((command) => command.name),
      );
      const hint = meant === undefined ? "" : ` Did you mean /${meant}?`;
      return { ok: false, message: `There is no command /${name}.${hint}` };
    },
    async run({ actor, target }, { name }) {
      const command = all().find((one) => one.name === name);
      if (command) {
        const usage = `/${command.name} ${command.usage}`.trim();
        return card(usage, command.summary, `For role ${command.role} and above.`);
      }
      const role: Role = actor.via === "flightdeck" ? "viewer" : actor.role;
      const lines = all()
        .filter((one) => one.listed && mayActAs(role, one.role))
        .map((one) => line({ bold: `/${one.name}` }, ` ${one.summary}`));
      return {
        kind: "card",
        card: { title: `${target} · what you may ask as ${role}`, parts: lines, actions: [] },
      };
    },
  });
}
