import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import type { World } from "../../sandbox/world.ts";
import { query } from "../support/records.ts";
import { startRollout, type Rollout } from "../support/rollout.ts";
import { approveByCode, askedAnew, rotated, startLoad, variableIn } from "../support/rotation.ts";

const opened = new AsyncDisposableStack();
let rollout: Rollout;
let world: World;
/** Flightdeck's own copy of the token, as a secret that is mounted. */
let copy: string;

beforeAll(async () => {
  rollout = opened.use(await startRollout());
  ({ world } = rollout);
  copy = join(world.environment["SANDBOX_SECRETS"]!, "api-token");
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
const inForce = (): string => tokensOf("api").production ?? "";

async function statusWith(token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${world.product.apiUrl}/v1/sync/todoist/status`, { headers });
  await answer.arrayBuffer();
  return answer.status;
}

/** Whoever uses the product takes the first token that there is, as its holders do as long as they have no other. */
const load = () =>
  startLoad(async () => {
    const status = await statusWith(inForce().split(",")[0] ?? "");
    return status === 200 ? undefined : String(status);
  });

async function rotations() {
  const { rows } = await query<Record<string, unknown>>(
    rollout.databaseUrl,
    `select state, old_sealed is null and new_sealed is null as blank from secret_rotation order by id desc`,
  );
  return rows;
}

/** As it was before: one token, everywhere, accepted. */
async function expectUntouched(old: string): Promise<void> {
  expect(inForce()).toBe(old);
  expect(tokensOf("worker").production).toBe(old);
  expect((await readFile(copy, "utf8")).trim()).toBe(old);
  expect(await statusWith(old)).toBe(200);
}

describe("the token of the API", () => {
  test("is rotated under a steady load that is never refused, until the old one is dead", async () => {
    const old = inForce();
    await using using = load();
    const card = await rotated(rollout, "/rotate api-tokens", /api-tokens rotated/);
    expect(using.take()).toEqual([]);
    expect(using.answered()).toBeGreaterThan(10);
    expect(card.text).toContain("Both were accepted in between, so nobody was refused.");
    const minted = inForce();
    expect(minted).toMatch(/^[\w-]{43}$/);
    expect(minted).not.toBe(old);
    expect([await statusWith(minted), await statusWith(old)]).toEqual([200, 401]);
    // Neither the worker nor previews keep the old one.
    expect([tokensOf("api"), tokensOf("worker")]).toEqual(
      Array.from({ length: 2 }, () => ({ production: minted, preview: minted })),
    );
    expect(await readFile(copy, "utf8")).toBe(`${minted}\n`);
    expect((await stat(copy)).mode & 0o777).toBe(0o600);
    expect((await rotations())[0]).toEqual({ state: "done", blank: true });
    const ages = await rollout.say("operator", "/rotate", /secrets:/);
    expect(ages.text).toMatch(/✓ api-tokens · [\d.]+m?s old, due in (?:89|90)d/);
    expect(ages.text).toMatch(/✓ webhook-secret · .* old, due in/);
  });

  test("leaves a log with fingerprints and two yeses, the second of which came before the end", async () => {
    const all = (await rollout.entries()).filter(({ operation }) => operation === "rotate");
    const kinds = all.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "approval.used")).toHaveLength(2);
    expect(kinds.indexOf("approval.used")).toBeLessThan(kinds.indexOf("step.intent"));
    const steps = all.map(({ step }) => step);
    expect(steps.indexOf("the rotation is closed")).toBeGreaterThan(
      kinds.lastIndexOf("approval.used"),
    );
    expect(all.at(-1)).toMatchObject({
      kind: "run.result",
      result: "ROTATED",
      facts: {
        secret: "api-tokens",
        old: expect.stringMatching(/^[0-9a-f]{8}$/) as string,
        new: expect.stringMatching(/^[0-9a-f]{8}$/) as string,
        "own-copy": copy,
      },
    });
  });

  test("is led back when somebody cancels in the middle, to what it was", async () => {
    const old = inForce();
    await world.break("deployments-wait-in-the-queue");
    const card = await rollout.say("operator", "/rotate api-tokens", /rotate api-tokens\?/);
    const name = /R-\w+/.exec(card.text)?.[0] ?? "";
    await rollout.tap("approver", card, "Approve");
    await rollout.until(card, /both valid[^]*and api has read it/);
    const asked = await rollout.say("operator", `/cancel ${name}`, /led back as far as that goes/);
    const code = new RegExp(`cancel ${name} (\\w{4})`).exec(asked.text)?.[1] ?? "";
    await rollout.say("operator", `/cancel ${name} ${code}`, /./);
    await world.heal("deployments-wait-in-the-queue");
    const end = await rollout.until(card, /rotate api-tokens cancelled/);
    expect(end.text).toContain("It was led back: the old one is in force as before");
    await expectUntouched(old);
    expect((await rotations())[0]).toEqual({ state: "led-back", blank: true });
  });

  test("is in force and the old one off when nobody says yes to destroying that, and a tap brings it back", async () => {
    const old = inForce();
    const card = await askedAnew(rollout, "/rotate api-tokens exposed");
    expect(card.text).toContain("Not undone: the old token is forgotten");
    await rollout.tap("approver", card, "Deny");
    const left = await rollout.until(card, /the old one is off and not destroyed/);
    const minted = inForce();
    expect([await statusWith(minted), await statusWith(old)]).toEqual([200, 401]);
    expect((await rotations())[0]).toEqual({ state: "open", blank: false });
    expect((await rollout.say("operator", "/rotate", /secrets:/)).text).toMatch(
      /api-tokens: R-\w+ has begun to rotate it and is not over/,
    );
    const back = await rollout.tapFor(
      "operator",
      left,
      "Bring the old one back",
      /lead back api-tokens\?/,
    );
    await rollout.tap("approver", back, "Approve");
    await rollout.until(back, /🟢 .* the old one is in force again/);
    await expectUntouched(old);
    expect(await statusWith(minted)).toBe(401);
    expect((await rotations())[0]).toEqual({ state: "led-back", blank: true });
  });

  test("is gone on with by whoever asks next, with the same new one, and not from the beginning", async () => {
    const card = await askedAnew(rollout, "/rotate api-tokens");
    await rollout.tap("approver", card, "Deny");
    await rollout.until(card, /the old one is off and not destroyed/);
    const minted = inForce();
    const before = await world.effects();
    const next = await rollout.say("operator", "/rotate api-tokens", /rotate api-tokens\?/);
    expect(next.text).toMatch(/R-\w+ has begun it; it is gone on with/);
    await rollout.tap("approver", next, "Approve");
    const asked = await rollout.until(next, /is in force, .* is refused[^]*A yes of another/);
    await approveByCode(rollout, asked);
    await rollout.until(next, /api-tokens rotated/);
    expect(inForce()).toBe(minted);
    expect(await statusWith(minted)).toBe(200);
    // The old one was not let in again on the way, and nothing was deployed once more.
    const { rollbacks, variablesWritten } = await world.effects();
    expect({ rollbacks, variablesWritten }).toEqual({
      rollbacks: before["rollbacks"],
      variablesWritten: before["variablesWritten"],
    });
  });

  test("keeps the rotation of another secret waiting until its last question is answered", async () => {
    const card = await askedAnew(rollout, "/rotate api-tokens");
    const late = await rollout.say("operator", "/rotate webhook-secret", /webhook-secret\?/);
    await rollout.tap("approver", late, "Approve");
    expect((await rollout.until(late, /things changed/)).text).toMatch(
      /R-\w+ \(rotate\) is under way/,
    );
    await approveByCode(rollout, await rollout.until(card, /A yes of another/));
    await rollout.until(card, /api-tokens rotated/);
  });
});
