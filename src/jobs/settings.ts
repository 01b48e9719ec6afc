import { z } from "zod";

import { durationSetting, integerSetting, secretSetting } from "../core/setting.ts";
import { redisUrlProblem } from "../systems/redis.ts";

/** How runs are executed. The defaults recover a run within 30 s of whatever happened to its process. */
export const engineSettings = z
  .strictObject({
    lease: durationSetting()
      .default(15_000)
      .meta({ description: "How long a run stays with a process that gives no sign of life" }),
    reconcile: durationSetting()
      .default(5_000)
      .meta({ description: "How often the leader looks for runs that nobody executes" }),
    schedule: durationSetting({ minimumMs: 100, maximumMs: 60_000 })
      .default(5_000)
      .meta({ description: "How often the leader looks for what its schedules have due" }),
    concurrency: integerSetting()
      .default(4)
      .meta({ description: "Runs that one process executes at a time" }),
  })
  .prefault({});

export type EngineSettings = z.output<typeof engineSettings>;

/** How the leader watches the target. */
export const watchSettings = z
  .strictObject({
    enabled: z
      .boolean()
      .default(true)
      .meta({ description: "Whether checks are asked by themselves, and their trouble told" }),
    concurrency: integerSetting({ minimum: 1, maximum: 1_000 })
      .default(32)
      .meta({ description: "Checks that are asked at the same time" }),
  })
  .prefault({});

/** Without `redis` Flightdeck starts a Redis of its own in `data`. */
export const redisSetting = secretSetting({ accepts: redisUrlProblem })
  .optional()
  .meta({ description: "Redis URL; never production's" });
