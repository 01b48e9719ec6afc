import { z } from "zod";

import { formatDuration } from "../core/duration.ts";
import { durationSetting, secretSetting, textSetting } from "../core/setting.ts";
import type { Observation } from "../core/status.ts";
import { postgresUrlProblem } from "../systems/postgres.ts";
import type { Redis } from "../systems/redis.ts";
import { redisUrlProblem } from "../systems/redis.ts";
import { SystemError } from "../systems/system-error.ts";
import type { CheckKind, CheckObserved, EarlierLook } from "./check-kind.ts";
import { identifier } from "./identifier.ts";
import { decideStall } from "./stalled-work.ts";
import type { QueueLook } from "./stalled-work.ts";

const eventsSetting = z.strictObject({
  table: textSetting(identifier).default("event_log"),
  time: textSetting(identifier).default("created_at"),
  type: textSetting(identifier).default("event_type"),
  job: textSetting(identifier).default("request_id"),
  completed: textSetting()
    .default("worker_topic_completed")
    .meta({ description: "The type of the row that a completed job leaves" }),
  retried: textSetting()
    .default("worker_retry_scheduled")
    .meta({ description: "The type of the row that announces another attempt" }),
});

const settings = {
  redis: secretSetting({ accepts: redisUrlProblem }).meta({
    description: "Redis URL of a user that may only read; here work waits",
    examples: ["${env:REDIS_URL}"],
  }),
  queue: textSetting().meta({ description: "The list in which jobs wait" }),
  database: secretSetting({ accepts: postgresUrlProblem }).meta({
    description: "PostgreSQL URL of a role that may only read; here completed work is recorded",
    examples: ["${env:DATABASE_URL}"],
  }),
  events: eventsSetting
    .prefault({})
    .meta({ description: "The table of events: its name, its columns, and the types that matter" }),
  within: durationSetting({ minimumMs: 1_000 })
    .default(600_000)
    .meta({ description: "While work waits, a job must be completed within this time" }),
} satisfies z.ZodRawShape;

type Settings = z.output<z.ZodObject<typeof settings>>;

/** Judged by what the worker did, never by that it runs: it prints its start line before it has tried anything. */
export const workerProgress = {
  kind: "worker-progress",
  summary: "a worker completes the jobs that wait for it; an idle one is fine",
  settings,
  async observe({ systems, previous, settings }, signal) {
    const { database: url, redis, queue, events, within: withinMs } = settings;
    const sql = historySql(events);
    const values = [events.completed, events.retried, withinMs / 1_000];
    const [jobs, rows, looks] = await Promise.all([
      jobsIn(systems.redis, { url: redis, queue }, signal),
      systems.postgres.query({ url, sql, values }, signal),
      // Twice the time, so that with regular looks one of them is older than it.
      previous(2 * withinMs),
    ]);
    const [history] = z.tuple([historySchema]).parse(rows);
    const measurements = [{ name: measurementOf(queue), value: jobs }];
    const seen =
      jobs === 0 ? judgeIdle(history, settings) : judgeBusy(history, settings, jobs, looks);
    return { ...seen, observations: [...seen.observations, ...clock(history)], measurements };
  },
} satisfies CheckKind<typeof settings, "redis" | "postgres", "previous">;

async function jobsIn(
  redis: Pick<Redis, "read">,
  { url, queue }: { readonly url: Settings["redis"]; readonly queue: string },
  signal: AbortSignal,
): Promise<number> {
  const [length] = await redis.read({ url, commands: [["llen", queue]] }, signal);
  if (length?.ok === true && typeof length.value === "number") return length.value;
  throw new SystemError("redis", "malformed", `Redis gave no length of the list ${queue}`);
}

/**
 * Ages in seconds, by the database's own clock. The epoch of a time without a zone is taken as of UTC, so both types of
 * column give the same. A retry counts as lost when its time is long over, no later row tells of its job, and nothing was
 * completed since: a job is in no list while it runs or waits for its next attempt, and ends with its worker.
 */
