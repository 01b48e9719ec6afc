import { z } from "zod";

import {
  standingsOf,
  type ChecklistItem,
  type ItemStanding,
  type Seen,
  type Tick,
} from "../../core/checklist.ts";
import type { Json } from "../../core/json.ts";
import { ROLES } from "../../core/operator.ts";
import type { Results, RunView } from "../operation.ts";
import { reportSchema } from "../preflight/preflight-verdict.ts";

const proofSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("checks"), checks: z.array(z.string()) }),
  z.strictObject({
    kind: z.literal("run"),
    operation: z.string(),
    verdict: z.string(),
    withinMs: z.number(),
    after: z.string().optional(),
  }),
  z.strictObject({ kind: z.literal("person"), role: z.enum(ROLES) }),
]);

/** The list as it stood when it was opened, so that a change of the configuration changes no open list. */
export const checklistInput = z.strictObject({
  name: z.string(),
  items: z.array(
    z.strictObject({
      name: z.string(),
      what: z.string(),
      proof: proofSchema,
      gate: z.string().optional(),
      command: z.string().optional(),
    }),
  ),
  /** When it was first opened: looking again goes on with the same list. */
  since: z.iso.datetime(),
  /** What was ticked already when this run began. */
  ticked: z.array(z.string()),
});

export type ChecklistInput = z.output<typeof checklistInput>;

/** The list for a run's input. */
export function inputOf(
  name: string,
  items: readonly ChecklistItem[],
  opened: { readonly since: Date; readonly ticked: readonly Tick[] },
): Json {
  return {
    name,
    items: items.map(({ name: item, what, proof, gate, command }) => ({
      name: item,
      what,
      proof,
      ...(gate === undefined ? {} : { gate }),
      ...(command === undefined ? {} : { command }),
    })),
    since: opened.since.toISOString(),
    ticked: opened.ticked.map((tick) => tick.item),
  };
}

export function checksIn(items: readonly ChecklistItem[]): readonly string[] {
  return [...new Set(items.flatMap(({ proof }) => (proof.kind === "checks" ? proof.checks : [])))];
}

export function operationsIn(items: readonly ChecklistItem[]): readonly string[] {
  const named = items.flatMap(({ proof }) =>
    proof.kind === "run"
      ? [proof.operation, ...(proof.after === undefined ? [] : [proof.after])]
      : [],
  );
  return [...new Set(named)];
}

const keptSchema = z.object({
  state: z.enum(["open", "complete", "expired", "superseded"]),
  endsAt: z.coerce.date(),
  supersededBy: z.string().nullable(),
  ticks: z.array(z.object({ item: z.string(), by: z.string(), at: z.coerce.date() })),
});

/** What people have added to the run; undefined for one that nobody can tick. */
export function keptIn(view: RunView<unknown>): z.output<typeof keptSchema> | undefined {
  const parsed = keptSchema.safeParse(view.kept);
  return parsed.success ? parsed.data : undefined;
}

/** The step that looks for runs; the one that asks checks is preflight's own. */
export const RUNS_STEP = "look for the newest runs";

/** One newest run a row, as the journal keeps it. */
const foundRunSchema = z.object({
  operation: z.string(),
  run: z.string(),
  verdict: z.string().optional(),
  end: z.string(),
  begunAt: z.coerce.date(),
  endedAt: z.coerce.date(),
  isWhole: z.boolean(),
});

/** What the steps of a list saw; undefined as long as one of them is missing, for nothing is said of a part. */
export function seenIn(input: ChecklistInput, results: Results): Seen | undefined {
  const runs = z.array(foundRunSchema).safeParse(results[RUNS_STEP]);
  const asked = Object.entries(results).find(([step]) => step !== RUNS_STEP)?.[1];
  const reports = z.array(reportSchema).safeParse(asked);
  if (checksIn(input.items).length > 0 && !reports.success) return undefined;
  if (operationsIn(input.items).length > 0 && !runs.success) return undefined;
  return { reports: reports.data ?? [], runs: runs.data ?? [], since: new Date(input.since) };
}

/** How every item of a run stands. Before the looking ends nothing is said of what it will see. */
export function standingsIn(view: RunView<ChecklistInput>): readonly ItemStanding[] {
  return standingsAfter(view.input, view.steps, keptIn(view)?.ticks ?? []);
}

/** The same of a run's journal and the ticks that belong to it. */
export function standingsAfter(
  input: ChecklistInput,
  steps: RunView<unknown>["steps"],
  ticks: readonly Tick[],
): readonly ItemStanding[] {
  const done = steps.filter(({ state }) => state === "done");
  const results = Object.fromEntries(done.map(({ name, result }) => [name, result]));
  return standingsOf(input.items, seenIn(input, results), ticks);
}

export function standingNames(
  standings: readonly ItemStanding[],
  fits: (standing: ItemStanding) => boolean,
): string {
  return standings
    .filter(fits)
    .map(({ item }) => item.name)
    .join(" ");
}
