import type { ServedTarget } from "../commands/served-target.ts";
import type { GateRules } from "./gate.ts";

/** Whom the gate hears, as soon as the bot knows its own name: commands are told by it from those of other bots. */
export type RulesFor = (botUsername: string) => GateRules;

/** The gate hears the chats of all targets and the people who are somebody to any of them. */
export function gateRules(targets: readonly ServedTarget[]): RulesFor {
  const chatIds = new Set(targets.map(({ chatId }) => chatId));
  const operators = targets.flatMap(({ context }) => context.operators);
  return (botUsername) => ({ chatIds, operators, botUsername });
}
