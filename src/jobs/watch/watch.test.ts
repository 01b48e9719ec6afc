import { expect, test } from "vitest";

import type { CheckResult } from "../../core/status.ts";
import type { TakenLook } from "./look-desk.ts";
import { CAN_SEE } from "./own-checks.ts";
import { watch, type WatchedCheck, type WatchedTarget } from "./watch.ts";

const result = (status: "pass" | "fail" | "unknown"): CheckResult => ({
  status,
  observations: [],
  measurements: [],
  durationMs: 0,
});

function check(name: string, parts: Partial<WatchedCheck>): WatchedCheck {
  return {
    name,
    severity: "page",
    everyMs: 5,
    forMs: 0,
    resolveAfterMs: 0,
    dependsOn: [],
    ask: async () => result("pass"),
    ...parts,
  };
}

const scene: WatchedTarget["scene"] = {
  timeZone: "UTC",
  place: { chatId: 1, topicId: undefined, replyTo: undefined },
  configHash: "",
  rosterAt: () => [],
  escalation: [],
  runbookOf: () => undefined,
  hasSmokeFlow: false,
  remediesOf: () => [],
  maintenanceOf: () => undefined,
};
/** Watches until so many looks were taken, and gives the names of those looked at in order, and what each said. */
async function watched(
  checks: readonly WatchedCheck[],
  enough: (looks: readonly TakenLook[]) => boolean,
): Promise<readonly TakenLook[]> {
  const stop = new AbortController();
  const taken: TakenLook[] = [];
  await watch(
    {
      targets: [{ target: "production", checks, ownChecks: [], scene }],
      concurrency: 4,
      keep: async (looks) => {
        taken.push(...looks);
        if (enough(taken)) stop.abort();
      },
      onError: (error) => {
        throw error;
      },
    },
    AbortSignal.any([stop.signal, AbortSignal.timeout(15_000)]),
  );
  expect(stop.signal.aborted).toBe(true);
  return taken;
}

const named = (name: string) => (look: TakenLook) => look.check.name === name;

test("every check is asked again and again on its own interval, never twice at a time", async () => {
  let asking = 0;
  let most = 0;
  const ask = async (): Promise<CheckResult> => {
    asking += 1;
    most = Math.max(most, asking);
    await new Promise((resolve) => setImmediate(resolve));
    asking -= 1;
    return result("pass");
  };
  const looks = await watched(
    [check("often", { ask }), check("seldom", { everyMs: 60_000 })],
    (taken) => taken.filter(named("often")).length >= 5 && taken.some(named("seldom")),
  );
  expect(most).toBe(1);
  expect(looks.filter(named("seldom"))).toHaveLength(1);
});

test("what a check depends on is looked at before its trouble is taken", async () => {
  const looks = await watched(
    [
      check("effect", { dependsOn: ["cause"], ask: async () => result("fail") }),
      // Its own turn comes in an hour; trouble behind it calls it sooner.
      check("cause", { everyMs: 3_600_000, ask: async () => result("fail") }),
    ],
    (taken) => taken.some(named("effect")),
  );
  const order = looks.map(({ check: { name } }) => name);
  expect(order.indexOf("cause")).toBeGreaterThanOrEqual(0);
  expect(order.indexOf("cause")).toBeLessThan(order.indexOf("effect"));
});

test("trouble that lasts does not ask its causes at every look, however many checks are in it", async () => {
  const effect = { dependsOn: ["cause"], ask: async () => result("fail") };
  const looks = await watched(
    [
      check("one", effect),
      check("another", effect),
      check("cause", { everyMs: 3_600_000, ask: async () => result("unknown") }),
    ],
    (taken) => ["one", "another"].every((name) => taken.filter(named(name)).length >= 8),
  );
  // Each sends for it once as its trouble begins, and its own first turn comes.
  expect(looks.filter(named("cause")).length).toBeLessThanOrEqual(3);
});

test("trouble that begins anew sends for its causes anew", async () => {
  let asked = 0;
  const looks = await watched(
    [
      check("effect", {
        dependsOn: ["cause"],
        ask: async () => {
          asked += 1;
          return result(asked % 2 === 0 ? "pass" : "fail");
        },
      }),
      check("cause", { everyMs: 3_600_000 }),
    ],
    (taken) => taken.filter(named("effect")).length >= 7,
  );
  expect(looks.filter(named("cause")).length).toBeGreaterThanOrEqual(3);
});

test("when nothing can be looked at, that is said of ourselves before it is said of anything else", async () => {
  const blind = { ask: async () => result("unknown") };
  const looks = await watched(
    ["one", "two", "three"].map((name) => check(name, blind)),
    (taken) => ["one", "two", "three"].every((name) => taken.filter(named(name)).length > 1),
  );
  const sight = looks.filter(named(CAN_SEE)).map((look) => look.result.status);
  expect(sight).toContain("fail");
});

test("one answer is enough to know that we can see", async () => {
  const blind = { ask: async () => result("unknown") };
  const looks = await watched(
    [check("one", blind), check("two", blind), check("three", { ask: async () => result("fail") })],
    (taken) => taken.filter(named("one")).length > 3,
  );
  const sight = looks.filter(named(CAN_SEE)).map((look) => look.result.status);
  expect(sight.length).toBeGreaterThan(0);
  expect(sight).not.toContain("fail");
});

test("what cannot be kept stops no watch", async () => {
  const errors: string[] = [];
  const stop = new AbortController();
  let tries = 0;
  await watch(
    {
      targets: [{ target: "production", checks: [check("one", {})], ownChecks: [], scene }],
      concurrency: 1,
      keep: async () => {
        tries += 1;
        if (tries === 3) stop.abort();
        throw new Error("the database is away");
      },
      onError: (error) => errors.push(String(error)),
    },
    AbortSignal.any([stop.signal, AbortSignal.timeout(15_000)]),
  );
  expect(errors.length).toBeGreaterThanOrEqual(2);
});
