import { z } from "zod";

import { formatDuration } from "../core/duration.ts";
import { begunAt } from "../core/manifest.ts";
import { durationSetting } from "../core/setting.ts";
import { newestBackup } from "./backup-newest.ts";
import type { CheckKind } from "./check-kind.ts";
import { demandDue, dueFrom } from "./due-from.ts";

const HOUR_MS = 3_600_000;

const settings = {
  within: durationSetting({ minimumMs: 60_000 })
    .default(26 * HOUR_MS)
    .meta({ description: "How old the newest backup may be; a little more than their interval" }),
  dueFrom,
} satisfies z.ZodRawShape;

export const backupFresh = {
  kind: "backup-fresh",
  summary: "the newest backup in the bucket is not too old",
  settings,
  limits: ({ within }) => [{ measurement: "ageMs", atMost: within }],
  async observe({ systems: { bucket }, settings: { within, dueFrom } }, signal) {
    const { id } = await newestBackup(bucket, signal);
    const what = "newest backup";
    const expected = `at most ${formatDuration(within)} old`;
    if (id === undefined) {
      demandDue("backup", dueFrom, new Date());
      const actual = `there is none in ${bucket.place}`;
      return { observations: [{ what, expected, actual, ok: false }] };
    }
    const ageMs = Math.max(0, Date.now() - begunAt(id).getTime());
    const actual = `${id}, ${formatDuration(ageMs)} old`;
    return {
      observations: [{ what, expected, actual, ok: ageMs <= within }],
      measurements: [{ name: "ageMs", value: ageMs }],
    };
  },
} satisfies CheckKind<typeof settings, "bucket">;
