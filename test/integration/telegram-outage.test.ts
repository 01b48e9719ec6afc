import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { Fault } from "../../sandbox/telegram/faults.ts";
import { wordsUnheard } from "../../src/storage/readings.ts";
import { botMessages, startAlertingBot, type AlertingBot } from "../support/alerting-bot.ts";
import { someOf } from "../support/long-run.ts";
import { madeUpChecks } from "../support/made-up-checks.ts";
import { query } from "../support/records.ts";

const MINUTE_MS = 60_000;
const SOON = { timeout: 30_000, interval: 100 };
/** Long enough that everything which would come by mistake has come. */
const QUIET_MS = 2_500;

let bot: AlertingBot;
beforeEach(async () => {
  bot = await startAlertingBot();
});
afterEach(async () => bot[Symbol.asyncDispose]());

const texts = (): readonly string[] => botMessages(bot).map(({ text }) => text);
const loud = () => botMessages(bot).filter(({ silent }) => !silent);
const about = (check: string): readonly string[] =>
  texts().filter((text) => text.split("\n")[0]?.includes(`· ${check} `));
const quiet = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, QUIET_MS));

/** How often something was tried on Telegram since the outage began. */
const sends = (): number =>
  bot.world.telegram.calls().filter(({ method }) => method === "sendMessage").length;

/** The ways in which Telegram takes no message for a while. */
const outages: readonly (readonly [string, Fault])[] = [
  ["answers 500 to everything", { kind: "server-error", method: /^(?:send|edit)/ }],
  ["asks for a long wait", { kind: "rate-limit", method: /^(?:send|edit)/, retryAfter: 3 }],
  ["has thrown the bot out for a while", { kind: "refuse", method: /^(?:send|edit)/ }],
];

describe.each(someOf(outages, 1))("while Telegram %s", (_how, fault) => {
  test("what fired, what is over and what is open waits for one card, and the cards follow", async () => {
    const [first, second, third] = madeUpChecks(3, "page");
    if (!first || !second || !third) throw new Error("There are three.");
    using outage = bot.world.telegram.faults.add(fault);
    await bot.look([first, second], "fail");
    await expect.poll(sends, SOON).toBeGreaterThan(0);
    bot.pass(3 * MINUTE_MS);
    await bot.look([first], "pass");
    bot.pass(7 * MINUTE_MS);
    await bot.look([third], "fail");
    await expect.poll(roundups, SOON).toEqual(["away"]);
    outage[Symbol.dispose]();
    bot.pass(MINUTE_MS);
    await expect.poll(() => loud().length, SOON).toBe(1);
    const [away] = loud();
    expect(away?.text).toMatch(/While I was away \(\d\d:\d\d–\d\d:\d\d\)/);
    expect(away?.text).toContain("3 alerts fired: 2 fire, 1 over.");
    expect(away?.text).toMatch(/page-2 fails[^]*page-3 fails[^]*page-1 · over/);
    expect(away?.entities.map(({ type }) => type)).toContain("text_mention");
    // Then the cards of what is still open come, and of what is over none.
    await expect.poll(() => about("page-2"), SOON).toHaveLength(1);
    bot.pass(MINUTE_MS);
    await expect.poll(() => about("page-3"), SOON).toHaveLength(1);
    bot.pass(MINUTE_MS);
    await quiet();
    expect(about("page-1")).toEqual([]);
    expect(loud()).toHaveLength(1);
    expect(botMessages(bot)).toHaveLength(3);
  });
});

async function roundups(): Promise<readonly string[]> {
  const { rows } = await query<{ kind: string }>(
    bot.databaseUrl,
    // In private people are called for each of them, which is a storm of its own.
    "select kind from roundup where chat_id < 0 order by id",
  );
  return rows.map(({ kind }) => kind);
}

