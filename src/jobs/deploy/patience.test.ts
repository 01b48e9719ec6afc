import { describe, expect, test } from "vitest";

import { SystemError, type SystemErrorKind } from "../../systems/system-error.ts";
import { lookPatiently, whenAllowed } from "./patience.ts";

const never = new AbortController().signal;
const hurried = { withinMs: 2_000, everyMs: 1 };

function lookThat(fails: number, kind: SystemErrorKind) {
  let looks = 0;
  const look = async (): Promise<number> => {
    looks += 1;
    if (looks <= fails) throw new SystemError("coolify", kind, "no answer");
    return looks;
  };
  return look;
}

test.each(["unreachable", "timeout", "rate-limited"] as const)(
  "looks again after %s, until there is an answer",
  async (kind) => {
    expect(await lookPatiently(lookThat(3, kind), never, hurried)).toBe(4);
  },
);

test.each(["rejected", "unauthorized", "malformed"] as const)(
  "takes %s for an answer",
  async (kind) => {
    await expect(lookPatiently(lookThat(1, kind), never, hurried)).rejects.toThrow("no answer");
  },
);

test("gives up when its time is over, with what went wrong last", async () => {
  const looking = lookPatiently(lookThat(9_999, "unreachable"), never, {
    withinMs: 30,
    everyMs: 5,
  });
  await expect(looking).rejects.toThrow("no answer");
});

test("stops at once when it is told to", async () => {
  const stopping = new AbortController();
  const looking = lookPatiently(lookThat(9_999, "unreachable"), stopping.signal, {
    withinMs: 60_000,
    everyMs: 60_000,
  });
  stopping.abort(new Error("told to stop"));
  await expect(looking).rejects.toThrow("told to stop");
});

describe("what is refused for having been asked too often", () => {
  test("is asked again until it is allowed", async () => {
    expect(await whenAllowed(lookThat(3, "rate-limited"), never, 1)).toBe(4);
  });

  test("fails as it was refused when there is no more time", async () => {
    const asking = whenAllowed(lookThat(9_999, "rate-limited"), AbortSignal.timeout(30), 5);
    await expect(asking).rejects.toThrow("no answer");
  });

  test("is told from every other failure, after which nothing is asked again", async () => {
    await expect(whenAllowed(lookThat(1, "unreachable"), never, 1)).rejects.toThrow("no answer");
  });
});
