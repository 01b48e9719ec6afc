import { z } from "zod";

import { integerSetting, secretSetting, textSetting } from "../core/setting.ts";
import type { Measurement, Observation } from "../core/status.ts";
import type { RedisReply } from "../systems/redis.ts";
import { redisUrlProblem } from "../systems/redis.ts";
import { SystemError } from "../systems/system-error.ts";
import type { CheckKind } from "./check-kind.ts";
import { refusedConnection } from "./refused-connection.ts";

const settings = {
  url: secretSetting({ accepts: redisUrlProblem }).meta({
    description: "Redis URL of a user that may PING and INFO",
    examples: ["${env:REDIS_URL}"],
  }),
  expect: z
    .strictObject({
      reachable: z
        .boolean()
        .default(false)
        .meta({ description: "A refused connection is a failure, not an unknown" }),
      policy: textSetting()
        .optional()
        .meta({
          description: "What Redis does when its memory is full; a queue may lose no key",
          examples: ["noeviction"],
        }),
      memoryAtMostPercent: integerSetting({ minimum: 1, maximum: 100 })
        .default(90)
        .meta({ description: "Of maxmemory, when there is a limit" }),
    })
    .prefault({}),
} satisfies z.ZodRawShape;

type Expectation = z.output<typeof settings.expect>;

export const redis = {
  kind: "redis",
  summary: "a Redis accepts commands, has memory left and keeps what it is given",
  settings,
  async observe({ systems, settings: { url, expect } }, signal) {
    try {
      const commands = [["ping"], ["info"]] as const;
      const [pong, info] = await systems.redis.read({ url, commands }, signal);
      const seen = infoSchema.safeParse(factsOf(info));
      if (pong?.ok !== true || !seen.success) {
        throw new SystemError("redis", "malformed", "Redis did not say how it is");
      }
      return {
        observations: [
          ...acceptance(seen.data),
          ...policy(seen.data, expect),
          ...memory(seen.data, expect),
        ],
        measurements: measurements(seen.data),
      };
    } catch (error) {
      const refused = refusedConnection(error, expect.reachable);
      if (refused === undefined) throw error;
      return { observations: [refused] };
    }
  },
} satisfies CheckKind<typeof settings, "redis">;

const infoSchema = z.object({
  redis_version: z.string(),
  role: z.string(),
  used_memory: z.coerce.number(),
  maxmemory: z.coerce.number(),
  maxmemory_policy: z.string(),
  rdb_last_bgsave_status: z.string(),
  aof_last_write_status: z.string(),
});
type Info = z.output<typeof infoSchema>;

/** INFO is lines of `name:value` under headings. */
function factsOf(reply: RedisReply | undefined): Readonly<Record<string, string>> {
  if (reply?.ok !== true || typeof reply.value !== "string") return {};
  return Object.fromEntries(
    [...reply.value.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = "", value = ""]) => [
      name,
      value,
    ]),
  );
}

/** A check may not write, so whatever makes Redis refuse a write is read where Redis says it. */
function acceptance(info: Info): Observation[] {
  return [
    {
      what: "connection",
      expected: "accepted",
      actual: `accepted by version ${info.redis_version}`,
      ok: true,
    },
    { what: "role", expected: "master", actual: info.role, ok: info.role === "master" },
    saving("last snapshot", info.rdb_last_bgsave_status),
    saving("last write to the append-only file", info.aof_last_write_status),
  ];
}

/** After a failed one Redis refuses writes, unless it was told not to. */
function saving(what: string, status: string): Observation {
  return { what, expected: "ok", actual: status, ok: status === "ok" };
}

function policy(info: Info, { policy: expected }: Expectation): Observation[] {
  if (expected === undefined) return [];
  const actual = info.maxmemory_policy;
  return [{ what: "maxmemory-policy", expected, actual, ok: actual === expected }];
}

function memory(info: Info, { memoryAtMostPercent }: Expectation): Observation[] {
  // Without a limit of its own Redis grows until the machine has no more, which only the machine can tell.
  if (info.maxmemory === 0) return [];
  const percent = Math.ceil((100 * info.used_memory) / info.maxmemory);
  return [
    {
      what: "memory",
      expected: `at most ${memoryAtMostPercent}% of ${mebibytes(info.maxmemory)}`,
      actual: `${percent}% (${mebibytes(info.used_memory)})`,
      ok: percent <= memoryAtMostPercent,
    },
  ];
}

function measurements(info: Info): Measurement[] {
  return [{ name: "usedMemoryBytes", value: info.used_memory }];
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
