import { describe, expect, test } from "vitest";

import { doneAllTheSame } from "./done-all-the-same.ts";
import { SystemError, type SystemErrorKind } from "./system-error.ts";

const failing = (kind: SystemErrorKind) => async () => {
  throw new SystemError("coolify", kind, "what went wrong first");
};
const isThere = async () => true;

describe("what was written", () => {
  test("is not looked for when the answer is good", async () => {
    let looks = 0;
    const look = async () => (looks += 1) === 0;
    await doneAllTheSame(async () => {}, look);
    expect(looks).toBe(0);
  });

  test.each(["unreachable", "timeout", "malformed"] as const)(
    "is done when it is there in spite of an answer that is %s",
    async (kind) => {
      await doneAllTheSame(failing(kind), isThere);
      await expect(doneAllTheSame(failing(kind), async () => false)).rejects.toThrow("first");
    },
  );

  test.each(["rejected", "unauthorized", "rate-limited"] as const)(
    "is not done when it was %s, whatever is there",
    async (kind) => {
      await expect(doneAllTheSame(failing(kind), isThere)).rejects.toThrow("first");
    },
  );

  test("is not done when nobody can look; what went wrong first is told", async () => {
    const blind = async () => Promise.reject(new Error("what went wrong then"));
    await expect(doneAllTheSame(failing("unreachable"), blind)).rejects.toThrow("first");
  });
});
