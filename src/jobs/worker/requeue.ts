import { z } from "zod";

import type { Facts } from "../../core/approval.ts";
import { formatDuration } from "../../core/duration.ts";
import { withoutMember } from "../../core/json-member.ts";
import { pause } from "../../core/waiting.ts";
import { usualDurations } from "../../storage/run-step.ts";
import type { Systems } from "../../systems/index.ts";
import type { ApprovalsSettings } from "../approval/approval-settings.ts";
import { errorClass } from "../engine/error-class.ts";
import { defineOperation, type Operation, type Results, type Step } from "../operation.ts";
import type { DeadLettersSettings } from "./dead-letter-settings.ts";
import { readLetters, type Letter } from "./dead-letter.ts";
import { requeueCard, requeueDetails } from "./requeue-card.ts";
import {
  ASK,
  FOLLOW,
  followedOf,
  LOOK,
  lookedOf,
  RETURN,
  type Followed,
  type Looked,
} from "./requeue-report.ts";

export type RequeueParts = {
  readonly target: string;
  readonly deadLetters: DeadLettersSettings;
  readonly systems: Pick<Systems, "redis" | "postgres" | "jobReturn">;
  readonly approvals: ApprovalsSettings;
  /** Masks every secret that this process holds. */
  readonly scrub: (text: string) => string;
  /** The pause between two looks at what became of the job. */
  readonly everyMs?: number;
};

/** Everything that it takes to put a letter back. */
type Post = Omit<RequeueParts, "deadLetters"> & {
  readonly deadLetters: NonNullable<DeadLettersSettings>;
  readonly events: NonNullable<NonNullable<DeadLettersSettings>["events"]>;
  readonly requeue: NonNullable<NonNullable<DeadLettersSettings>["requeue"]>;
};

const NAME = "requeue";

/** Which job; the newest dead letter when none is named. */
const inputSchema = z.strictObject({ job: z.string().optional() });

const LOOK_TIMEOUT_MS = 20_000;
const ASK_TIMEOUT_MS = 15 * 60_000;
const RETURN_TIMEOUT_MS = 20_000;
const EACH_LOOK_MS = 5_000;
const SLACK_MS = 10_000;
const FOLLOW_EVERY_MS = 1_000;
const OTHERS_TOLD = 5;

/** Puts one dead letter back into the queue, that very one and once, and follows its job until it has ended again. */
export function createRequeue({ deadLetters, ...parts }: RequeueParts): Operation | undefined {
  const { events, requeue } = deadLetters ?? {};
  if (!deadLetters || !events || !requeue) return undefined;
  const post: Post = { ...parts, deadLetters, events, requeue };
  return defineOperation({
    name: NAME,
    summary: "a dead letter put back into the queue, and followed until its job has ended",
    effect: "mutate",
    input: inputSchema,
    steps: ({ job }) => [lookStep(post, job), askStep(post), returnStep(post), followStep(post)],
    conclude: (_input, results) => conclude(results),
    keeps: async (tx) => usualDurations(tx, parts.target, NAME),
    again: ({ job }) => (job === undefined ? "requeue" : `requeue ${job}`),
    card: (view) => requeueCard(view),
    details: requeueDetails,
  });
}

function lookStep(post: Post, wanted: string | undefined): Step {
  return {
    kind: "look",
    name: LOOK,
    timeoutMs: LOOK_TIMEOUT_MS,
    async look({ signal }): Promise<Looked> {
      const { deadLetters, systems, scrub } = post;
      const { waiting, letters } = await readLetters(systems.redis, deadLetters, scrub, signal);
      const { text: _text, ...letter } = letterMeant(letters, wanted, deadLetters.list);
      const befell = await readEvents(post, letter.job, signal);
      const death = befell.findLast(({ event }) => event === post.events.died);
      return {
        waiting,
        from: deadLetters.list,
        to: post.requeue.queue,
        letter: {
          hash: letter.hash,
          job: letter.job,
          topic: letter.topic ?? null,
          diedAt: death?.at.toISOString() ?? null,
          error: death?.error ? errorClass(death.error, scrub) : null,
        },
        ended: endings(post, befell).length,
        others: letters
          .filter((one) => one.hash !== letter.hash)
          .slice(0, OTHERS_TOLD)
          .map(({ job, topic }) => `${topic ?? "no topic"} · ${job ?? "no job's name"}`),
      };
    },
  };
}

/** The letter that is asked for, by its job's name or the first characters of it, else the newest. */
function letterMeant(
  letters: readonly Letter[],
  wanted: string | undefined,
  list: string,
): Letter & { readonly job: string } {
  const fit = letters.filter(({ job }) => wanted === undefined || job?.startsWith(wanted));
  const jobs = new Set(fit.map(({ job }) => job));
  if (wanted !== undefined && jobs.size > 1) {
    throw new Error(`${jobs.size} jobs in ${list} begin with ${wanted}; say more of the name`);
  }
  const [letter] = fit;
  if (letter === undefined) {
    const which = wanted === undefined ? "no dead letter" : `no dead letter of a job ${wanted}`;
    throw new Error(`there is ${which} in ${list}`);
  }
  const { job } = letter;
  if (job === undefined) {
    throw new Error(`the newest letter in ${list} names no job, so nobody could follow it`);
  }
  return { ...letter, job };
}