function historySql({ table, time, type, job }: Settings["events"]): string {
  return `
    with events as (
      select "${type}" as type, "${job}" as job, extract(epoch from "${time}") as at from "${table}"
      where "${type}" in ($1, $2)
    ), completed as (
      select max(at) as at from events where type = $1
    ), waiting as (
      select extract(epoch from now()) - retry.at as age from events as retry
      where retry.type = $2 and retry.at > coalesce((select at from completed), 0)
        and not exists (
          select from "${table}" as later
          where later."${job}" = retry.job and extract(epoch from later."${time}") > retry.at
        )
    )
    select
      (extract(epoch from now()) - (select at from completed))::float8 as "completedAgoSeconds",
      (select count(*) from waiting where age < $3::float8)::int as "betweenAttempts",
      (select count(*) from waiting where age >= $3::float8)::int as "lost"`;
}

const historySchema = z.object({
  completedAgoSeconds: z.number().nullable(),
  betweenAttempts: z.int(),
  lost: z.int(),
});
type History = z.output<typeof historySchema>;

const WHAT = "work";

function judgeIdle(history: History, { within }: Settings): CheckObserved {
  const expected = "no job that was to be tried again and never was";
  const { lost, betweenAttempts } = history;
  if (lost > 0) {
    const actual = `${count(lost)} not tried again for more than ${formatDuration(within)}, ${lastCompletion(history)}`;
    return { observations: [{ what: WHAT, expected, actual, ok: false }] };
  }
  const state =
    betweenAttempts > 0 ? `${count(betweenAttempts)} between attempts` : "nothing waits";
  return {
    observations: [
      { what: WHAT, expected, actual: `${state}, ${lastCompletion(history)}`, ok: true },
    ],
  };
}

function judgeBusy(
  history: History,
  { queue, within }: Settings,
  jobs: number,
  earlier: readonly EarlierLook[],
): CheckObserved {
  const completedAgoMs = (history.completedAgoSeconds ?? Number.POSITIVE_INFINITY) * 1_000;
  const looks = queueLooks(earlier, queue);
  const stall = decideStall(looks, new Date(), { completedAgoMs, withinMs: within });
  const seen = `${count(jobs)} in ${queue}, ${lastCompletion(history)}`;
  if (stall === "cannot-tell") {
    const reason = `${seen}; no earlier look tells how long they wait, so ask again after ${formatDuration(within)}`;
    return { observations: [], reason };
  }
  const expected = `a completion within ${formatDuration(within)} while jobs wait`;
  return { observations: [{ what: WHAT, expected, actual: seen, ok: stall === "not-stalled" }] };
}

function queueLooks(earlier: readonly EarlierLook[], queue: string): readonly QueueLook[] {
  return earlier.flatMap(({ at, measurements }) => {
    const found = measurements.find(({ name }) => name === measurementOf(queue));
    return found === undefined ? [] : [{ at, jobs: found.value }];
  });
}

/** A worker in another time zone than UTC writes rows hours ahead, and would look alive for hours after its death. */
function clock({ completedAgoSeconds }: History): Observation[] {
  if (completedAgoSeconds === null || completedAgoSeconds > -CLOCK_TOLERANCE_SECONDS) return [];
  const ahead = formatDuration(-completedAgoSeconds * 1_000);
  const actual = `${ahead} ahead: is the worker's clock in UTC?`;
  return [{ what: "time of the last completion", expected: "in the past", actual, ok: false }];
}

const CLOCK_TOLERANCE_SECONDS = 60;

function lastCompletion({ completedAgoSeconds }: History): string {
  if (completedAgoSeconds === null) return "none was ever completed";
  return `the last one completed ${formatDuration(Math.max(0, completedAgoSeconds * 1_000))} ago`;
}

function count(jobs: number): string {
  return jobs === 1 ? "1 job" : `${jobs} jobs`;
}

function measurementOf(queue: string): string {
  return `${queue}.jobs`;
}
