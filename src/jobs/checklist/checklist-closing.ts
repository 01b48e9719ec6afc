import { decideChecklist, type ItemStanding } from "../../core/checklist.ts";
import { runName } from "../../core/run-name.ts";
import { pause } from "../../core/waiting.ts";
import {
  closeChecklist,
  findChecklist,
  openChecklists,
  ticksOf,
  type KeptChecklist,
} from "../../storage/checklist.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { openSubject, stateChanged, type Place } from "../../storage/outbox.ts";
import { stepsOf } from "../../storage/run-step.ts";
import { findRun, type Run } from "../../storage/run.ts";
import type { Engine } from "../engine/engine.ts";
import { subjectOf } from "../engine/run-record.ts";
import { checklistInput, standingNames, standingsAfter } from "./checklist-view.ts";
import { seenFacts } from "./checklist.ts";

export type ClosingParts = {
  readonly database: Database;
  readonly engine: Pick<Engine, "recordAfterwards">;
  readonly targets: readonly { readonly target: string; readonly place: Place }[];
  readonly everyMs: number;
  readonly onError: (error: unknown, during: string) => void;
};

/** The leader's duty: ends lists whose last item is done, and those whose time is over, until the signal. */
export async function closeChecklists(parts: ClosingParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const target of parts.targets) {
      await closeDue(parts, target).catch((error: unknown) =>
        parts.onError(error, `closing the checklists of ${target.target}`),
      );
    }
    await pause(parts.everyMs, signal);
  }
}

async function closeDue(
  { database, engine }: ClosingParts,
  { target, place }: ClosingParts["targets"][number],
): Promise<void> {
  const open = await database.transaction(async (tx) => openChecklists(tx, target));
  for (const runId of open) {
    await database.transaction(async (tx, now) => {
      const kept = await findChecklist(tx, runId, "for update");
      const run = await findRun(tx, runId);
      if (kept?.state !== "open" || !run) return;
      const standings = await standingsOfRun(tx, run);
      const decision = decideChecklist(standings, kept.endsAt, now);
      // The result of its run stands in the log before what people made of it.
      if (decision === "open" || (decision === "complete" && !run.endedAt)) return;
      // What nobody finished is worth a message even where the list was opened without one.
      // It ends at midnight, and can wait for the morning.
      const manner = { silent: true };
      if (decision === "expired") await openSubject(tx, now, subjectOf(run), place, manner);
      await close(tx, now, engine, { run, standings, as: decision });
    });
  }
}

/** Ends an open list because another run of it begins, and hands its ticks to that one while they still count. */
export async function supersede(
  tx: Transaction,
  now: Date,
  engine: Pick<Engine, "recordAfterwards">,
  earlier: KeptChecklist,
  by: Run,
): Promise<void> {
  const run = await findRun(tx, earlier.runId);
  if (!run) return;
  const standings = await standingsOfRun(tx, run);
  const isOver = earlier.endsAt <= now;
  const as = isOver ? ({ as: "expired" } as const) : ({ as: "superseded", by: by.id } as const);
  await close(tx, now, engine, { run, standings, ...as });
}

async function close(
  tx: Transaction,
  now: Date,
  engine: Pick<Engine, "recordAfterwards">,
  closing: {
    readonly run: Run;
    readonly standings: readonly ItemStanding[];
    readonly as: "complete" | "expired" | "superseded";
    readonly by?: string;
  },
): Promise<void> {
  const { run, standings, as, by } = closing;
  await closeChecklist(tx, now, run.id, as, by ?? null);
  await stateChanged(tx, now, subjectOf(run));
  await engine.recordAfterwards(tx, now, run, {
    kind: "checklist.closed",
    result: as,
    actor: { via: "flightdeck", name: "checklist" },
    facts: {
      checklist: checklistInput.parse(run.input).name,
      ...seenFacts(standings),
      ...tickFacts(standings),
      ...(by === undefined ? {} : { "superseded-by": runName(by) }),
    },
  });
}

/** How every item of a list stands now, by what its run saw and what people have ticked. */
export async function standingsOfRun(tx: Transaction, run: Run): Promise<readonly ItemStanding[]> {
  const input = checklistInput.parse(run.input);
  return standingsAfter(input, await stepsOf(tx, run.id), await ticksOf(tx, run.id));
}

/** Who ticked what, and when; and what nobody did. */
function tickFacts(standings: readonly ItemStanding[]): Readonly<Record<string, string>> {
  const ticked = standings
    .flatMap((one) => (one.kind === "ticked" ? [one.tick] : []))
    .map(({ item, by, at }) => `${item} by ${by} at ${at.toISOString()}`)
    .join("; ");
  const open = standingNames(standings, (one) => one.kind === "not-ticked");
  const unseen = standingNames(standings, (one) => one.kind === "not-looked");
  const facts = { ticked, "not-ticked": open, "not-looked": unseen };
  return Object.fromEntries(Object.entries(facts).filter(([, names]) => names !== ""));
}