function askStep(post: Post): Step {
  return {
    kind: "ask",
    name: ASK,
    timeoutMs: ASK_TIMEOUT_MS,
    question(results) {
      const { letter, from, to } = lookedOf(results);
      return {
        policy: post.approvals.requeue ?? "second-person",
        needsCode: false,
        parameters: {
          job: letter.job,
          topic: letter.topic ?? "none",
          letter: letter.hash,
          from,
          to,
        },
        observed: whereabouts(letter.hash, true),
      };
    },
    async observe({ signal, results }) {
      const { hash } = lookedOf(results).letter;
      const { letters } = await readLetters(
        post.systems.redis,
        post.deadLetters,
        post.scrub,
        signal,
      );
      return whereabouts(
        hash,
        letters.some((letter) => letter.hash === hash),
      );
    },
  };
}

function whereabouts(hash: string, isThere: boolean): Facts {
  return { letter: isThere ? `${hash.slice(0, 12)} lies there` : "lies there no more" };
}

const GOES_BACK =
  "The job goes back to the worker all the same, and nobody looks whether it ends well.";

function returnStep(post: Post): Step {
  const { deadLetters, requeue, systems, scrub } = post;
  const { url } = requeue;
  return {
    kind: "act",
    name: RETURN,
    timeoutMs: RETURN_TIMEOUT_MS,
    whenCancelled: GOES_BACK,
    async observe({ key, signal }) {
      const wasGiven = await systems.jobReturn.wasGiven({ url, mark: key }, signal);
      return wasGiven ? { kind: "happened", result: "put back" } : { kind: "absent" };
    },
    async act({ key, signal, results }) {
      const { hash } = lookedOf(results).letter;
      const { letters } = await readLetters(systems.redis, deadLetters, scrub, signal);
      const letter = letters.find((one) => one.hash === hash);
      // Without its count of tries the job has all of them before it; with it, it would die at the first.
      const job = letter && withoutMember(letter.text, requeue.attempt);
      if (letter === undefined || job === undefined) throw new Error(GONE);
      const [from, to] = [deadLetters.list, requeue.queue];
      const order = { url, from, to, letter: letter.text, job, mark: key };
      if ((await systems.jobReturn.give(order, signal)) === "gone") throw new Error(GONE);
      return "put back";
    },
  };
}

const GONE = "the letter lies there no more; somebody else took it";

function followStep(post: Post): Step {
  const { within } = post.requeue;
  return {
    kind: "look",
    name: FOLLOW,
    timeoutMs: within + SLACK_MS,
    whenCancelled: GOES_BACK,
    async look({ signal, results }): Promise<Followed> {
      const { letter, ended } = lookedOf(results);
      const startedAt = performance.now();
      const patience = AbortSignal.any([signal, AbortSignal.timeout(within)]);
      while (!patience.aborted) {
        // A database that is away for a moment is no reason to stop following.
        const befell = await readEvents(post, letter.job, signal).catch(() => []);
        const last = endings(post, befell).slice(ended).at(-1);
        const tookMs = Math.round(performance.now() - startedAt);
        if (last?.event === post.events.completed) return { outcome: "completed", tookMs };
        if (last) {
          const error = last.error ? errorClass(last.error, post.scrub) : null;
          return { outcome: "died again", error, tookMs };
        }
        await pause(post.everyMs ?? FOLLOW_EVERY_MS, patience);
      }
      signal.throwIfAborted();
      const waited = formatDuration(within);
      return { outcome: "not seen to end", waited };
    },
  };
}

const eventSchema = z.object({
  event: z.string(),
  error: z.string().nullish(),
  at: z.coerce.date(),
});
type JobEvent = z.output<typeof eventSchema>;

/** What befell a job, the oldest first. */
async function readEvents(
  { events: { url, sql }, systems }: Post,
  job: string,
  signal: AbortSignal,
): Promise<readonly JobEvent[]> {
  const each = AbortSignal.any([signal, AbortSignal.timeout(EACH_LOOK_MS)]);
  const rows = await systems.postgres.query({ url, sql, values: [job] }, each);
  return z
    .array(eventSchema)
    .parse(rows)
    .toSorted((one, other) => one.at.getTime() - other.at.getTime());
}

function endings({ events }: Post, befell: readonly JobEvent[]): readonly JobEvent[] {
  return befell.filter(({ event }) => event === events.completed || event === events.died);
}

const VERDICTS = {
  completed: "COMPLETED",
  "died again": "DIED AGAIN",
  "not seen to end": "UNKNOWN",
} as const;

function conclude(results: Results) {
  const { letter, from, to } = lookedOf(results);
  const followed = followedOf(results);
  const facts = {
    job: letter.job,
    letter: letter.hash,
    from,
    to,
    ...(letter.topic === null ? {} : { topic: letter.topic }),
    outcome: followed.outcome,
    ...("error" in followed && followed.error !== null ? { error: followed.error } : {}),
  };
  return { verdict: VERDICTS[followed.outcome], facts };
}
