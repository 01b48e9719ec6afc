import { createHash } from "node:crypto";

import { z } from "zod";

import { shortened, visibleText } from "../../core/visible-text.ts";
import type { Redis } from "../../systems/redis.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { DeadLettersSettings } from "./dead-letter-settings.ts";

/** What may be told of a job that was given up; its payload belongs to the product's users. */
export const deadLetterSchema = z.object({
  waiting: z.number(),
  newest: z
    .object({
      topic: z.string().optional(),
      attempt: z.number().optional(),
      error: z.string().optional(),
    })
    .optional(),
});

export type DeadLetters = z.output<typeof deadLetterSchema>;

/** A letter as it lies in the list. Its text is never kept or shown; the hash stands for it. */
export type Letter = {
  readonly text: string;
  readonly hash: string;
  /** Undefined when nothing in the letter names a job, so that nobody could follow it. */
  readonly job: string | undefined;
  readonly topic: string | undefined;
};

const TOPIC_LIMIT = 60;
const ERROR_LIMIT = 120;
/** A job is asked about by its name, so a name has to look like one. */
const JOB_NAME = /^[\w.:-]{1,64}$/;
/** Who has more dead letters than this has another trouble. */
const READ_AT_MOST = 1_000;

/** How many lie there, and the newest by what is fit to be shown. What cannot be parsed is told as one without a topic. */
export async function lookAtDeadLetters(
  redis: Redis,
  { url, list, topic }: NonNullable<DeadLettersSettings>,
  scrub: (text: string) => string,
  signal: AbortSignal,
): Promise<DeadLetters> {
  const commands = [["llen", list] as const, ["lindex", list, -1] as const];
  const [length, newest] = await redis.read({ url, commands }, signal);
  if (!length?.ok || !newest?.ok || typeof length.value !== "number") throw noList(list);
  if (typeof newest.value !== "string") return { waiting: length.value };
  const members = membersOf(newest.value);
  const attempt = z.number().safeParse(members["attempt"]);
  const shown = (member: string, limit: number): string | undefined => {
    const text = z.string().safeParse(members[member]);
    return text.success ? shortened(visibleText(scrub(text.data)), limit) : undefined;
  };
  const [named, error] = [shown(topic, TOPIC_LIMIT), shown("error", ERROR_LIMIT)];
  return {
    waiting: length.value,
    newest: {
      ...(named === undefined ? {} : { topic: named }),
      ...(attempt.success ? { attempt: attempt.data } : {}),
      ...(error === undefined ? {} : { error }),
    },
  };
}

/** The letters that lie there, the newest first, and how many there are in all. */
export async function readLetters(
  redis: Pick<Redis, "read">,
  {
    url,
    list,
    job,
    topic,
  }: Pick<NonNullable<DeadLettersSettings>, "url" | "list" | "job" | "topic">,
  scrub: (text: string) => string,
  signal: AbortSignal,
): Promise<{ readonly waiting: number; readonly letters: readonly Letter[] }> {
  const commands = [["llen", list] as const, ["lrange", list, -READ_AT_MOST, -1] as const];
  const [length, range] = await redis.read({ url, commands }, signal);
  const texts = z.array(z.string()).safeParse(range?.ok === true ? range.value : undefined);
  if (!length?.ok || typeof length.value !== "number" || !texts.success) throw noList(list);
  const letters = texts.data.toReversed().map((text): Letter => {
    const members = membersOf(text);
    const name = z.string().regex(JOB_NAME).safeParse(members[job]);
    const about = z.string().safeParse(members[topic]);
    return {
      text,
      hash: createHash("sha256").update(text, "utf8").digest("hex"),
      job: name.success && scrub(name.data) === name.data ? name.data : undefined,
      topic: about.success ? shortened(visibleText(scrub(about.data)), TOPIC_LIMIT) : undefined,
    };
  });
  return { waiting: length.value, letters };
}

function noList(list: string): SystemError {
  return new SystemError("redis", "malformed", `${list} is no list`);
}

function membersOf(text: string): Readonly<Record<string, unknown>> {
  try {
    return z.record(z.string(), z.unknown()).catch({}).parse(JSON.parse(text));
  } catch {
    return {};
  }
}
