import { addressedTo, line } from "../core/card.ts";
import { parseRunName, runName } from "../core/run-name.ts";
import type { Stopping } from "../jobs/approval/cancel-words.ts";
import { findRun, type Run } from "../storage/run.ts";
import { card, defineCommand, type Answer } from "./command.ts";

type Args = { readonly runId: string; readonly code: string | undefined };

export const cancel = defineCommand<Args>({
  name: "cancel",
  summary: "Stop a run where it can be stopped, and say what a stop does not stop",
  role: "operator",
  usage: "RUN [CODE]",
  effect: "mutate",
  words: { atLeast: 1, atMost: 2 },
  understand({ words: [name = "", code] }) {
    const runId = parseRunName(name);
    return runId === undefined
      ? { ok: false, message: `"${name}" is not the name of a run, such as R-7.` }
      : { ok: true, args: { runId, code: code?.toUpperCase() } };
  },
  async run({ tx, now, actor, engine, target }, { runId, code }) {
    const run = await findRun(tx, runId, "for update");
    if (run?.target !== target) {
      return { kind: "refused", message: `There is no run ${runName(runId)} of ${target}.` };
    }
    const ended = {
      kind: "refused",
      message: `${runName(runId)} has ended: ${run.verdict ?? run.state}.`,
    } as const;
    if (isOver(run)) return ended;
    if (run.cancelRequestedAt) return card(`${runName(runId)} was asked to stop already.`);
    if (run.state === "unknown") {
      const why = "waits for a decision about an effect in doubt; the buttons of its card give one";
      return { kind: "refused", message: `${runName(runId)} ${why}.` };
    }
    const stopping = await engine.stopMeaning(tx, run);
    if (stopping?.isUnsafe === true && code !== stopping.code) return asked(run, stopping);
    return (await engine.cancel(tx, now, runId, actor))
      ? card(`${runName(runId)} is asked to stop.`, ...(stopping?.words ?? []))
      : ended;
  },
});

function isOver({ state }: Run): boolean {
  return state !== "waiting" && state !== "running" && state !== "unknown";
}

/** A yes to these words, which another step would make untrue, carries their code. */
function asked(run: Run, { words, code }: Stopping): Answer {
  const command = `cancel ${runName(run.id)} ${code}`;
  const question = {
    title: `✋ ${run.target} · ${runName(run.id)} ${run.operation}: stop it now?`,
    parts: [
      ...words.map((text) => line(text)),
      line("To stop it all the same, tap, or type ", { code: `/${command}` }),
    ],
    actions: [[{ label: "Stop it all the same", command, style: "danger" as const }]],
  };
  return { kind: "card", card: addressedTo(run.target, question) };
}
