import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import type { World } from "../../sandbox/world.ts";
import { Secret } from "../../src/core/secret.ts";
import { createVault } from "../../src/jobs/rotation/rotation-vault.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { openDatabase } from "../../src/storage/database.ts";
import { query } from "../support/records.ts";
import { startRollout, type Rollout } from "../support/rollout.ts";
import { approveByCode, variableIn } from "../support/rotation.ts";

const opened = new AsyncDisposableStack();
let rollout: Rollout;
let world: World;
let supply: (value: string) => Promise<boolean>;

beforeAll(async () => {
  const folder = opened.use(await temporaryDirectory("world-secrets"));
  const path = join(folder.path, "seal.key");
  const sealKey = new Secret(randomBytes(32).toString("base64"));
  await writeFile(path, sealKey.reveal(), { mode: 0o600 });
  rollout = opened.use(await startRollout({ more: `sealKey: \${file:${path}}` }));
  ({ world } = rollout);
  const database = opened.use(
    openDatabase({
      url: new Secret(rollout.databaseUrl),
      clock: (now) => now,
      onIdleError: () => undefined,
    }),
  );
  const vault = createVault(
    { database, target: "sandbox", sealKey: async () => sealKey, learn: () => {} },
    "todoist-token",
  );
  supply = async (value) => vault.supply(new Secret(value));
});
afterAll(async () => {
  await opened.disposeAsync();
});
afterEach(async () => {
  await world.healAll();
  await rollout.letHoursPass();
});

const tokenOf = () => variableIn(world, "worker", "TODOIST_TOKEN");
const asks = /issue a new API token/;

async function begun() {
  const card = await rollout.say("operator", "/rotate todoist-token", /rotate todoist-token\?/);
  expect(card.text).toContain("worker paused, jobs wait in the queue");
  await approveByCode(rollout, card);
  return rollout.until(card, asks);
}

/** What has begun is cancelled by a code that somebody has to read. */
async function cancel({ text }: { readonly text: string }): Promise<void> {
  const [run = ""] = /R-\w+/.exec(text) ?? [];
  const asked = await rollout.say("operator", `/cancel ${run}`, /./);
  const code = new RegExp(`cancel ${run} (\\w{4})`).exec(asked.text)?.[1];
  if (code !== undefined) await rollout.say("operator", `/cancel ${run} ${code}`, /./);
}

async function sync(): Promise<string> {
  const answer = await fetch(`${world.product.apiUrl}/v1/sync/todoist`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${world.product.apiToken}`,
      "idempotency-key": randomBytes(8).toString("hex"),
      "content-type": "application/json",
    },
    body: "{}",
  });
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { readonly job_id: string }).job_id;
}

async function endOf(job: string): Promise<string> {
  const sql = `select event_type as type from event_log where request_id = $1
    and event_type in ('worker_topic_completed', 'worker_moved_to_dlq')`;
  for (let tries = 0; tries < 100; tries += 1) {
    const { rows } = await query<{ type: string }>(world.product.databaseUrl, sql, [`job_${job}`]);
    if (rows[0]) return rows[0].type;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return "never";
}

describe("the token of Todoist", () => {
  test("is made by a person while the worker is paused; what came in meanwhile is synced, and the gap is told", async () => {
    const old = tokenOf().production ?? "";
    const card = await begun();
    expect(world.deployed("worker")).toBeUndefined();
    // From the moment of the new one on Flightdeck's own old one is refused, by which a check asks.
    const { rows: upset } = await query(
      rollout.databaseUrl,
      "select name from run_step where 'todoist-token-works' = any(disturbs) and ended_at is null",
    );
    expect(upset).toEqual([{ name: expect.stringMatching(/a person has handed over/) }]);
    const minted = world.todoist.regenerate();
    const job = await sync();
    // Somebody may mistype it, or paste the one that is dead by now.
    expect(await supply(old)).toBe(true);
    await expect.poll(async () => supply(minted), { timeout: 20_000, interval: 300 }).toBe(true);
    const end = await rollout.until(card, /todoist-token rotated/);
    expect(end.text).toMatch(/In between neither was accepted, for \d/);
    expect(await endOf(job)).toBe("worker_topic_completed");
    expect(tokenOf()).toEqual({ production: minted, preview: minted });
    expect(world.deployed("worker")).toBeDefined();
    const { rows } = await query(
      rollout.databaseUrl,
      "select state, old_sealed, new_sealed from secret_rotation where secret = 'todoist-token'",
    );
    expect(rows).toEqual([{ state: "done", old_sealed: null, new_sealed: null }]);
  });

  test("leaves the worker paused when the old one is dead and nobody hands over the new one, and goes on when it comes", async () => {
    const card = await begun();
    const minted = world.todoist.regenerate();
    await cancel(card);
    const left = await rollout.until(card, /It is half done/);
    expect(left.text).toContain("Both are kept sealed");
    expect(world.deployed("worker")).toBeUndefined();
    const job = await sync();
    await rollout.letHoursPass();
    const next = await begun();
    expect(await supply(minted)).toBe(true);
    await rollout.until(next, /todoist-token rotated/);
    expect(await endOf(job)).toBe("worker_topic_completed");
  });
});
