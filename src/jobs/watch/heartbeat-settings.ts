import { z } from "zod";

import { durationSetting, secretSetting } from "../../core/setting.ts";
import { secretUrlProblem } from "../../systems/secret-address.ts";

/** Somebody outside who waits for a sign of life, and raises the alarm when none comes. */
export const heartbeatSetting = z
  .strictObject({
    url: secretSetting({ accepts: secretUrlProblem }).meta({
      description: "Asked with GET when all is well, as healthchecks and its like want it",
      examples: ["${env:HEARTBEAT_URL}"],
    }),
    every: durationSetting({ minimumMs: 1_000, maximumMs: 60 * 60_000 })
      .default(60_000)
      .meta({ description: "Let the other side wait for five of them before it raises the alarm" }),
  })
  .meta({ description: "A sign of life to the outside, given only after everything was proved" });

export type HeartbeatSettings = z.output<typeof heartbeatSetting>;
