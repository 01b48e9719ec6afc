import { describe, expect, test } from "vitest";

import { createDeployer } from "./deployer.ts";
import { applicationOf } from "./faults.ts";
import { ids } from "./ids.ts";
import { goodMood } from "./mood.ts";
import { emptyRuntime } from "./runtime.ts";
import { commits, seedCoolify } from "./seed.ts";

const now = new Date("2026-11-23T04:00:00Z");

function deploying() {
  const variables = { api: {}, worker: {}, stagingApi: {}, stagingWorker: {} };
  const state = seedCoolify({ tokens: [], variables, now });
  const deployer = createDeployer({
    state,
    mood: goodMood(),
    runtime: emptyRuntime,
    nextCommit: "d".repeat(40),
    onPush: () => undefined,
    now: () => now,
  });
  const enqueue = (uuid: string, commit = "HEAD") =>
    deployer.enqueue(applicationOf(state, uuid), { commit });
  return { state, deployer, enqueue };
}

describe("the queue of the sandbox's Coolify", () => {
  test("builds one deployment of an application at a time, and two in all", async () => {
    const { deployer, enqueue } = deploying();
    const rows = [ids.api, ids.api, ids.worker, ids.stagingApi].map((uuid) => enqueue(uuid));
    const statuses = (): string[] => rows.map(({ status }) => status);
    await deployer.advance();
    expect(statuses()).toEqual(["in_progress", "queued", "in_progress", "queued"]);
    await deployer.advance();
    expect(statuses()).toEqual(["finished", "in_progress", "finished", "in_progress"]);
    await deployer.advance();
    expect(statuses()).toEqual(["finished", "finished", "finished", "finished"]);
  });

  test("says finished before the end, and unhealthy until it has looked", async () => {
    const { state, deployer, enqueue } = deploying();
    const api = applicationOf(state, ids.api);
    const row = enqueue(ids.api);
    await deployer.advance();
    await deployer.advance();
    expect(row).toMatchObject({ status: "finished", finished_at: null });
    expect(api.status).toBe("running:unhealthy");
    await deployer.advance();
    expect(row.finished_at).toBe(now.toISOString());
    expect(api.status).toBe("running:healthy");
  });

  test("reads the branch when it begins, not when it is asked", async () => {
    const { state, deployer, enqueue } = deploying();
    const row = enqueue(ids.worker);
    state.branchHead = "b".repeat(40);
    await deployer.advance();
    expect(row).toMatchObject({ commit: "b".repeat(40), requested_commit: "HEAD" });
  });

  test("keeps as many images as the application says, and none twice", async () => {
    const { state, deployer, enqueue } = deploying();
    const kept = (): string[] =>
      state.images
        .filter(({ application, tag }) => application === ids.api && tag.length === 40)
        .map(({ tag }) => tag);
    enqueue(ids.api, commits.previous);
    for (let step = 0; step < 3; step += 1) await deployer.advance();
    expect(kept()).toEqual([commits.previous, commits.current]);
    applicationOf(state, ids.api).settings.docker_images_to_keep = 1;
    enqueue(ids.api, "c".repeat(40));
    for (let step = 0; step < 3; step += 1) await deployer.advance();
    expect(kept()).toEqual(["c".repeat(40)]);
  });
});
