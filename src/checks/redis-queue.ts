import { z } from "zod";

import { integerSetting, secretSetting } from "../core/setting.ts";
import type { Measurement, Observation } from "../core/status.ts";
import type { RedisReply } from "../systems/redis.ts";
import { redisUrlProblem } from "../systems/redis.ts";
import { SystemError } from "../systems/system-error.ts";
import type { CheckKind } from "./check-kind.ts";

const listName = z.string().min(1).max(256);

const settings = {
  url: secretSetting({ accepts: redisUrlProblem }).meta({
    description: "Redis URL of a user that may only read",
    examples: ["${env:REDIS_URL}"],
  }),
  lists: z
    .record(
      listName,
      z.strictObject({
        atMost: integerSetting({ minimum: 0 }).meta({
          description: "More jobs than this is a failure",
          examples: [100],
        }),
      }),
    )
    .refine((lists) => Object.keys(lists).length > 0, "expected at least one list")
    .meta({ description: "Lists that hold jobs, by their key" }),
} satisfies z.ZodRawShape;

export const redisQueue = {
  kind: "redis-queue",
  summary: "lists of jobs in a Redis are no longer than they should be",
  settings,
  limits: ({ lists }) =>
    Object.entries(lists).map(([name, { atMost }]) => ({ measurement: `${name}.jobs`, atMost })),
  async observe({ systems, settings: { url, lists } }, signal) {
    const names = Object.keys(lists);
    // Raw reads of the keys: a queue library would write to the queue that it looks at.
    const commands = names.flatMap((name) => [["type", name] as const, ["llen", name] as const]);
    const replies = await systems.redis.read({ url, commands }, signal);
    const observations: Observation[] = [];
    const measurements: Measurement[] = [];
    for (const [index, name] of names.entries()) {
      const length = lengthOf(name, replies[2 * index], replies[2 * index + 1]);
      const atMost = lists[name]!.atMost;
      observations.push(observationOf(name, length, atMost));
      if (length.isList) measurements.push({ name: `${name}.jobs`, value: length.jobs });
    }
    return { observations, measurements };
  },
} satisfies CheckKind<typeof settings, "redis">;

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

function observationOf(what: string, length: Length, atMost: number): Observation {
  const expected = `a list of at most ${jobs(atMost)}`;
  return length.isList
    ? { what, expected, actual: jobs(length.jobs), ok: length.jobs <= atMost }
    : { what, expected, actual: `a ${length.type}`, ok: false };
}

function jobs(count: number): string {
  return count === 1 ? "1 job" : `${count} jobs`;
}
