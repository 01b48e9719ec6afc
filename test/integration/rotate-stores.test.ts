import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import type { World } from "../../sandbox/world.ts";
import { query } from "../support/records.ts";
import { startRollout, type Rollout } from "../support/rollout.ts";
import { rotated, startLoad, variableIn } from "../support/rotation.ts";
import { loginToPostgres, loginToRedis, withoutDriver } from "../support/store-logins.ts";

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

/** Production's and the previews' values in both applications; once all are the same, there is one. */
const valuesOf = (key: string): ReadonlySet<string | undefined> =>
  new Set(
    (["api", "worker"] as const).flatMap((application) =>
      Object.values(variableIn(world, application, key)),
    ),
  );
const passwordIn = (address: string): string => decodeURIComponent(new URL(address).password);
/** Uses what needs the database and Redis both. */
async function askReady(): Promise<string | undefined> {
  const answer = await fetch(`${world.product.apiUrl}/health/ready`);
  const text = await answer.text();
  return answer.status === 200 ? undefined : `${answer.status} ${text}`;
}

/** Deployments take turns, and a machine may be slow. */
const LONG_MS = 180_000;

describe("the login of the database", { timeout: LONG_MS }, () => {
  test("changes hands under a steady load that is never refused, and back again the next time", async () => {
    const old = world.product.databaseUrl;
    await using load = startLoad(askReady);
    const card = await rotated(rollout, "/rotate database-login", /database-login rotated/);
    expect(load.take()).toEqual([]);
    expect(load.answered()).toBeGreaterThan(10);
    expect(card.text).toContain("Both were accepted in between, so nobody was refused.");

    const [variable = "", ...others] = valuesOf("DATABASE_URL");
    expect(others).toEqual([]);
    const minted = withoutDriver(variable);
    expect([new URL(old).username, new URL(minted).username]).toEqual(["product_a", "product_b"]);
    // The password is not only barred but gone: a server tells nobody any more that the role is not let in.
    expect([await loginToPostgres(old), await loginToPostgres(minted)]).toEqual([
      "28P01",
      "accepted",
    ]);
    const sessions = await query(
      minted,
      "select usename from pg_stat_activity where usename like 'product%' group by usename",
    );
    expect(sessions.rows).toEqual([{ usename: "product_b" }]);
    const owners = await query(
      minted,
      "select distinct tableowner from pg_tables where schemaname = 'public'",
    );
    expect(owners.rows).toEqual([{ tableowner: "product_owner" }]);
    expect(rollout.log()).not.toContain(passwordIn(minted));
    expect(JSON.stringify(await rollout.entries())).not.toContain(passwordIn(minted));

    await rollout.letHoursPass();
    await rotated(rollout, "/rotate database-login", /database-login rotated/);
    expect(load.take()).toEqual([]);
    const [again = ""] = valuesOf("DATABASE_URL");
    expect(new URL(again).username).toBe("product_a");
    expect(await loginToPostgres(withoutDriver(again))).toBe("accepted");
    expect(await loginToPostgres(minted)).toBe("28P01");
  });
});

describe("a login with which the worker does no job", { timeout: LONG_MS }, () => {
  test("is not believed, however ready the API is, and the old one is in force again", async () => {
    const tune = (text: string): string =>
      text.replace(
        /(a-job:[^]*?within: )45s([^]*?event_type: )worker_topic_completed/,
        (_all, before: string, between: string) => `${before}2s${between}worker_never_did_it`,
      );
    await using bench = await startRollout({ tune });
    const old = variableIn(bench.world, "api", "DATABASE_URL").production;
    const card = await bench.say("operator", "/rotate database-login", /database-login\?/);
    await bench.tap("approver", card, "Approve");
    const end = await bench.until(card, /🔴 .* failed at new proved[^]*It was led back/);
    expect(end.text).toMatch(/job is \S+ at "the worker completed that sync"/);
    expect(variableIn(bench.world, "api", "DATABASE_URL").production).toBe(old);
    expect(await loginToPostgres(withoutDriver(old ?? ""))).toBe("accepted");
  });
});

describe("the password of Redis", { timeout: LONG_MS }, () => {
  test("is rotated under a steady load that is never refused, and the old one comes back by no restart", async () => {
    const old = world.product.redisUrl;
    await using load = startLoad(askReady);
    const card = await rotated(rollout, "/rotate redis-password", /redis-password rotated/);
    expect(load.take()).toEqual([]);
    expect(card.text).toContain("Both were accepted in between, so nobody was refused.");
    const [minted = "", ...others] = valuesOf("REDIS_URL");
    expect(others).toEqual([]);
    expect([await loginToRedis(old), await loginToRedis(minted)]).toEqual([
      "WRONGPASS",
      "accepted",
    ]);
    expect(rollout.log()).not.toContain(passwordIn(minted));
    expect(JSON.stringify(await rollout.entries())).not.toContain(passwordIn(minted));

    await world.break("redis-down");
    await world.heal("redis-down");
    expect([await loginToRedis(old), await loginToRedis(minted)]).toEqual([
      "WRONGPASS",
      "accepted",
    ]);
  });
});
