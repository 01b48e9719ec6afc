import { describe, expect, test } from "vitest";

import { ageWords, standingOfAge, type AgingSecret } from "./secret-age.ts";

const DAY_MS = 86_400_000;
const now = new Date("2026-11-23T10:00:00Z");
const aged = (days: number | undefined): AgingSecret => ({
  name: "api-tokens",
  everyMs: 90 * DAY_MS,
  warnBeforeMs: 14 * DAY_MS,
  madeAt: days === undefined ? undefined : new Date(now.getTime() - days * DAY_MS),
});

describe("the age of a secret", () => {
  test.each([
    [0, "young"],
    [75, "young"],
    [76, "soon"],
    [89, "soon"],
    [90, "too-old"],
    [200, "too-old"],
    [undefined, "unknown"],
  ] as const)("after %s days it is %s", (days, standing) => {
    expect(standingOfAge(aged(days), now)).toBe(standing);
  });

  test.each([
    [12, "12d old, due in 78d"],
    [100, "100d old, due 10d ago"],
    [0.25, "6h old, due in 89d"],
    [undefined, "of unknown age"],
  ] as const)("is told in whole days: %s", (days, words) => {
    expect(ageWords(aged(days), now)).toBe(words);
  });
});
