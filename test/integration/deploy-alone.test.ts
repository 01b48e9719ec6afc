import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import type { FaultName } from "../../sandbox/faults.ts";
import type { ReleaseName } from "../../sandbox/releases.ts";
import { someOf } from "../support/long-run.ts";
import { startRollout, type Rollout } from "../support/rollout.ts";

let rollout: Rollout;
const release = (name: ReleaseName): string => rollout.world.releases[name];
const short = (name: ReleaseName): string => release(name).slice(0, 7);

/** A team of one, who is asked all the same. */
beforeAll(async () => {
  rollout = await startRollout({ more: "approvals: { deploy: confirm }" });
});
afterAll(async () => {
  await rollout[Symbol.asyncDispose]();
});
afterEach(async () => {
  await rollout.world.healAll();
  await rollout.letHoursPass();
});

test("an approver passes gates by name, and each is an entry with the reason", async () => {
  const reason = "the old release loses data, and this one does not";
  const card = await rollout.say(
    "approver",
    `/deploy ${release("good")} --override preflight,backup --because "${reason}"`,
    /deploy\?/,
  );
  expect(card.text).toContain(`⚠️ Gate preflight passed by word of Ada`);
  expect(card.text).toContain(reason);
  // There was no backup, so one is made on the way.
  expect(card.text).toContain("backup → api → schema");
  expect((await rollout.entries()).some(({ kind }) => kind === "gate.overridden")).toBe(false);
  await rollout.tap("approver", card, "Confirm");
  const end = await rollout.until(card, /to be signed|failed/);
  expect(end.text).toMatch(/✓ backup: \w+ was made on the way/);
  const passed = (await rollout.entries()).filter(({ kind }) => kind === "gate.overridden");
  expect(passed).toMatchObject([
    { actor: { name: "Ada" }, result: "preflight", facts: { gate: "preflight", because: reason } },
    { actor: { name: "Ada" }, result: "backup", facts: { gate: "backup", because: reason } },
  ]);
  // Alone, so the second look is recorded as the own one.
  await rollout.tap("approver", end, "Reviewed: complete");
  await rollout.until(end, /signed, reviewed by Ada/);
  const signed = (await rollout.entries()).findLast(({ kind }) => kind === "rollout.signed");
  expect(signed?.facts).toMatchObject({ "self-reviewed": "yes" });
});

test.each(
  someOf<FaultName>(["coolify-answers-500-after-accepting", "coolify-cuts-its-answers"], 1),
)("%s: what was done is found and not done again", async (fault) => {
  const { world } = rollout;
  await rollout.say("operator", "/preflight", /· GO/);
  const card = await rollout.say("operator", `/deploy ${release("current")}`, /deploy\?/);
  const before = await world.effects();
  await world.break(fault);
  await rollout.tap("operator", card, "Confirm");
  const end = await rollout.until(card, /to be signed|failed|did it happen/);
  expect(end.text.split("\n")[0]).toContain(`deployed ${short("current")}`);
  const after = await world.effects();
  expect((after["rollbacks"] ?? 0) - (before["rollbacks"] ?? 0)).toBe(2);
  expect((after["tasksExecuted"] ?? 0) - (before["tasksExecuted"] ?? 0)).toBe(1);
});
