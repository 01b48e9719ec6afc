import { z } from "zod";

import { ids } from "../../sandbox/coolify/ids.ts";
import type { DeploymentRow } from "../../sandbox/coolify/rows.ts";
import { runName } from "../../src/core/run-name.ts";
import { query } from "../support/records.ts";
import type { Effect, RunRow } from "./record.ts";
import type { Stage } from "./stage.ts";

/** An act as the journal has it. */
export type Act = {
  readonly runId: string;
  readonly name: string;
  readonly state: string;
  readonly key: string;
  readonly result: unknown;
  /** The job whose letter it puts back. */
  readonly job: string | undefined;
  readonly startedAt: Date;
  readonly endedAt: Date | undefined;
};

export type CountedEffects = {
  readonly effects: readonly Effect[];
  readonly strays: readonly string[];
};

/** What the world saw of every act whose effects can be told apart there, and what it saw that belongs to none. */
export async function countEffects(
  stage: Stage,
  begunAt: Date,
  acts: readonly Act[],
  runs: readonly RunRow[],
): Promise<CountedEffects> {
  const counted = [
    markEffects(stage.mark.marks(), acts),
    deploymentEffects(stage.world.coolify.state.deployments, begunAt, acts),
    await backups(stage, acts),
    await thoughts(stage, acts),
    returnedJobs(acts, runs, await completions(stage)),
  ];
  return {
    effects: counted.flatMap(({ effects }) => effects),
    strays: counted.flatMap(({ strays }) => strays),
  };
}

/** One mark for each key, counted by a server that knows no idempotency. */
export function markEffects(
  marks: ReadonlyMap<string, number>,
  acts: readonly Act[],
): CountedEffects {
  const own = acts.filter(({ name }) => name === "mark");
  const keys = new Set(own.map(({ key }) => key));
  return {
    effects: own.map((act) => effectOf(act, marks.get(act.key) ?? 0, act.state === "done")),
    strays: [...marks.keys()].filter((key) => !keys.has(key)).map((key) => `a mark by ${key}`),
  };
}

const APPLICATIONS: Readonly<Record<string, string>> = {
  restart: ids.worker,
  "the worker is deployed": ids.worker,
  "the api is deployed": ids.api,
  "the API is deployed": ids.api,
};
const SLACK_MS = 2_000;

/** A deployment belongs to the act that names it, else to the act of its application in whose time it was begun. */
export function deploymentEffects(
  all: readonly DeploymentRow[],
  begunAt: Date,
  acts: readonly Act[],
): CountedEffects {
  const own = acts.filter(({ name }) => APPLICATIONS[name] !== undefined);
  const named = new Set(own.map(({ result }) => deploymentOf(result)));
  const rows = all.filter(
    (row) => row.is_api && row.pull_request_id === 0 && new Date(row.created_at) >= begunAt,
  );
  const claimed = new Set<string>();
  const effects = own.map((act) => {
    const mine = rows.filter(({ deployment_uuid: uuid, application, created_at }) => {
      if (uuid === deploymentOf(act.result)) return true;
      if (named.has(uuid) || application !== APPLICATIONS[act.name]) return false;
      const at = new Date(created_at).getTime();
      const until = act.endedAt?.getTime() ?? Number.POSITIVE_INFINITY;
      return at >= act.startedAt.getTime() - SLACK_MS && at <= until + SLACK_MS;
    });
    for (const { deployment_uuid: uuid } of mine) claimed.add(uuid);
    return effectOf(act, mine.length, act.state === "done");
  });
  const strays = rows
    .filter(({ deployment_uuid: uuid }) => !claimed.has(uuid))
    .map(({ deployment_uuid: uuid, created_at: at }) => `deployment ${uuid} of ${at}`);
  return { effects, strays };
}

function deploymentOf(result: unknown): string | undefined {
  const { deployment } = (result ?? {}) as { readonly deployment?: string };
  return deployment;
}

/** Without its manifest a backup never happened, and the manifest says which run made it; some were thinned out since. */
async function backups({ world, stores }: Stage, acts: readonly Act[]): Promise<CountedEffects> {
  const own = acts.filter(({ name }) => name === "commit");
  const kept = world.s3
    .keys()
    .filter((key) => key.endsWith(".json"))
    .map((key) => manifestSchema.parse(JSON.parse(world.s3.object(key)?.toString() ?? "")).run);
  const { rows: deleted } = await query<{ run: string }>(
    stores.databaseUrl,
    "select run from backup where deleted_at is not null",
  );
  const made = [...kept, ...deleted.map(({ run }) => run)];
  const names = new Set(own.map(({ runId }) => runName(runId)));
  return {
    effects: own.map((act) => {
      const count = made.filter((run) => run === runName(act.runId)).length;
      return effectOf(act, count, act.state === "done");
    }),
    strays: made.filter((run) => !names.has(run)).map((run) => `a backup by ${run}`),
  };
}

const manifestSchema = z.object({ run: z.string() });

/** What a smoke flow has captured in the product says which run it was. */
async function thoughts(stage: Stage, acts: readonly Act[]): Promise<CountedEffects> {
  const own = acts.filter(({ name }) => name.endsWith("a thought becomes a task"));
  const { rows } = await query<{ text: string; count: number }>(
    stage.world.product.databaseUrl,
    `select message_raw as text, count(*)::integer as count from inbox_items
     where message_raw like '%ops smoke test R-%' group by 1`,
  );
  const textOf = ({ runId }: Act): string => `Check the ops smoke test ${runName(runId)}`;
  const known = new Set(own.map(textOf));
  return {
    effects: own.map((act) => {
      const { status } = (act.result ?? {}) as { readonly status?: string };
      const count = rows.find(({ text }) => text === textOf(act))?.count ?? 0;
      return effectOf(act, count, status === "pass");
    }),
    strays: rows.filter(({ text }) => !known.has(text)).map(({ text }) => `a thought "${text}"`),
  };
}

/** A letter that was put back completes its job once, however often somebody tried. */
function returnedJobs(
  acts: readonly Act[],
  runs: readonly RunRow[],
  completed: ReadonlyMap<string, number>,
): CountedEffects {
  const own = acts.filter(({ name }) => name === "put back");
  return {
    effects: own.map((act) => {
      const isCompleted = runs.find(({ id }) => id === act.runId)?.verdict === "COMPLETED";
      const count = completed.get(act.job ?? "");
      // Who heals the fault that made a letter takes away all that befell its job; then nothing can be said of it.
      return effectOf(act, count ?? 0, isCompleted && count !== undefined);
    }),
    strays: [],
  };
}

/** How often each job was completed of which the world still knows anything. */
async function completions({ world }: Stage): Promise<ReadonlyMap<string, number>> {
  const { rows } = await query<{ job: string; count: number }>(
    world.product.databaseUrl,
    `select substring(request_id from 5) as job,
       (count(*) filter (where event_type = 'worker_topic_completed'))::integer as count
     from event_log where starts_with(request_id, 'job_') group by 1`,
  );
  return new Map(rows.map(({ job, count }) => [job, count]));
}

function effectOf({ runId, name, state }: Act, count: number, isOwed: boolean): Effect {
  return { runId, step: name, stepState: state, count, isOwed };
}
