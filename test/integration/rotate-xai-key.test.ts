import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import type { World } from "../../sandbox/world.ts";
import { query } from "../support/records.ts";
import { startRollout, type Rollout } from "../support/rollout.ts";
import { rotated, startLoad, variableIn } from "../support/rotation.ts";

const opened = new AsyncDisposableStack();
let rollout: Rollout;
let world: World;

beforeAll(async () => {
  rollout = opened.use(await startRollout());
  ({ world } = rollout);
});
afterAll(async () => {
  await opened.disposeAsync();
});
afterEach(async () => {
  await world.healAll();
  await rollout.letHoursPass();
});

const keyIn = (application: "api" | "worker") => variableIn(world, application, "LLM_API_KEY");

async function confidence(): Promise<number> {
  const answer = await fetch(`${world.product.apiUrl}/v1/query/ask`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${world.product.apiToken}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ chat_id: "load", query: "What is there to do?" }),
  });
  const body = (await answer.json()) as { readonly confidence?: number };
  return body.confidence ?? -1;
}

async function modelsWith(key: string): Promise<number> {
  const headers = { authorization: `Bearer ${key}` };
  const answer = await fetch(`${world.xai.url}/models`, { headers });
  await answer.arrayBuffer();
  return answer.status;
}

describe("the key of xAI", () => {
  test("is made, handed out and proved, and the old one is deleted, while questions are answered", async () => {
    const old = keyIn("api").production ?? "";
    // A fault of the load itself is an answer that is none; what counts are excuses instead of answers.
    await using load = startLoad(async () => {
      const sure = await confidence();
      return sure === 0 ? "an excuse" : undefined;
    }, 4_000);
    const card = await rotated(rollout, "/rotate xai-key", /xai-key rotated/);
    expect(load.take().filter((problem) => problem === "an excuse")).toEqual([]);
    expect(card.text).toContain("Both were accepted in between, so nobody was refused.");
    const minted = keyIn("api").production ?? "";
    expect(world.xai.made()).toEqual([minted]);
    expect([keyIn("api"), keyIn("worker")]).toEqual(
      Array.from({ length: 2 }, () => ({ production: minted, preview: minted })),
    );
    expect([await modelsWith(minted), await modelsWith(old)]).toEqual([200, 400]);
    // The same permissions and limits, and nothing of the old one is left.
    const names = world.xai.accepted();
    expect(names).toHaveLength(1);
    expect(names[0]).toMatch(/^flightdeck sandbox xai-key [0-9a-f]{8}$/);
    expect(world.xai.rightsOf(names[0] ?? "")).toEqual({
      acls: ["api-key:model:*", "api-key:endpoint:*"],
      limits: { qps: 20, qpm: 600 },
    });
    const rows = await query(
      rollout.databaseUrl,
      "select state, old_sealed, new_sealed from secret_rotation where secret = 'xai-key'",
    );
    expect(rows.rows).toEqual([{ state: "done", old_sealed: null, new_sealed: null }]);
  });

  test("is led back when somebody cancels it: the new one is deleted, and the old one never stopped", async () => {
    const before = world.xai.accepted();
    const present = keyIn("api").production;
    world.xai.setSlow(true);
    const card = await rollout.say("operator", "/rotate xai-key", /rotate xai-key\?/);
    await rollout.tap("approver", card, "Approve");
    const waiting = await rollout.until(card, /all of xAI knows the new key/);
    expect(world.xai.accepted()).toHaveLength(2);
    const [run] = /R-\w+/.exec(waiting.text) ?? [];
    world.as("operator").say(`/cancel ${run}`);
    await rollout.until(card, /It was led back/);
    world.xai.setSlow(false);
    expect(world.xai.accepted()).toEqual(before);
    expect(keyIn("api").production).toBe(present);
    expect(await confidence()).toBeGreaterThan(0);
  });
});
