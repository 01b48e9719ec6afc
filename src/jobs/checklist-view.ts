import { z } from "zod";

import { standingsOf, type ItemStanding } from "../core/checklist.ts";
import type { RunView } from "./operation.ts";
import { reportSchema, type CheckReport } from "./preflight-verdict.ts";

/** The list as it stood when it was opened, so that a change of the configuration changes no open list. */
export const checklistInput = z.strictObject({
  name: z.string(),
  items: z.array(
    z.strictObject({ name: z.string(), what: z.string(), checks: z.array(z.string()) }),
  ),
});

export type ChecklistInput = z.output<typeof checklistInput>;

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

/** What the checks said, as far as they were asked. */
export function checklistReports(result: unknown): readonly CheckReport[] {
  const parsed = z.array(reportSchema).safeParse(result);
  return parsed.success ? parsed.data : [];
}

/** How every item of a run stands. Before the looking ends nothing is said of what it will see. */
export function standingsIn(view: RunView<ChecklistInput>): readonly ItemStanding[] {
  const [step] = view.steps;
  const reports = step?.state === "done" ? checklistReports(step.result) : undefined;
  return standingsOf(view.input.items, reports, keptIn(view)?.ticks ?? []);
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
