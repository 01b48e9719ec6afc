import { z } from "zod";

import { formatDuration } from "../../core/duration.ts";
import { pause } from "../../core/waiting.ts";
import type { Systems } from "../../systems/index.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { RolloutSettings } from "../deploy/rollout-settings.ts";
import type { LookStep, Results } from "../operation.ts";

/** Where the jobs of a target are seen. */
export type JobsPlace = NonNullable<RolloutSettings["jobs"]>;

export type DrainParts = {
  readonly name: string;
  readonly systems: Pick<Systems, "redis" | "postgres">;
  readonly jobs: JobsPlace;
  readonly everyMs?: number;
  applies?(results: Results): boolean;
};

/** What the step leaves in the journal. */
type Drained = {
  /** Jobs that were known when it began, all of which have ended. */
  readonly known: number;
  /** What waits in the queue by now; the next worker takes it from there. */
  readonly waiting: number;
};

export type KnownJob = { readonly id: string; readonly topic: string };

const EVERY_MS = 1_000;
const EACH_LOOK_MS = 5_000;
const SLACK_MS = 10_000;
/** More than these are not told one by one, and a queue of this length is not drained in minutes. */
const READ_AT_MOST = 1_000;
const NAMED_AT_MOST = 3;
/** A retry waits 16 seconds at most; one that nobody took up for so long was lost with an earlier worker. */
const RETRY_LIVES_SECONDS = 120;

/**
 * Waits until the jobs that are known have ended. A worker that is stopped loses the job in its hands for good, and a job
 * in its hands is in no list: so whatever is known to wait, or to be between two attempts, is followed to its end by the
 * rows that it leaves. What comes in meanwhile stays in the queue, for it to stop growing may never come.
 */
export function drainStep({ name, systems, jobs, applies, ...parts }: DrainParts): LookStep {
  return {
    kind: "look",
    name,
    timeoutMs: jobs.within + SLACK_MS,
    ...(applies === undefined ? {} : { applies }),
    async look({ signal, report }) {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(jobs.within)]);
      const known = await knownJobs(systems, jobs, signal);
      let left = known;
      for (;;) {
        left = await notEnded(systems, jobs, left, signal);
        if (left.length === 0) break;
        report({ known: known.length, left: left.length });
        if (deadline.aborted) throw new Error(notDrained(known, left, jobs.within));
        await pause(parts.everyMs ?? EVERY_MS, deadline);
      }
      signal.throwIfAborted();
      const waiting = await jobsInQueue(systems, jobs, signal);
      return { known: known.length, waiting: waiting.length } satisfies Drained;
    },
  };
}

/** The jobs that wait, and those between two attempts. */
async function knownJobs(
  systems: DrainParts["systems"],
  jobs: JobsPlace,
  signal: AbortSignal,
): Promise<readonly KnownJob[]> {
  const [waiting, retried] = await Promise.all([
    jobsInQueue(systems, jobs, signal),
    jobsBetweenAttempts(systems, jobs, signal),
  ]);
  return [...new Map([...waiting, ...retried].map((job) => [job.id, job])).values()];
}

/** What else a job holds may be anybody's words, and is not even read. */
const jobSchema = z.object({ job_id: z.string(), topic: z.string().default("") });

export async function jobsInQueue(
  { redis }: Pick<Systems, "redis">,
  { redis: url, queue }: JobsPlace,
  signal: AbortSignal,
): Promise<readonly KnownJob[]> {
  const each = AbortSignal.any([signal, AbortSignal.timeout(EACH_LOOK_MS)]);
  const commands = [["lrange", queue, 0, READ_AT_MOST - 1]] as const;
  const [reply] = await redis.read({ url, commands }, each);
  const texts = z.array(z.string()).safeParse(reply?.ok === true ? reply.value : undefined);
  if (!texts.success) {
    throw new SystemError("redis", "malformed", `Redis gave no contents of the list ${queue}`);
  }
  return texts.data.flatMap((text) => {
    const job = jobSchema.safeParse(parsed(text));
    // What is no job is dropped by the worker too.
    return job.success ? [{ id: job.data.job_id, topic: job.data.topic }] : [];
  });
}

export async function jobsBetweenAttempts(
  { postgres }: Pick<Systems, "postgres">,
  { database: url }: JobsPlace,
  signal: AbortSignal,
): Promise<readonly KnownJob[]> {
  const each = AbortSignal.any([signal, AbortSignal.timeout(EACH_LOOK_MS)]);
  const rows = await postgres.query(
    { url, sql: BETWEEN_ATTEMPTS, values: [RETRY_LIVES_SECONDS] },
    each,
  );
  return z.array(z.object({ id: z.string(), topic: z.string() })).parse(rows);
}

const BETWEEN_ATTEMPTS = `
  select substr(retry.request_id, 5) as id, coalesce(retry.payload_json ->> 'topic', '') as topic
  from event_log as retry
  where retry.event_type = 'worker_retry_scheduled' and retry.request_id like 'job\\_%'
    and extract(epoch from now()) - extract(epoch from retry.created_at) < $1::float8
    and not exists (
      select from event_log as later
      where later.request_id = retry.request_id and later.created_at > retry.created_at
    )`;

export async function notEnded(
  { postgres }: Pick<Systems, "postgres">,
  { database: url }: JobsPlace,
  jobs: readonly KnownJob[],
  signal: AbortSignal,
): Promise<readonly KnownJob[]> {
  if (jobs.length === 0) return [];
  const each = AbortSignal.any([signal, AbortSignal.timeout(EACH_LOOK_MS)]);
  const values = [jobs.map(({ id }) => `job_${id}`)];
  const rows = await postgres.query({ url, sql: ENDED, values }, each);
  const ended = new Set(
    z
      .array(z.object({ job: z.string() }))
      .parse(rows)
      .map(({ job }) => job),
  );
  return jobs.filter(({ id }) => !ended.has(`job_${id}`));
}

const ENDED = `
  select distinct request_id as job from event_log
  where request_id = any($1::text[]) and event_type in ('worker_topic_completed', 'worker_moved_to_dlq')`;

function notDrained(
  known: readonly KnownJob[],
  left: readonly KnownJob[],
  withinMs: number,
): string {
  const named = left.slice(0, NAMED_AT_MOST).map(({ id, topic }) => `${topic} ${id.slice(0, 8)}`);
  const more = left.length - named.length;
  const words = more > 0 ? [...named, `${more} more`].join(", ") : named.join(", ");
  return (
    `${left.length} of ${known.length} known jobs have not ended within ${formatDuration(withinMs)} (${words}); ` +
    "the worker was left alone, for it would lose the one in its hands"
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
