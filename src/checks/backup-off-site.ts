import { z } from "zod";

import { artifactNames, manifestSchema } from "../core/manifest.ts";
import { textSetting } from "../core/setting.ts";
import type { Observation } from "../core/status.ts";
import { SystemError } from "../systems/system-error.ts";
import { newestBackup } from "./backup-newest.ts";
import type { CheckKind } from "./check-kind.ts";
import { demandDue, dueFrom } from "./due-from.ts";

const settings = {
  awayFrom: z
    .array(
      textSetting({ pattern: /^[A-Za-z0-9.-]+$/, expected: "a host such as server.example.com" }),
    )
    .max(20)
    .default([])
    .meta({
      description: "Hosts that the bucket must not be on: those whose loss it is there for",
    }),
  recovery: textSetting({ pattern: /^age1/, expected: "a recipient such as age1…", maximum: 4_096 })
    .optional()
    .meta({
      description: "For whom it must be sealed: the recipient whose identity is in the safe",
    }),
  dueFrom,
} satisfies z.ZodRawShape;

export const backupOffSite = {
  kind: "backup-off-site",
  summary: "the newest backup lies whole in a bucket elsewhere, and the recovery key opens it",
  settings,
  async observe({ systems: { bucket }, settings: { awayFrom, recovery, dueFrom } }, signal) {
    const { id, stored } = await newestBackup(bucket, signal);
    const place = placeOf(bucket.place, awayFrom);
    if (id === undefined) {
      demandDue("backup", dueFrom, new Date());
      const none = { what: "newest backup", expected: "one", actual: `none in ${bucket.place}` };
      return { observations: [...place, { ...none, ok: false }] };
    }
    const names = artifactNames(id);
    const text = await bucket.readText(names.manifest, signal);
    const manifest = manifestSchema.safeParse(parsed(text));
    if (!manifest.success) {
      const message = `the manifest of ${id} cannot be read by this version`;
      throw new SystemError("bucket", "malformed", message);
    }
    const { artifact } = manifest.data;
    const bytes = stored.find(({ name }) => name === names.artifact)?.bytes;
    const sealedFor = artifact.recipients.recovery;
    return {
      observations: [
        ...place,
        {
          what: `bytes of ${id}`,
          expected: String(artifact.bytes),
          actual: bytes === undefined ? "they are not there" : String(bytes),
          ok: bytes === artifact.bytes,
        },
        ...(recovery === undefined
          ? []
          : [
              {
                what: "sealed for recovery",
                expected: recovery,
                actual: sealedFor,
                ok: sealedFor === recovery,
              },
            ]),
      ],
      measurements: [{ name: "backupBytes", value: artifact.bytes }],
    };
  },
} satisfies CheckKind<typeof settings, "bucket">;

function placeOf(place: string, awayFrom: readonly string[]): readonly Observation[] {
  if (awayFrom.length === 0) return [];
  const host = place.split("/")[0]?.replace(/:\d+$/, "") ?? "";
  const expected = `not on ${awayFrom.join(", ")}`;
  return [{ what: "where it is", expected, actual: host, ok: !awayFrom.includes(host) }];
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}
