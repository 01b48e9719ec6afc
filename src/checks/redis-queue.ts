import { z } from "zod";

import { durationSetting, integerSetting, secretSetting } from "../core/setting.ts";
import type { Measurement, Observation } from "../core/status.ts";
import type { RedisReply } from "../systems/redis.ts";
import { redisUrlProblem } from "../systems/redis.ts";
import { SystemError } from "../systems/system-error.ts";
import type { CheckKind, EarlierLook } from "./check-kind.ts";

const listName = z.string().min(1).max(256);

const listSetting = z
  .strictObject({
    atMost: integerSetting({ minimum: 0 })
      .optional()
      .meta({ description: "More jobs than this is a failure", examples: [100] }),
    noGrowthIn: durationSetting({ minimumMs: 1_000 })
      .optional()
      .meta({
        description: "More jobs than at any time in so long is a failure",
        examples: ["15m"],
      }),
  })
  .refine(
    (limits) => Object.keys(limits).length > 0,
    "expected at least one of atMost, noGrowthIn",
  );

const settings = {
  url: secretSetting({ accepts: redisUrlProblem }).meta({
    description: "Redis URL of a user that may only read",
    examples: ["${env:REDIS_URL}"],
  }),
  lists: z
    .record(listName, listSetting)
    .refine((lists) => Object.keys(lists).length > 0, "expected at least one list")
    .meta({ description: "Lists that hold jobs, by their key" }),
} satisfies z.ZodRawShape;

type ListSettings = z.output<typeof listSetting>;

export const redisQueue = {
  kind: "redis-queue",
  summary: "lists of jobs in a Redis are no longer than they should be, or do not grow",
  settings,
  limits: ({ lists }) =>
    Object.entries(lists).flatMap(([name, { atMost }]) =>
      atMost === undefined ? [] : [{ measurement: measurementOf(name), atMost }],
    ),
  async observe({ systems, previous, settings: { url, lists } }, signal) {
    const names = Object.keys(lists);
    // Raw reads of the keys: a queue library would write to the queue that it looks at.
    const commands = names.flatMap((name) => [["type", name] as const, ["llen", name] as const]);
    const replies = await systems.redis.read({ url, commands }, signal);
    const observations: Observation[] = [];
    const measurements: Measurement[] = [];
    const undecided: string[] = [];
    for (const [index, name] of names.entries()) {
      const length = lengthOf(name, replies[2 * index], replies[2 * index + 1]);
      const { atMost, noGrowthIn } = lists[name]!;
      if (!length.isList) {
        observations.push(notAList(name, length.type, lists[name]!));
        continue;
      }
      measurements.push({ name: measurementOf(name), value: length.jobs });
      if (atMost !== undefined) observations.push(size(name, length.jobs, atMost));
      if (noGrowthIn === undefined) continue;
      const baseline = baselineOf(name, length.jobs, await previous(noGrowthIn));
      if (baseline === undefined) undecided.push(`${name} holds ${jobs(length.jobs)}`);
      else observations.push(growth(name, length.jobs, baseline));
    }
    // What cannot be judged yet hides a pass, but not a failure that was seen.
    if (undecided.length === 0 || observations.some(({ ok }) => !ok)) {
      return { observations, measurements };
    }
    const reason = `${undecided.join(", ")}, and no earlier look tells whether that is more than before`;
    return { observations: [], measurements, reason };
  },
} satisfies CheckKind<typeof settings, "redis", "previous">;

type Length =
  | { readonly isList: true; readonly jobs: number }
  | { readonly isList: false; readonly type: string };

function lengthOf(name: string, type?: RedisReply, length?: RedisReply): Length {
  // Redis removes an empty list, so a missing key is a list of none.
  if (length?.ok && typeof length.value === "number") return { isList: true, jobs: length.value };
  if (length?.ok === false && type?.ok && typeof type.value === "string") {
    return { isList: false, type: type.value };
  }
  throw new SystemError("redis", "malformed", `Redis gave no length of the list ${name}`);
}

function notAList(what: string, type: string, { atMost }: ListSettings): Observation {
  const expected = atMost === undefined ? "a list" : expectedSize(atMost);
  return { what, expected, actual: `a ${type}`, ok: false };
}

function size(what: string, length: number, atMost: number): Observation {
  return { what, expected: expectedSize(atMost), actual: jobs(length), ok: length <= atMost };
}

function expectedSize(atMost: number): string {
  return `a list of at most ${jobs(atMost)}`;
}

/** The least that the list held in that time; a list that is empty now has not grown, whatever it was before. */
function baselineOf(
  name: string,
  length: number,
  earlier: readonly EarlierLook[],
): number | undefined {
  if (length === 0) return 0;
  const lengths = earlier.flatMap(({ measurements }) =>
    measurements.filter((each) => each.name === measurementOf(name)).map(({ value }) => value),
  );
  return lengths.length === 0 ? undefined : Math.min(...lengths);
}

function growth(what: string, length: number, baseline: number): Observation {
  const expected = `no more than ${jobs(baseline)}, as before`;
  return { what, expected, actual: jobs(length), ok: length <= baseline };
}

function measurementOf(name: string): string {
  return `${name}.jobs`;
}

function jobs(count: number): string {
  return count === 1 ? "1 job" : `${count} jobs`;
}
