import { line, type CardPart } from "../core/card.ts";
import { formatDuration } from "../core/duration.ts";
import { age, clockTime } from "../core/moment.ts";
import { parseRunName, runName } from "../core/run-name.ts";
import { stepsOf, type JournalledStep } from "../storage/run-step.ts";
import { findRun, recentRuns, type Run } from "../storage/run.ts";
import { card, defineCommand, type Answer, type CommandContext } from "./command.ts";

const SHOWN = 10;

export const runs = defineCommand<{ readonly runId: string | undefined }>({
  name: "runs",
  summary: "The last runs, or one of them in detail",
  role: "viewer",
  usage: "[RUN]",
  effect: "read",
  words: { atMost: 1 },
  understand({ words: [name] }) {
    const runId = name === undefined ? undefined : parseRunName(name);
    if (name !== undefined && runId === undefined) {
      return { ok: false, message: `"${name}" is not the name of a run, such as R-7.` };
    }
    return { ok: true, args: { runId } };
  },
  run: async (context, { runId }) =>
    runId === undefined ? listRuns(context) : showRun(context, runId),
});

async function listRuns(context: CommandContext): Promise<Answer> {
  const recent = await recentRuns(context.tx, context.target, SHOWN);
  const title = `${context.target} · last runs`;
  if (recent.length === 0) return card(title, "Nothing has been run yet.");
  const lines = recent.map((run) =>
    line(
      { bold: runName(run.id) },
      ` ${run.operation} · ${outcome(run)} · ${run.actor.name} · ${age(run.createdAt, context.now)}`,
    ),
  );
  return { kind: "card", card: { title, parts: lines, actions: [] } };
}

async function showRun(context: CommandContext, runId: string): Promise<Answer> {
  const run = await findRun(context.tx, runId);
  if (run?.target !== context.target) {
    return { kind: "refused", message: `There is no run ${runName(runId)} of ${context.target}.` };
  }
  const steps = await stepsOf(context.tx, runId);
  const { now, timeZone } = context;
  const asked = `asked by ${run.actor.name} at ${clockTime(run.createdAt, now, timeZone)}`;
  return {
    kind: "card",
    card: {
      title: `${runName(run.id)} · ${run.operation} · ${outcome(run)}`,
      parts: [
        line(`${run.target}, ${asked}`),
        ...(run.reason === null ? [] : [line(run.reason)]),
        ...steps.map(stepLine),
        ...(await context.engine.detailsOf(context.tx, now, runId)),
      ],
      actions: [],
    },
  };
}

function outcome(run: Run): string {
  return run.verdict ?? run.state;
}

/** How far each step came; what it saw is told by the operation's own details. */
function stepLine(step: JournalledStep): CardPart {
  const took = step.endedAt
    ? ` in ${formatDuration(step.endedAt.getTime() - step.startedAt.getTime())}`
    : "";
  const error = step.error === null ? "" : `: ${step.error}`;
  return line({ faint: step.name }, ` · ${step.state}${took}${error}`);
}
