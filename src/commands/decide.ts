import { parseRunName, runName } from "../core/run-name.ts";
import type { Decision } from "../jobs/engine/run-doubt.ts";
import { findRun } from "../storage/run.ts";
import { card, defineCommand } from "./command.ts";

const MEANING: Readonly<Record<Decision, string>> = {
  happened: "It happened; the run goes on after it.",
  retry: "It did not happen; the step is done again.",
  abort: "The run ends here as failed.",
};

type Args = {
  readonly runId: string;
  readonly decision: Decision;
  /** Which doubt of the run is meant; a button knows, a person need not. */
  readonly turn: number | undefined;
};

/** What the buttons of a run with an effect in doubt type. */
export const decide = defineCommand<Args>({
  name: "decide",
  summary: "Say what became of an effect in doubt",
  role: "operator",
  usage: "RUN happened|retry|abort [TURN]",
  effect: "mutate",
  listed: false,
  words: { atLeast: 2, atMost: 3 },
  understand({ words: [name = "", word = "", turn] }) {
    const runId = parseRunName(name);
    if (runId === undefined) {
      return { ok: false, message: `"${name}" is not the name of a run, such as R-7.` };
    }
    if (word !== "happened" && word !== "retry" && word !== "abort") {
      return { ok: false, message: `"${word}" is none of happened, retry, abort.` };
    }
    if (turn !== undefined && !/^\d{1,9}$/.test(turn)) {
      return { ok: false, message: `"${turn}" is no number.` };
    }
    const meant = turn === undefined ? undefined : Number(turn);
    return { ok: true, args: { runId, decision: word, turn: meant } };
  },
  async run({ tx, now, engine, actor, target }, { runId, decision, turn }) {
    const run = await findRun(tx, runId);
    if (run?.target !== target) {
      return { kind: "refused", message: `There is no run ${runName(runId)} of ${target}.` };
    }
    return (await engine.decide(tx, now, runId, decision, actor, turn))
      ? card(`${runName(runId)} · ${actor.name} decided: ${decision}`, MEANING[decision])
      : { kind: "refused", message: `Nothing is in doubt about ${runName(runId)} any more.` };
  },
});
