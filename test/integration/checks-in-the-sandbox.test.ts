import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { FaultName } from "../../sandbox/faults.ts";
import { startWorld } from "../../sandbox/world.ts";
import type { World } from "../../sandbox/world.ts";
import type { EarlierLook } from "../../src/checks/check-kind.ts";
import { createChecks } from "../../src/checks/create-checks.ts";
import type { Check } from "../../src/checks/create-checks.ts";
import { parseConfig } from "../../src/config/load-config.ts";
import { formatProblems } from "../../src/config/problem.ts";
import { createScrubber } from "../../src/core/redaction.ts";
import { secretsKept } from "../../src/jobs/rotation/rotations.ts";
import { createSystems } from "../../src/systems/index.ts";
import { NOT_DUE } from "../support/config.ts";
import { someOf } from "../support/long-run.ts";
import { changedBy, reactions, type Statuses } from "../support/reactions.ts";

const opened = new AsyncDisposableStack();
const signal = new AbortController().signal;
let world: World;
let checks: readonly Check[];

beforeAll(async () => {
  world = opened.use(await startWorld({ deadLetterEveryMs: 50 }));
  const file = join(import.meta.dirname, "../../ops/sandbox.yaml");
  // A hang must not cost a test the seconds that it may cost an operator. Only checks and secrets stand this far from the margin.
  const [aboutChecks = "", ...others] = readFileSync(file, "utf8").split(/^(?=secrets:$)/m);
  const hasty = aboutChecks
    .replaceAll(/^ {4}timeout: .*\n/gm, "")
    .replaceAll(/^ {4}kind: .*$/gm, "$&\n    timeout: 2s")
    .replaceAll(/^ {4}within: .*$/gm, "    within: 1s");
  const text = [hasty, ...others].join("");
  const config = parseConfig(text, {
    environment: world.environment,
    readFile: (path) => readFileSync(path, "utf8"),
  });
  if (!config.ok) throw new Error(formatProblems(config.problems, file));
  const systems = opened.use(createSystems(config.settings.systems));
  checks = createChecks(config.settings.checks, {
    systems,
    previous: async (check, lastMs) => lastLooks(check, lastMs),
    secrets: async () => secretsKept(config.settings.secrets, [], new Date()),
    scrub: createScrubber(config.secrets),
  });
});

afterAll(async () => opened.disposeAsync());

const looks = new Map<string, EarlierLook[]>();

/** As the storage remembers them. */
function lastLooks(check: string, lastMs: number): readonly EarlierLook[] {
  const all = looks.get(check) ?? [];
  const young = all.filter(({ at }) => at.getTime() >= Date.now() - lastMs);
  return young.length > 0 ? young : all.slice(-1);
}

/** What every check says now; what is shown must hold no secret of the world. */
async function statuses(): Promise<Statuses> {
  const results = await Promise.all(
    checks.map(async (check) => [check.name, await check.ask(signal)] as const),
  );
  const shown = JSON.stringify(results);
  for (const secret of world.secrets) expect(shown).not.toContain(secret);
  for (const [name, { measurements }] of results) {
    if (measurements.length === 0) continue;
    looks.set(name, [...(looks.get(name) ?? []), { at: new Date(), measurements }]);
  }
  return Object.fromEntries(results.map(([name, { status }]) => [name, status]));
}

test("a healthy world passes every check, but for what it is too young to have", async () => {
  expect(await statuses()).toEqual(healthy());
});

const healthy = (): Statuses =>
  Object.fromEntries(
    checks.map(({ name }) => [name, NOT_DUE.includes(name) ? "not-configured" : "pass"]),
  );

/** What these look at is no part of the world but made by Flightdeck, and no fault of the world unmakes it. */
const OWN = [...NOT_DUE, "disk-has-room", "break-glass-is-reviewed", "secrets-are-young"];

test("every check fails by a fault that it is there for", () => {
  const proved = Object.values(reactions).flatMap(({ own }) =>
    Object.keys(own).filter((name) => own[name] === "fail"),
  );
  const ofTheWorld = checks.map(({ name }) => name).filter((name) => !OWN.includes(name));
  expect([...new Set(proved)].toSorted()).toEqual(ofTheWorld.toSorted());
});

describe("a fault shows in the checks that are there for it, in no other, and passes when healed", () => {
  test.each(someOf(Object.keys(reactions) as FaultName[], 20))("%s", async (fault) => {
    const changed = { ...healthy(), ...changedBy(fault) };
    await world.break(fault);
    try {
      await expect.poll(statuses, { timeout: 20_000 }).toEqual(changed);
    } finally {
      await world.heal(fault);
    }
    await expect.poll(statuses, { timeout: 20_000 }).toEqual(healthy());
  });
});
