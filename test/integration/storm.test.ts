import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { botMessages, startAlertingBot, type AlertingBot } from "../support/alerting-bot.ts";
import { madeUpChecks } from "../support/made-up-checks.ts";
import { query } from "../support/records.ts";

const MINUTE_MS = 60_000;
const SOON = { timeout: 20_000, interval: 100 };

let bot: AlertingBot;
beforeEach(async () => {
  bot = await startAlertingBot();
});
afterEach(async () => bot[Symbol.asyncDispose]());

const titles = (): readonly string[] =>
  botMessages(bot).map(({ text }) => text.split("\n")[0] ?? "");
const storms = () => botMessages(bot).filter(({ text, silent }) => / storm /.test(text) && silent);
const loud = () => botMessages(bot).filter(({ silent }) => !silent);
const ownCards = (): readonly string[] =>
  titles().filter((title) => /^\S+ sandbox · (?:warning · )?(?:page|warn)-\d+ /.test(title));

describe("few alerts at once", () => {
  test("each have a card, with its word behind it as a reply", async () => {
    await bot.look(madeUpChecks(2, "page"), "fail");
    await expect.poll(() => botMessages(bot).length, SOON).toBe(4);
    const [card, word] = botMessages(bot);
    expect([card?.silent, word?.silent]).toEqual([true, false]);
    expect(word?.replyTo?.id).toBe(card?.id);
    expect(storms()).toEqual([]);
  });
});

describe("more alerts than a chat bears", () => {
  const pages = madeUpChecks(20, "page");
  const warnings = madeUpChecks(40, "warn");

  test("are one card with exact counts, pages first, and one word that rings", async () => {
    await bot.look([...warnings, ...pages], "fail");
    await expect.poll(() => loud().length, SOON).toBe(1);
    const [storm, ...others] = storms();
    expect(others).toEqual([]);
    expect(storm?.text).toContain("20 pages and 40 warnings fire");
    expect(storm?.text).toMatch(/Pages: 20 fire\nWarnings: 40 fire/);
    expect(storm?.text.match(/page-\d+ fails/g)).toHaveLength(5);
    expect(storm?.text).toContain("… and 55 more");
    expect(storm?.buttons.flat().map(({ label }) => label)).toEqual(["Alerts"]);
    const [word] = loud();
    expect(word?.replyTo?.id).toBe(storm?.id);
    // Whoever is on call is called by name.
    expect(word?.entities.map(({ type }) => type)).toContain("text_mention");
    expect(ownCards()).toEqual([]);
  });

  test("ring again only for a page that came later, and not before five minutes", async () => {
    await bot.look(pages, "fail");
    await expect.poll(() => loud().length, SOON).toBe(1);
    await bot.look([{ name: "late", severity: "page" }], "fail");
    bot.pass(MINUTE_MS);
    await expect.poll(() => storms()[0]?.text, SOON).toContain("21 pages fire");
    expect(loud()).toHaveLength(1);
    bot.pass(4 * MINUTE_MS);
    await expect.poll(() => loud().length, SOON).toBe(2);
  });

  test("ring once more when all of it is over, and never get cards of their own", async () => {
    await bot.look([...pages, ...warnings], "fail");
    await expect.poll(() => loud().length, SOON).toBe(1);
    bot.pass(10_000);
    await bot.look([...pages, ...warnings], "pass");
    bot.pass(3 * MINUTE_MS);
    await expect.poll(() => loud().length, SOON).toBe(2);
    expect(loud().at(-1)?.text).toMatch(/storm over after .* · 60 alerts/);
    await expect.poll(() => storms()[0]?.text, SOON).toMatch(/^✅ .*storm over · 60 alerts/);
    expect(botMessages(bot)).toHaveLength(3);
    const { rows } = await query<{ count: string }>(
      bot.databaseUrl,
      "select count(*) as count from alert where state = 'resolved'",
    );
    expect(rows[0]?.count).toBe("60");
  });

  test("get their cards a few at a time when the storm is over and they are not", async () => {
    await bot.look(pages, "fail");
    await expect.poll(() => loud().length, SOON).toBe(1);
    bot.pass(10_000);
    await bot.look(pages.slice(2), "pass");
    bot.pass(3 * MINUTE_MS);
    await expect.poll(ownCards, SOON).toHaveLength(1);
    bot.pass(MINUTE_MS);
    await expect.poll(ownCards, SOON).toHaveLength(2);
    expect(ownCards().every((title) => /page-[12] fails/.test(title))).toBe(true);
    expect(loud()).toHaveLength(1);
    // What was released speaks for itself again.
    await bot.look(pages.slice(0, 2), "pass");
    await expect.poll(() => loud().length, SOON).toBe(4);
  });

  test("make no sound when all of them are warnings", async () => {
    await bot.look(warnings, "fail");
    await expect.poll(() => storms().length, SOON).toBe(1);
    await bot.look(warnings, "pass");
    bot.pass(3 * MINUTE_MS);
    await expect.poll(() => storms()[0]?.text, SOON).toMatch(/storm over/);
    expect(loud()).toEqual([]);
  });

  test("do not swallow what comes when the storm has ended", async () => {
    await bot.look(pages, "fail");
    await expect.poll(() => loud().length, SOON).toBe(1);
    bot.pass(3 * MINUTE_MS);
    await expect.poll(ownCards, SOON).toHaveLength(1);
    await bot.look([{ name: "new-trouble", severity: "page" }], "fail");
    await expect.poll(() => loud().at(-1)?.text, SOON).toContain("new-trouble fails");
  });
});
