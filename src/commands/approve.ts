import { parseRunName, runName } from "../core/run-name.ts";
import type { Ballot } from "../jobs/approval/approval-vote.ts";
import { findRun } from "../storage/run.ts";
import { defineCommand, type Answer, type CommandContext, type Understood } from "./command.ts";

type Approved = { readonly runId: string; readonly code: string };

/** Says yes to what a run asks, for the day when there is no chat. The code proves that its question was read. */
export const approve = defineCommand<Approved>({
  name: "approve",
  summary: "Say yes to what a run asks, at a terminal",
  role: "operator",
  usage: "RUN CODE",
  effect: "mutate",
  listed: false,
  words: { atLeast: 2, atMost: 2 },
  understand({ words: [name = "", code = ""] }) {
    const meant = runMeant(name);
    return meant.ok ? { ok: true, args: { ...meant.args, code } } : meant;
  },
  run: async (context, { runId, code }) => say(context, runId, { kind: "yes", code }),
});

/** Says no to what a run asks, or takes back one's own question. */
export const deny = defineCommand<{ readonly runId: string }>({
  name: "deny",
  summary: "Say no to what a run asks, at a terminal",
  role: "operator",
  usage: "RUN",
  effect: "mutate",
  listed: false,
  words: { atLeast: 1, atMost: 1 },
  understand: ({ words: [name = ""] }) => runMeant(name),
  run: async (context, { runId }) => say(context, runId, { kind: "no" }),
});

function runMeant(name: string): Understood<{ readonly runId: string }> {
  const runId = parseRunName(name);
  return runId === undefined
    ? { ok: false, message: `"${name}" is not the name of a run, such as R-7.` }
    : { ok: true, args: { runId } };
}

async function say(
  { tx, now, engine, actor, cause, target }: CommandContext,
  runId: string,
  word: Extract<Ballot, { readonly by: "terminal" }>["word"],
): Promise<Answer> {
  if (actor.via !== "cli") {
    const message = "In the chat a question is answered by the buttons of its card.";
    return { kind: "refused", message };
  }
  if ((await findRun(tx, runId))?.target !== target) {
    return { kind: "refused", message: `There is no run ${runName(runId)} of ${target}.` };
  }
  return engine.hear(tx, now, { by: "terminal", voter: actor, cause, runId, word });
}
