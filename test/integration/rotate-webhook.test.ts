import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { personas } from "../../sandbox/telegram/personas.ts";
import type { World } from "../../sandbox/world.ts";
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

const KEY = "TELEGRAM_WEBHOOK_SECRET";
const inForce = (): string => variableIn(world, "api", KEY).production ?? "";

async function knock(secret: string, url = world.productBot.webhookUrl): Promise<number> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "x-telegram-bot-api-secret-token": secret },
    body: JSON.stringify({ update_id: 1 }),
  });
  await answer.arrayBuffer();
  return answer.status;
}

const waiting = (): number => world.productBot.bot.pending();

describe("the secret of the product's webhook", () => {
  test("is rotated while people write, whose messages all arrive, and the gap is measured", async () => {
    const old = inForce();
    let written = 0;
    await using people = startLoad(async () => {
      world.productBot.bot.say(personas.stranger, `remind me of thing ${(written += 1)}`);
      return undefined;
    }, 150);
    const card = await rotated(rollout, "/rotate webhook-secret", /webhook-secret rotated/);
    expect(card.text).toMatch(/In between neither was accepted, for (?:at most )?[\d.]+m?s\./);
    await people[Symbol.asyncDispose]();
    const minted = inForce();
    expect(minted).toMatch(/^[\w-]{43}$/);
    expect(
      await Promise.all([minted, old, "another"].map(async (secret) => knock(secret))),
    ).toEqual([200, 403, 403]);
    await expect.poll(waiting, { timeout: 30_000 }).toBe(0);
    expect(written).toBeGreaterThan(5);
    const last = (await rollout.entries()).findLast(({ kind }) => kind === "run.result");
    expect(last).toMatchObject({
      result: "ROTATED",
      facts: { gap: expect.stringMatching(/^[\d.]+m?s$/) as string },
    });
    await rollout.say("operator", "/preflight product-webhook-is-registered", /· GO/);
  });

  test("stays what it was at both ends when Coolify does not deploy", async () => {
    const old = inForce();
    const card = await rollout.say("operator", "/rotate webhook-secret", /rotate webhook-secret\?/);
    await world.break("deployments-fail");
    await rollout.tap("approver", card, "Approve");
    const end = await rollout.until(card, /🔴 .* failed at handed out/);
    expect(end.text).toContain("It was led back: the old one is in force as before");
    expect(inForce()).toBe(old);
    expect(await knock(old)).toBe(200);
    world.productBot.bot.say(personas.stranger, "still there?");
    await expect.poll(waiting, { timeout: 30_000 }).toBe(0);
  });
});

describe("the secret of a product that takes two", () => {
  test("is rotated without a refused update, and the old one is dead at the end", async () => {
    const tune = (text: string): string =>
      text.replace(/^( {4})kind: webhook-secret$/m, "$&\n$1acceptsTwo: true");
    await using bench = await startRollout({ tune });
    const { productBot, coolify } = bench.world;
    const row = coolify.state.variables.find(
      ({ key, is_preview: isPreview }) => key === KEY && !isPreview,
    );
    coolify.state.variables.push({
      ...row!,
      key: "TELEGRAM_WEBHOOK_SECRETS_LISTED",
      value: "true",
    });
    const old = row?.value ?? "";
    await using people = startLoad(async () => {
      productBot.bot.say(personas.stranger, "remind me of something");
      const refused = productBot.bot.webhook.status().lastError?.message ?? "";
      return refused.includes("403") ? refused : undefined;
    }, 150);
    const { text } = await rotated(bench, "/rotate webhook-secret", /webhook-secret rotated/);
    expect(text).toContain("Both were accepted in between, so nobody was refused.");
    expect(people.take()).toEqual([]);
    expect(people.answered()).toBeGreaterThan(10);
    await people[Symbol.asyncDispose]();
    await expect.poll(() => productBot.bot.pending(), { timeout: 30_000 }).toBe(0);
    const minted = variableIn(bench.world, "api", KEY).production ?? "";
    const url = productBot.webhookUrl;
    const answers = await Promise.all(
      [minted, old, `${old},${minted}`].map(async (secret) => knock(secret, url)),
    );
    expect(answers).toEqual([200, 403, 403]);
  });
});
