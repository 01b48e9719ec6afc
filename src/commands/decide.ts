import { parseRunName, runName } from "../core/run-name.ts";
import type { Decision } from "../jobs/engine.ts";
import { findRun } from "../storage/run.ts";
import { card, defineCommand } from "./command.ts";

const MEANING: Readonly<Record<Decision, string>> = {
  happened: "It happened; the run goes on after it.",
  retry: "It did not happen; the step is done again.",
  abort: "The run ends here as failed.",
};

/** What the buttons of a run with an effect in doubt type. */
export const decide = defineCommand<{ readonly runId: string; readonly decision: Decision }>({
  name: "decide",
  summary: "Say what became of an effect in doubt",
  role: "operator",
  usage: "RUN happened|retry|abort",
  effect: "mutate",
  listed: false,
  words: { atLeast: 2, atMost: 2 },
  understand({ words: [name = "", word = ""] }) {
    const runId = parseRunName(name);
    if (runId === undefined) {
      return { ok: false, message: `"${name}" is not the name of a run, such as R-7.` };
    }
    if (word !== "happened" && word !== "retry" && word !== "abort") {
      return { ok: false, message: `"${word}" is none of happened, retry, abort.` };
    }
    return { ok: true, args: { runId, decision: word } };
  },
  async run({ tx, now, engine, actor, target }, { runId, decision }) {
    const run = await findRun(tx, runId);
    if (run?.target !== target) {
      return { kind: "refused", message: `There is no run ${runName(runId)} of ${target}.` };
    }
    return (await engine.decide(tx, now, runId, decision, actor))
      ? card(`${runName(runId)} · ${actor.name} decided: ${decision}`, MEANING[decision])
      : { kind: "refused", message: `Nothing is in doubt about ${runName(runId)} any more.` };
  },
});
