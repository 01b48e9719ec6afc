import { afterAll, beforeAll, expect, test } from "vitest";

import type { ReleaseName } from "../../sandbox/releases.ts";
import { startRollout, type Rollout } from "../support/rollout.ts";

let rollout: Rollout;
const release = (name: ReleaseName): string => rollout.world.releases[name];
const short = (name: ReleaseName): string => release(name).slice(0, 7);

beforeAll(async () => {
  rollout = await startRollout({
    // Good until everything was proved, and bad long before nobody watches any more.
    world: {
      deploymentStepMs: 60,
      timing: { workerPausesMs: [20, 20, 20, 20], goodForMs: 20_000 },
    },
    tune: (text) => text.replace("SANDBOX_WATCH_LASTS:-1m", "NOWHERE:-60s"),
  });
  await rollout.openGates();
});
afterAll(async () => {
  await rollout[Symbol.asyncDispose]();
});

test("a release that goes bad while it is watched is rolled back by the button of its card", async () => {
  const { world } = rollout;
  const card = await rollout.deploy(`/deploy ${release("goes-bad")}`);
  const end = await rollout.until(card, /deploy failed|to be signed/);
  expect(end.text.split("\n")[0]).toBe("🔴 sandbox · deploy failed at watch");
  expect(end.text).toMatch(/went bad after .*-are-answered: /);
  expect(world.deployed("api")).toBe(release("goes-bad"));
  const label = `Roll back to ${short("current")}`;
  const question = await rollout.tapFor("operator", end, label, /rollback\?/);
  await rollout.tap("approver", question, "Approve");
  await rollout.until(question, /rolled back to|failed/);
  expect([world.deployed("api"), world.deployed("worker")]).toEqual([
    release("current"),
    release("current"),
  ]);
}, 150_000);
