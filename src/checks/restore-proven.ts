import type { z } from "zod";

import { formatDuration } from "../core/duration.ts";
import { durationSetting } from "../core/setting.ts";
import type { Observation } from "../core/status.ts";
import { NotConfiguredError } from "../systems/not-configured-error.ts";
import type { CheckKind, DrillsSoFar } from "./check-kind.ts";
import { demandDue, dueFrom } from "./due-from.ts";

const DAY_MS = 86_400_000;

const settings = {
  within: durationSetting({ minimumMs: 60_000 })
    .default(8 * DAY_MS)
    .meta({ description: "How long ago a drill may have proved a backup" }),
  dueFrom,
} satisfies z.ZodRawShape;

/** A backup that nobody has restored is a hope. Whether one was is known by what drills have come to. */
export const restoreProven = {
  kind: "restore-proven",
  summary: "a drill restored a backup and proved it not long ago, and the last one did not fail",
  settings,
  limits: ({ within }) => [{ measurement: "proofAgeMs", atMost: within }],
  async observe({ drills, settings: { within, dueFrom } }) {
    const known = await drills();
    if (!known) throw new NotConfiguredError("backup");
    const { now, last, verified } = known;
    if (!last) demandDue("drill", dueFrom, now);
    const ageMs = verified && now.getTime() - verified.endedAt.getTime();
    return {
      observations: [...lastDrill(known), newestProof(known, within)],
      measurements: [
        ...(ageMs === undefined ? [] : [{ name: "proofAgeMs", value: ageMs }]),
        ...(verified?.recoveryMs === undefined
          ? []
          : [{ name: "recoveryMs", value: verified.recoveryMs }]),
      ],
    };
  },
} satisfies CheckKind<typeof settings, never, "drills">;

/** One that could not verify says nothing of the backup; that it goes on like this shows by the age of the proof. */
function lastDrill({ last, now }: DrillsSoFar): readonly Observation[] {
  if (!last) return [];
  const agoMs = now.getTime() - last.endedAt.getTime();
  return [
    {
      what: "last drill",
      expected: "not FAILED",
      actual: `${last.verdict} ${formatDuration(agoMs)} ago, of ${last.backup}`,
      ok: last.verdict !== "FAILED",
    },
  ];
}

function newestProof({ verified, now }: DrillsSoFar, withinMs: number): Observation {
  const what = "newest backup that was proved";
  const expected = `within ${formatDuration(withinMs)}`;
  if (!verified) return { what, expected, actual: "none yet; /drill proves one", ok: false };
  const ageMs = now.getTime() - verified.endedAt.getTime();
  const actual = `${verified.backup}, ${formatDuration(ageMs)} ago`;
  return { what, expected, actual, ok: ageMs <= withinMs };
}
