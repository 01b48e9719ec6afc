import { z } from "zod";

import { secretSetting, textSetting, urlSetting } from "../core/setting.ts";

export const bucketSetting = z
  .strictObject({
    url: urlSetting().meta({
      description: "Where the S3-compatible store answers",
      examples: ["https://<account>.r2.cloudflarestorage.com"],
    }),
    region: textSetting({ pattern: /^[a-z0-9-]{1,32}$/, expected: "a region such as eu-central-1" })
      .default("auto")
      .meta({ description: "The store's region; R2 calls its only one auto" }),
    name: textSetting({
      pattern: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
      expected: "the name of a bucket: 3 to 63 small letters, digits, dots and dashes",
    }),
    folder: textSetting({
      pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/,
      expected: "a folder such as flightdeck/production",
      maximum: 256,
    })
      .optional()
      .meta({ description: "The target's own folder in the bucket; the target's name by default" }),
    accessKeyId: secretSetting().meta({
      description: "A key for this bucket alone: it lists, reads, writes and deletes objects",
    }),
    secretAccessKey: secretSetting(),
  })
  .meta({ description: "The S3-compatible bucket that keeps backups, away from the target" });

export type BucketSettings = z.output<typeof bucketSetting>;
