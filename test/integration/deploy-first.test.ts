import { afterAll, beforeAll, expect, test } from "vitest";

import { ids } from "../../sandbox/coolify/ids.ts";
import { query } from "../support/records.ts";
import { startRollout, type Rollout } from "../support/rollout.ts";
import { asksCoolify } from "../support/sandbox-coolify.ts";

let rollout: Rollout;

beforeAll(async () => {
  rollout = await startRollout({
    world: { empty: true, deploymentStepMs: 60, timing: { workerPausesMs: [20, 20, 20, 20] } },
  });
  const { world } = rollout;
  const coolify = asksCoolify(world);
  for (const service of ["api", "worker"] as const) {
    const data = Object.entries(world.variables[service]).map(([key, value]) => ({
      key,
      value,
      is_literal: true,
      is_preview: false,
    }));
    const path = `/applications/${ids[service]}/envs/bulk`;
    await coolify.ask("PATCH", path, { data });
  }
});
afterAll(async () => {
  await rollout[Symbol.asyncDispose]();
});

test("an empty production is brought up to its first signature", async () => {
  const { world } = rollout;
  expect(world.coolify.state.variables.length).toBeGreaterThan(10);
  expect(world.deployed("api")).toBeUndefined();
  // The checks of what runs fail, as they have to, and bind nothing yet.
  await rollout.say("operator", "/preflight", /NO-GO/);
  const card = await rollout.say("operator", "/deploy", /deploy\?|blocked/);
  expect(card.text).toContain("nothing → ");
  expect(card.text).toContain("api → schema → ready → worker → a job → smoke → watch");
  await rollout.tap("approver", card, "Approve");
  const end = await rollout.until(card, /to be signed|failed/);
  expect(end.text.split("\n")[0]).toContain("🟢 sandbox · deployed");
  expect([world.deployed("api"), world.deployed("worker")]).toEqual([
    world.releases.current,
    world.releases.current,
  ]);
  const { rows } = await query<{ version_num: string }>(
    world.product.databaseUrl,
    "select version_num from alembic_version",
  );
  expect(rows).toEqual([{ version_num: "c3a2b7d9f1e0" }]);
  const effects = await world.effects();
  expect(effects).toMatchObject({ rollbacks: 2, tasksExecuted: 1, migrationsApplied: 4 });
  expect(end.text).toContain("✓ backup: the database was empty");
  expect(end.text).toContain("Not good yet, and to be set up now: product-webhook-is-registered");

  // There is no release to go back to, so a person says what that means; whoever asked does, and nobody else.
  expect(end.text).toContain("☐ rollback");
  expect(await rollout.tap("approver", end, "rollback: yes")).toContain(
    "Otto asked for this rollout",
  );
  await rollout.tap("operator", end, "rollback: no");
  await rollout.until(end, /✗ rollback · Otto/);
  await rollout.tap("operator", end, "rollback: yes");
  const answered = await rollout.until(end, /☑ rollback · Otto/);
  await rollout.tap("approver", answered, "Reviewed: complete");
  await rollout.until(end, /signed, reviewed by Ada/);
  const signed = (await rollout.entries()).filter(({ kind }) => kind === "rollout.signed");
  expect(signed).toHaveLength(1);
  expect(signed[0]?.facts).toMatchObject({
    backup: "yes: the database was empty",
    migration: "yes: now at c3a2b7d9f1e0",
    rollback: "yes, by Otto",
    "reviewed-by": "Ada",
  });
});
