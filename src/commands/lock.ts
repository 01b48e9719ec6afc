import { nearest } from "../core/nearest.ts";
import type { Operator } from "../core/operator.ts";
import { lockOperator, unlockOperator } from "../storage/operator-lock.ts";
import { card, defineCommand, type CommandContext, type Understood } from "./command.ts";

type Args = { readonly operator: Operator };

export const lock = defineCommand<Args>({
  name: "lock",
  summary: "Take a person's rights away at once, as when a phone is stolen",
  role: "approver",
  usage: "NAME",
  effect: "mutate",
  words: { atLeast: 1, atMost: 1 },
  understand: (line, context) => personMeant(line.words[0] ?? "", context),
  async run({ tx, now, actor, target, record }, { operator }) {
    const person = { target, telegram: operator.telegram };
    if (!(await lockOperator(tx, now, person, actor.name))) {
      return { kind: "refused", message: `${operator.name} is locked already.` };
    }
    await record({ kind: "operator.locked", result: "locked", facts: personFacts(operator) });
    return card(
      `🔒 ${operator.name} is locked`,
      `Nothing that comes from this account about ${target} is heard any more.`,
      `Another approver gives the rights back by /unlock ${operator.name}, or the command line does.`,
    );
  },
});

export const unlock = defineCommand<Args>({
  name: "unlock",
  summary: "Give a person's rights back",
  role: "approver",
  usage: "NAME",
  effect: "mutate",
  words: { atLeast: 1, atMost: 1 },
  understand: (line, context) => personMeant(line.words[0] ?? "", context),
  async run({ tx, target, record }, { operator }) {
    if (!(await unlockOperator(tx, { target, telegram: operator.telegram }))) {
      return { kind: "refused", message: `${operator.name} is not locked.` };
    }
    await record({ kind: "operator.unlocked", result: "unlocked", facts: personFacts(operator) });
    return card(`🔓 ${operator.name} is ${operator.role} again`);
  },
});

/** A person by name or by Telegram id; names are compared without regard to case. */
function personMeant(word: string, { operators }: CommandContext): Understood<Args> {
  const wanted = word.toLowerCase();
  const operator = operators.find(
    (one) => one.name.toLowerCase() === wanted || String(one.telegram) === word,
  );
  if (operator) return { ok: true, args: { operator } };
  const meant = nearest(
    word,
    operators.map((one) => one.name),
  );
  const hint = meant === undefined ? "" : ` Did you mean ${meant}?`;
  return { ok: false, message: `There is no operator "${word}".${hint}` };
}

function personFacts(operator: Operator): Readonly<Record<string, string>> {
  return { operator: operator.name, telegram: String(operator.telegram) };
}
