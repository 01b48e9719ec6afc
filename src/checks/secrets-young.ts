import { z } from "zod";

import { formatDuration } from "../core/duration.ts";
import { runName } from "../core/run-name.ts";
import { ageWords, inDays, standingOfAge, type AgingSecret } from "../core/secret-age.ts";
import type { Observation } from "../core/status.ts";
import type { CheckKind, RotationLeft } from "./check-kind.ts";

const NOTHING_LEFT_FOR_MS = 60 * 60_000;

const settings = {} satisfies z.ZodRawShape;

/** A secret that grows old is told before it is too old, and a rotation that was begun is not left half done. */
export const secretsAreYoung = {
  kind: "secrets-are-young",
  summary:
    "no secret is older than it may become, or soon will be, and no rotation was left half done",
  settings,
  async observe({ secrets }) {
    const known = await secrets();
    if (!known || known.secrets.length === 0) {
      return { observations: [], reason: "no secrets are configured; put them below `secrets:`" };
    }
    const { now } = known;
    const ages = known.secrets.flatMap(({ madeAt }) =>
      madeAt ? [now.getTime() - madeAt.getTime()] : [],
    );
    return {
      observations: [
        ...known.secrets.map((secret) => ageOf(secret, now)),
        ...known.left.map((left) => leftOf(left, now)),
      ],
      measurements: [
        ...(ages.length > 0 ? [{ name: "oldestSecretMs", value: Math.max(...ages) }] : []),
        {
          name: "secretsDue",
          value: known.secrets.filter((secret) => standingOfAge(secret, now) !== "young").length,
        },
      ],
    };
  },
} satisfies CheckKind<typeof settings, never, "secrets">;

function ageOf(secret: AgingSecret, now: Date): Observation {
  const { name, everyMs, warnBeforeMs } = secret;
  return {
    what: name,
    expected: `at most ${inDays(everyMs - warnBeforeMs)} old: \`/rotate ${name}\` replaces it, \`since:\` says when it was made`,
    actual: ageWords(secret, now),
    ok: standingOfAge(secret, now) === "young",
  };
}

/** While it is under way for the first hour that is as it should be. */
function leftOf({ secret, since, runId }: RotationLeft, now: Date): Observation {
  const forMs = Math.max(0, now.getTime() - since.getTime());
  return {
    what: `the rotation of ${secret}`,
    expected: `over within ${formatDuration(NOTHING_LEFT_FOR_MS)}: \`/rotate ${secret}\` goes on, \`/rotate ${secret} back\` leads back`,
    actual: `begun ${formatDuration(Math.max(1_000, forMs))} ago, ${runName(runId)}`,
    ok: forMs < NOTHING_LEFT_FOR_MS,
  };
}
