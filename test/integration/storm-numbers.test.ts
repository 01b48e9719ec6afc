import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { botMessages, startAlertingBot, type AlertingBot } from "../support/alerting-bot.ts";
import { tries } from "../support/long-run.ts";
import { madeUpChecks } from "../support/made-up-checks.ts";
import { query } from "../support/records.ts";

/** Against a Telegram that lets nobody say more than the real one does. */
const ALERTS = tries({ short: 300, long: 10_000 });
/** They come in as many batches as seconds. */
const SECONDS = tries({ short: 3, long: 60 });
const WATCHED_FOR_MS = tries({ short: 20_000, long: 90_000 });
/** In a lane without room for them, both would wait for a minute and longer; the bench says how long it really is. */
const SOON_MS = 10_000;
const MESSAGES_A_MINUTE = 15;
const ASKED_EVERY_MS = 6_000;
const MINUTE_MS = 60_000;

let bot: AlertingBot;
beforeAll(async () => {
  bot = await startAlertingBot({ floodControl: true, messagesPerMinute: 20 });
});
afterAll(async () => bot[Symbol.asyncDispose]());

const pages = madeUpChecks(ALERTS / 10, "page");
const warnings = madeUpChecks(ALERTS - pages.length, "warn");
const checks = [...pages, ...warnings];

/** Every second some of each kind fail. */
async function arrive(): Promise<void> {
  const startedAtMs = performance.now();
  for (let second = 0; second < SECONDS; second += 1) {
    const now = checks.filter((_check, index) => index % SECONDS === second);
    await bot.look(now, "fail");
    const restMs = startedAtMs + (second + 1) * 1_000 - performance.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, restMs)));
  }
}

/** How long a command takes to be answered, in milliseconds. */
async function ask(): Promise<number> {
  const startedAtMs = performance.now();
  const { messageId } = bot.world.telegram.as("operator").say("/whoami");
  await bot.world.telegram.waitFor(
    () => botMessages(bot).find(({ replyTo }) => replyTo?.id === messageId),
    { timeoutMs: 20_000 },
  );
  return performance.now() - startedAtMs;
}

describe(`${ALERTS} alerts within ${SECONDS} seconds`, () => {
  test("are all kept, told within what the group bears, and keep nobody who asks waiting", async () => {
    const startedAtMs = performance.now();
    const startedAt = new Date();
    const stored = arrive();
    const waits: number[] = [];
    while (performance.now() - startedAtMs < WATCHED_FOR_MS) {
      waits.push(await ask());
      await new Promise((resolve) => setTimeout(resolve, ASKED_EVERY_MS));
    }
    await stored;
    const { rows } = await query<{ count: number }>(
      bot.databaseUrl,
      "select count(*)::int as count from alert where state = 'firing'",
    );
    expect(rows[0]?.count).toBe(ALERTS);

    const told = botMessages(bot).filter(({ replyTo }) => replyTo?.text !== "/whoami");
    const first = told.find(({ text, silent }) => !silent && text.startsWith("🔴"));
    expect((first?.sentAt.getTime() ?? Number.NaN) - startedAt.getTime()).toBeLessThan(SOON_MS);
    expect(mostWithin(told.map(({ sentAt }) => sentAt.getTime()))).toBeLessThanOrEqual(
      MESSAGES_A_MINUTE,
    );
    expect(Math.max(...waits)).toBeLessThan(SOON_MS);
    // Nothing was tried that Telegram would not bear.
    expect(bot.world.telegram.calls().filter(({ status }) => status === 429)).toEqual([]);
    await expect
      .poll(() => told.length > 0 && stormText(), { timeout: 30_000 })
      .toContain(`${pages.length} pages and ${warnings.length} warnings fire`);
  }, 600_000);

  test("are told to be over in the same card, by one word", async () => {
    await bot.look(checks, "pass");
    bot.pass(3 * MINUTE_MS);
    await expect.poll(stormText, { timeout: 60_000 }).toContain(`storm over · ${ALERTS} alerts`);
    await expect
      .poll(() => botMessages(bot).filter(({ text }) => text.includes("storm over after")), {
        timeout: 60_000,
      })
      .toHaveLength(1);
  }, 600_000);
});

function stormText(): string {
  return botMessages(bot).find(({ silent, text }) => silent && / storm /.test(text))?.text ?? "";
}

/** The most of these moments that lie within any minute. */
function mostWithin(moments: readonly number[]): number {
  return Math.max(
    0,
    ...moments.map((from) => moments.filter((at) => at >= from && at - from < MINUTE_MS).length),
  );
}
