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

const LIST = "APP_AUTH_BEARER_TOKENS";
const tokensOf = (application: "api" | "worker") => variableIn(world, application, LIST);

async function statusWith(token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${world.product.apiUrl}/v1/sync/todoist/status`, { headers });
  await answer.arrayBuffer();
  return answer.status;
}

describe("the token of the API", () => {
  test("is rotated under a steady load that is never refused, until the old one is dead", async () => {
    const old = world.product.apiToken;
    // Whoever uses the product takes the newest token that there is, as its holders do once they have it.
    await using load = startLoad(async () => {
      const token = tokensOf("api").production?.split(",")[0] ?? "";
      const status = await statusWith(token);
      return status === 200 ? undefined : String(status);
    });
    const card = await rotated(rollout, "/rotate api-tokens", /api-tokens rotated/);
    const refused = load.take();
    expect(card.text).toContain("Both were accepted in between, so nobody was refused.");
    expect(load.answered()).toBeGreaterThan(10);
    const minted = tokensOf("api").production ?? "";
    expect(minted).toMatch(/^[\w-]{43}$/);
    expect(minted).not.toBe(old);
    expect(refused).toEqual([]);
    expect([await statusWith(minted), await statusWith(old)]).toEqual([200, 401]);
    // Neither the worker nor previews keep the old one.
    expect([tokensOf("api"), tokensOf("worker")]).toEqual(
      Array.from({ length: 2 }, () => ({ production: minted, preview: minted })),
    );
    const rows = await query(
      rollout.databaseUrl,
      "select state, old_sealed, new_sealed, minted_at is not null as aged from secret_rotation",
    );
    expect(rows.rows).toEqual([{ state: "done", old_sealed: null, new_sealed: null, aged: true }]);
    const ages = await rollout.say("operator", "/rotate", /secrets:/);
    expect(ages.text).toMatch(/api-tokens · .* old, due in 8\dd|api-tokens · .* due in 90d/);
  });
});
