import { describe, expect, test } from "vitest";

import { statusOf } from "../core/status.ts";
import type { SecretsKept } from "./check-kind.ts";
import { secretsAreYoung } from "./secrets-young.ts";

const DAY_MS = 86_400_000;
const now = new Date("2026-11-23T10:00:00Z");
const ago = (ms: number): Date => new Date(now.getTime() - ms);
const secret = (name: string, days: number | undefined) => ({
  name,
  everyMs: 90 * DAY_MS,
  warnBeforeMs: 14 * DAY_MS,
  madeAt: days === undefined ? undefined : ago(days * DAY_MS),
});

async function looked(known: Partial<SecretsKept> | undefined) {
  const secrets = async () => known && { now, secrets: [], left: [], ...known };
  const seen = await secretsAreYoung.observe({ systems: {}, settings: {}, secrets });
  const wrong = seen.observations
    .filter(({ ok }) => !ok)
    .map(({ what, actual }) => `${what} ${actual}`);
  return { status: statusOf(seen.observations), wrong, measurements: seen.measurements ?? [] };
}

describe("secrets are young", () => {
  test("as long as each is, and the oldest is measured", async () => {
    const { status, measurements } = await looked({
      secrets: [secret("one", 1), secret("two", 70)],
    });
    expect(status).toBe("pass");
    expect(measurements).toEqual([
      { name: "oldestSecretMs", value: 70 * DAY_MS },
      { name: "secretsDue", value: 0 },
    ]);
  });

  test.each([
    [80, "80d old, due in 10d"],
    [95, "95d old, due 5d ago"],
    [undefined, "of unknown age"],
  ])("no longer at %s days, and says so before it is too late", async (days, words) => {
    const { status, wrong } = await looked({ secrets: [secret("one", 1), secret("two", days)] });
    expect(status).toBe("fail");
    expect(wrong).toEqual([`two ${words}`]);
  });

  test("only while no rotation is left half done for longer than an hour", async () => {
    const left = (minutes: number) => [{ secret: "one", since: ago(minutes * 60_000), runId: "7" }];
    expect(await looked({ secrets: [secret("one", 1)], left: left(50) })).toMatchObject({
      status: "pass",
    });
    const { status, wrong } = await looked({ secrets: [secret("one", 1)], left: left(70) });
    expect(status).toBe("fail");
    expect(wrong).toEqual(["the rotation of one begun 1h 10m ago, R-7"]);
  });

  test("is unknown where none is configured", async () => {
    expect((await looked({})).status).toBe("unknown");
    expect((await looked(undefined)).status).toBe("unknown");
  });
});