describe("after an outage", () => {
  const fault: Fault = { kind: "server-error", method: /^(?:send|edit)/ };

  test("nobody is woken for what is over again", async () => {
    using outage = bot.world.telegram.faults.add(fault);
    const checks = madeUpChecks(2, "page");
    await bot.look(checks, "fail");
    bot.pass(3 * MINUTE_MS);
    await expect.poll(roundups, SOON).toEqual(["away"]);
    await bot.look(checks, "pass");
    // What was on its way before it was over would say that it still fires, and its end would rightly follow.
    const tried = sends();
    bot.pass(MINUTE_MS);
    await expect.poll(sends, SOON).toBeGreaterThan(tried);
    outage[Symbol.dispose]();
    bot.pass(MINUTE_MS);
    await expect.poll(() => texts().length, SOON).toBe(1);
    expect(texts()[0]).toContain("2 alerts fired: 2 over.");
    await quiet();
    expect(loud()).toEqual([]);
    expect(texts()).toHaveLength(1);
  });

  test("of a short while, everything comes as it would have come", async () => {
    using outage = bot.world.telegram.faults.add(fault);
    await bot.look(madeUpChecks(1, "page"), "fail");
    await expect.poll(sends, SOON).toBeGreaterThan(1);
    outage[Symbol.dispose]();
    await expect.poll(() => loud().length, SOON).toBe(1);
    const [card, word] = botMessages(bot);
    expect(word?.replyTo?.id).toBe(card?.id);
    expect(await roundups()).toEqual([]);
  });

  test("a storm of which nobody heard is told as what happened meanwhile", async () => {
    using outage = bot.world.telegram.faults.add(fault);
    const checks = madeUpChecks(30, "page");
    await bot.look(checks, "fail");
    await expect.poll(roundups, SOON).toEqual(["storm"]);
    const [before] = await bot.app.flightdeck.database.transaction(wordsUnheard);
    bot.pass(6 * 60 * MINUTE_MS);
    await expect.poll(roundups, SOON).toEqual(["away"]);
    // Whoever watches over deliveries sees one word, which has waited as long as the oldest that it stands for.
    expect(await bot.app.flightdeck.database.transaction(wordsUnheard)).toEqual([
      { chatId: bot.world.telegram.chatId, since: before?.since, count: 1 },
    ]);
    await bot.look(checks.slice(3), "pass");
    outage[Symbol.dispose]();
    bot.pass(MINUTE_MS);
    await expect.poll(() => loud().length, SOON).toBe(1);
    expect(loud()[0]?.text).toContain("30 alerts fired: 3 fire, 27 over.");
    await expect.poll(() => texts().length, SOON).toBe(2);
    await quiet();
    expect(texts().filter((text) => /storm/.test(text))).toEqual([]);
  });

  test("what gets over before its card has come is told by its card and a word", async () => {
    const checks = madeUpChecks(3, "page");
    using outage = bot.world.telegram.faults.add(fault);
    await bot.look(checks, "fail");
    bot.pass(3 * MINUTE_MS);
    await expect.poll(roundups, SOON).toEqual(["away"]);
    outage[Symbol.dispose]();
    await expect.poll(() => loud().length, SOON).toBe(1);
    await bot.look(checks, "pass");
    await expect.poll(() => loud().length, SOON).toBe(4);
    expect(loud().filter(({ text }) => /page-\d · over/.test(text))).toHaveLength(3);
  });
});

describe("a message whose answer is lost", () => {
  test("comes at most once more and says so, be it a card or a word", async () => {
    using lost = bot.world.telegram.faults.add({
      kind: "lost-answer",
      method: "sendMessage",
      times: 2,
    });
    await bot.look(madeUpChecks(1, "page"), "fail");
    await expect.poll(() => loud().length, SOON).toBe(1);
    await quiet();
    lost[Symbol.dispose]();
    const resent = texts().filter((text) => text.includes("(resent)"));
    expect(texts().length - resent.length).toBe(2);
    expect(resent).toHaveLength(2);
  });
});
