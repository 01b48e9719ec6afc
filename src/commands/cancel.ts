import { parseRunName, runName } from "../core/run-name.ts";
import { findRun } from "../storage/run.ts";
import { card, defineCommand } from "./command.ts";

export const cancel = defineCommand<{ readonly runId: string }>({
  name: "cancel",
  summary: "Stop a run where it can be stopped",
  role: "operator",
  usage: "RUN",
  effect: "mutate",
  words: { atLeast: 1, atMost: 1 },
  understand({ words: [name = ""] }) {
    const runId = parseRunName(name);
    return runId === undefined
      ? { ok: false, message: `"${name}" is not the name of a run, such as R-7.` }
      : { ok: true, args: { runId } };
  },
  async run({ tx, now, engine, target }, { runId }) {
    const run = await findRun(tx, runId, "for update");
    if (run?.target !== target) {
      return { kind: "refused", message: `There is no run ${runName(runId)} of ${target}.` };
    }
    if (run.cancelRequestedAt) return card(`${runName(runId)} was asked to stop already.`);
    if (run.state === "unknown") {
      const why = "waits for a decision about an effect in doubt; the buttons of its card give one";
      return { kind: "refused", message: `${runName(runId)} ${why}.` };
    }
    return (await engine.cancel(tx, now, runId))
      ? card(`${runName(runId)} is asked to stop.`, "It stops at the next safe point.")
      : { kind: "refused", message: `${runName(runId)} has ended: ${run.verdict ?? run.state}.` };
  },
});
