import { randomUUID } from "node:crypto";

import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { startRollout, type Rollout } from "../support/rollout.ts";
import { letBeRead } from "../support/tapping.ts";

/** Its uuid in the sandbox's Coolify. */
const WORKER = "m4wcs0gkw8ko4sc0gok8wc4s";

const opened = new AsyncDisposableStack();
let rollout: Rollout;

beforeAll(async () => {
  const timing = { workerPausesMs: [6_000, 20, 20, 20] };
  rollout = opened.use(await startRollout({ world: { timing } }));
});
afterAll(async () => {
  await opened.disposeAsync();
});
afterEach(async () => {
  await rollout.world.healAll();
});

const effect = async (name: string): Promise<number> => (await rollout.world.effects())[name] ?? 0;

describe("the worker started anew", () => {
  test("runs the same commit, heals one that died, and proves it by a job; the API is left alone", async () => {
    const { world, say, tap, until, entries } = rollout;
    await world.break("worker-died-silently");
    const [worker, api] = [world.deployed("worker"), world.deployed("api")];
    const before = await effect("rollbacks");
    const card = await say("operator", "/restart worker", /restart worker\?/);
    expect(card.text).toContain(`same code ${worker?.slice(0, 7)}`);
    expect(await tap("operator", card, "Approve")).not.toBe("");
    expect(await effect("rollbacks")).toBe(before);
    await tap("approver", card, "Approve");
    const end = await until(card, /🟢 sandbox · worker restarted|🔴/);
    expect(end.text.split("\n")[0]).toBe("🟢 sandbox · worker restarted");
    expect([world.deployed("worker"), world.deployed("api")]).toEqual([worker, api]);
    expect(await effect("rollbacks")).toBe(before + 1);
    expect((await entries()).at(-1)).toMatchObject({
      kind: "run.result",
      operation: "restart-worker",
      result: "RESTARTED",
      facts: { application: "worker", commit: worker },
    });
  });

  test("waits for the job in its hands, which would be lost, and goes on when that has ended", async () => {
    const { world, say, tap, until } = rollout;
    const redis = new Redis(world.product.redisUrl);
    try {
      const [lost, dead] = [await effect("jobsLost"), await effect("jobsDead")];
      const card = await say("operator", "/restart worker", /restart worker\?/);
      // It fails at once with an open task, and is in the worker's hands while it waits for its next attempt.
      const job = { job_id: randomUUID(), topic: "plan.refresh", payload: { user_id: "usr_dev" } };
      await letBeRead(rollout.databaseUrl);
      await redis.rpush("default_queue", JSON.stringify(job));
      await tap("approver", card, "Approve");
      await until(card, /jobs in hand/);
      await until(card, /🟢 sandbox · worker restarted/);
      expect(await effect("jobsLost")).toBe(lost);
      expect(await effect("jobsDead")).toBe(dead + 1);
    } finally {
      redis.disconnect();
    }
  });

  test("is not begun when somebody else deploys it between question and yes", async () => {
    const { world, say, tap, until } = rollout;
    const card = await say("operator", "/restart worker", /restart worker\?/);
    await world.break("deployments-hang");
    const { SANDBOX_COOLIFY_URL: url, SANDBOX_COOLIFY_DEPLOY_TOKEN: token } = world.environment;
    const answer = await fetch(`${url}/api/v1/deploy?uuid=${WORKER}&force=false`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, accept: "application/json" },
    });
    expect(answer.status).toBe(200);
    await tap("approver", card, "Approve");
    const end = await until(card, /things changed/);
    expect(end.text).toContain("under-way");
    expect(end.text).toContain("Nothing was done.");
    // Asked anew, it says so before anybody is asked.
    const again = await say("operator", "/restart worker", /failed/);
    expect(again.text).toContain("Coolify is deploying worker already");
  });
});
