import { tickProblem } from "../core/checklist.ts";
import { nearest } from "../core/nearest.ts";
import { mayActAs } from "../core/operator.ts";
import { parseRunName, runName } from "../core/run-name.ts";
import { standingsOfRun, supersede } from "../jobs/checklist/checklist-closing.ts";
import type { Checklist } from "../jobs/checklist/checklist-settings.ts";
import { checklistInput, inputOf } from "../jobs/checklist/checklist-view.ts";
import { subjectOf } from "../jobs/engine/run-record.ts";
import {
  findChecklist,
  keepChecklist,
  keepTick,
  openChecklist,
  takeTickBack,
  ticksOf,
} from "../storage/checklist.ts";
import { stateChanged } from "../storage/outbox.ts";
import { findRun } from "../storage/run.ts";
import { defineCommand, type Answer, type CommandContext, type Understood } from "./command.ts";

type Tick = { readonly kind: "tick" | "untick"; readonly runId: string; readonly item: string };
type Args = { readonly kind: "open"; readonly checklist: Checklist } | Tick;

export const checklist = defineCommand<Args>({
  name: "checklist",
  summary: "What is looked after daily, weekly or in a rollout: what can be seen, what people tick",
  role: "operator",
  usage: "NAME | tick RUN ITEM | untick RUN ITEM",
  effect: "mutate",
  words: { atLeast: 1, atMost: 3 },
  understand({ words }, context) {
    const [first = "", ...rest] = words;
    if (first === "tick" || first === "untick") return tickMeant(first, rest);
    if (rest.length > 0) return { ok: false, message: `"${rest[0]}" is one word too many.` };
    return listMeant(first, context);
  },
  run: async (context, args) =>
    args.kind === "open" ? open(context, args.checklist) : tick(context, args),
});

function listMeant(name: string, { checklists }: CommandContext): Understood<Args> {
  const meant = checklists.find((one) => one.name === name);
  if (meant) return { ok: true, args: { kind: "open", checklist: meant } };
  const names = checklists.map((one) => one.name);
  if (names.length === 0) return { ok: false, message: "No checklists are configured." };
  const near = nearest(name, names);
  const hint = near === undefined ? `There is ${names.join(", ")}.` : `Did you mean ${near}?`;
  return { ok: false, message: `There is no checklist "${name}". ${hint}` };
}

function tickMeant(
  kind: "tick" | "untick",
  [name = "", item]: readonly string[],
): Understood<Args> {
  const runId = parseRunName(name);
  if (runId === undefined) {
    return { ok: false, message: `"${name}" is not the name of a run, such as R-7.` };
  }
  if (item === undefined) return { ok: false, message: "Which item?" };
  return { ok: true, args: { kind, runId, item } };
}

/** Looks anew. A list that is open already goes on: its ticks, its beginning and its end stay. */
async function open(
  context: CommandContext,
  { name, items, endsAfter }: Checklist,
): Promise<Answer> {
  const { tx, now, target, engine } = context;
  const found = await openChecklist(tx, target, name);
  const earlier = found && found.endsAt > now ? found : undefined;
  const former = earlier && (await findRun(tx, earlier.runId));
  const ticked = earlier ? await ticksOf(tx, earlier.runId) : [];
  const since = former ? new Date(checklistInput.parse(former.input).since) : now;
  const admission = await context.start("checklist", inputOf(name, items, { since, ticked }));
  if (admission.kind !== "created") return { kind: "run", admission };
  const { run } = admission;
  if (found) await supersede(tx, now, engine, found, run);
  const endsAt = earlier?.endsAt ?? endsAfter(now);
  await keepChecklist(tx, { runId: run.id, target, name, endsAt });
  for (const one of ticked) await keepTick(tx, run.id, one);
  return { kind: "run", admission };
}

async function tick(
  { tx, now, actor, target }: CommandContext,
  { kind, runId, item }: Tick,
): Promise<Answer> {
  const name = runName(runId);
  const kept = await findChecklist(tx, runId, "for update");
  const run = await findRun(tx, runId);
  if (kept?.target !== target || !run)
    return refused(`There is no checklist ${name} of ${target}.`);
  if (kept.state !== "open")
    return refused(`${name} is ${kept.state}, so nothing of it is ticked any more.`);
  const known = checklistInput.parse(run.input).items.find((one) => one.name === item);
  if (!known) return refused(`${name} has no item "${item}".`);
  const problem = tickProblem(await standingsOfRun(tx, run), known);
  if (problem !== undefined) return refused(problem);
  const needed = known.proof.kind === "person" ? known.proof.role : "operator";
  if (actor.via === "flightdeck" || !mayActAs(actor.role, needed)) {
    return refused(`"${known.what}" is ticked by an ${needed}.`);
  }
  const by = (await ticksOf(tx, runId)).find((one) => one.item === item)?.by;
  if (kind === "tick" && by !== undefined) return refused(`${by} has ticked that already.`);
  if (kind === "untick" && by === undefined) return refused("Nobody has ticked that.");
  if (kind === "tick") await keepTick(tx, runId, { item, by: actor.name, at: now });
  else await takeTickBack(tx, runId, item);
  const subject = subjectOf(run);
  await stateChanged(tx, now, subject);
  return { kind: "subject", subject };
}

function refused(message: string): Answer {
  return { kind: "refused", message };
}
