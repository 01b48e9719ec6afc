import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { escalationSetting } from "../../src/core/escalation.ts";
import { Secret } from "../../src/core/secret.ts";
import type { Moment } from "../../src/core/trace.ts";
import { openDatabase } from "../../src/storage/database.ts";
import { createTestDatabase } from "../database.ts";
import { startBotIn, untilStruck } from "../support/bot-in-world.ts";
import { someOf } from "../support/long-run.ts";
import { lookAt, madeUpChecks } from "../support/made-up-checks.ts";
import type { Bot } from "../support/spawn-bot.ts";

const RECOVERY_MS = 30_000;
const QUIET_MS = 3_000;

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(async () => world[Symbol.asyncDispose]());

const MOMENTS = ["message.accepted", "message.sending", "message.recorded"] as const;

describe("killed with SIGKILL while an alert is told", () => {
  // The card is the first message that passes each of these moments, its word the second.
  const cases = MOMENTS.flatMap((moment) => [1, 2].map((nth) => [moment, nth] as const));
  test.each(someOf(cases, 1))(
    "at %s #%i: nothing is lost, and what comes twice says so",
    async (moment, nth) => {
      await using told = await strike(moment, nth, 1);
      await told.arrived(/page-1 fails/g, 2);
      await quiet();
      const texts = told.texts();
      const resent = texts.filter((text) => text.includes("(resent)"));
      // A crash between the act and its record may double what it struck, and nothing else.
      expect(texts.length - resent.length).toBeLessThanOrEqual(2);
      expect(resent.length).toBeLessThanOrEqual(1);
      expect(texts.length).toBe(moment === "message.accepted" ? 3 : 2);
    },
  );

  test.each(someOf(MOMENTS, 1))(
    "at %s in a storm: one card, one word, and the counts are exact",
    async (moment) => {
      await using told = await strike(moment, 1, 30);
      await told.arrived(/30 pages fire/g, 2);
      await quiet();
      const texts = told.texts();
      expect(texts.filter((text) => !text.includes("(resent)")).length).toBeLessThanOrEqual(2);
      expect(texts.length).toBe(moment === "message.accepted" ? 3 : 2);
    },
  );
});

const quiet = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, QUIET_MS));

/** A bot that is killed at a moment while it tells of so many pages, and the one that takes over. */
async function strike(moment: Moment, nth: number, pages: number) {
  await using opened = new AsyncDisposableStack();
  const { url } = opened.use(await createTestDatabase());
  const struck = opened.use(await startBot(url, `${moment}#${nth}`));
  await expect.poll(() => struck.log(), { timeout: RECOVERY_MS }).toContain('"leads":true');
  const before = world.telegram.messages().length;
  const database = opened.use(
    openDatabase({ url: new Secret(url), clock: (now) => now, onIdleError: () => undefined }),
  );
  await lookAt({ ...scene(), database }, madeUpChecks(pages, "page"), "fail");
  await untilStruck(struck, RECOVERY_MS);
  opened.use(await startBot(url));
  const kept = opened.move();
  const texts = (): readonly string[] =>
    world.telegram
      .messages()
      .slice(before)
      .map(({ text }) => text);
  return {
    texts,
    async arrived(pattern: RegExp, times: number): Promise<void> {
      await expect
        .poll(() => texts().filter((text) => text.search(pattern) >= 0).length, {
          timeout: RECOVERY_MS,
        })
        .toBeGreaterThanOrEqual(times);
    },
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

async function startBot(url: string, killAt?: string): Promise<Bot> {
  return startBotIn(world, {
    databaseUrl: url,
    readyWithinMs: RECOVERY_MS,
    ...(killAt === undefined ? {} : { killAt }),
  });
}

/** What the bot that is struck would say of its own alerts. */
function scene() {
  return {
    target: "sandbox",
    origin: { build: "test", instance: "test", scrub: (text: string) => text },
    caller: { call: async () => undefined, callOff: async () => undefined },
    scene: {
      timeZone: "UTC",
      runbookOf: () => undefined,
      hasSmokeFlow: false,
      remediesOf: () => [],
      maintenanceOf: () => undefined,
      place: { chatId: world.telegram.chatId, topicId: undefined, replyTo: undefined },
      configHash: "config",
      rosterAt: () => [{ name: "Ada", telegram: 1003, role: "approver" as const }],
      escalation: escalationSetting.parse(undefined),
    },
  };
}
