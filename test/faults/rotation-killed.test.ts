import { setTimeout as sleep } from "node:timers/promises";

import {
  afterAll,
  beforeAll,
  beforeEach,
  describe,
  expect,
  inject,
  onTestFinished,
  test,
} from "vitest";

import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { FAST_ENGINE } from "../support/config.ts";
import { someOf } from "../support/long-run.ts";
import { query, readEntries } from "../support/records.ts";
import { startLoad, variableIn } from "../support/rotation.ts";
import { spawnBot, type Bot } from "../support/spawn-bot.ts";
import { tapped } from "../support/tapping.ts";

const RECOVERY_MS = 60_000;
/** A bot that is struck, another one that goes on, and a rotation between them. */
const TEST_MS = 180_000;

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;

beforeAll(async () => {
  world = opened.use(
    await startWorld({ deploymentStepMs: 60, timing: { workerPausesMs: [20, 20, 20, 20] } }),
  );
});
afterAll(async () => {
  await opened.disposeAsync();
});
beforeEach(async () => {
  await world.healAll();
  database = await createTestDatabase();
  onTestFinished(async () => database[Symbol.asyncDispose]());
});

/** From the first yes to the end, at every phase. */
const MOMENTS = [
  "approval.used#1",
  "act.begins@the rotation is opened",
  "act.returned@the rotation is opened",
  "act.begins@a new one is made",
  "act.returned@a new one is made",
  "act.begins@both are in the environment of api",
  "act.returned@both are in the environment of api",
  "act.begins@both are in the environment, and api has read it",
  "act.returned@both are in the environment, and api has read it",
  "step.opened@the new one is accepted, as the same user",
  "step.closed@the new one is accepted, as the same user",
  "act.begins@the new one alone is in the environment of api",
  "act.returned@the new one alone is in the environment of worker",
  "act.begins@the new one alone is in the environment, and api has read it",
  "act.returned@the new one alone is in the environment, and api has read it",
  "step.closed@the old one is refused, and the new one is not",
  "act.returned@since when the old one is refused is written down",
  "approval.asked#2",
  "approval.used#2",
  "act.begins@the rotation is closed",
  "act.returned@the rotation is closed",
  "run.ended",
] as const;

describe("killed with SIGKILL in the middle of a rotation", () => {
  test.each(someOf(MOMENTS, 3))(
    "at %s: one new token, two deployments, and nobody is refused on the way",
    async (moment) => {
      const old = inForce();
      const grown = await counting();
      await using using = load();
      await using struck = await startBot({ killAt: moment });
      const { messageId } = world.as("operator").say("/rotate api-tokens");
      await pressing(messageId, struck, undefined);
      await dead(struck);
      await using survivor = await startBot();
      await pressing(messageId, survivor, /🟢 .* api-tokens rotated/);
      expect(using.take()).toEqual([]);
      expect(await grown()).toBe(2);
      const minted = inForce();
      expect(minted).toMatch(/^[\w-]{43}$/);
      expect([await statusWith(minted), await statusWith(old)]).toEqual([200, 401]);
      await expectOver("done");
      const kinds = (await readEntries(database.url)).map(
        ({ kind, step = "" }) => `${kind} ${step}`,
      );
      // Every intent has one outcome, and the run has one end.
      expect(new Set(kinds).size).toBe(kinds.length);
      expect(kinds.filter((kind) => kind.startsWith("approval.used"))).toHaveLength(2);
    },
    TEST_MS,
  );
});

/** Coolify refuses to deploy, so what was begun is led back. */
const ON_THE_WAY_BACK = [
  "step.opened@the old one alone is in the environment again of api",
  "act.returned@the old one alone is in the environment again of api",
  "act.begins@the rotation is over, and nothing of it is left",
  "act.returned@the rotation is over, and nothing of it is left",
] as const;

describe("killed with SIGKILL while it leads back", () => {
  test.each(someOf(ON_THE_WAY_BACK, 1))(
    "at %s: it goes on leading back, and never forward again",
    async (moment) => {
      const old = inForce();
      await world.break("deployments-fail");
      await using using = load();
      await using struck = await startBot({ killAt: moment });
      const { messageId } = world.as("operator").say("/rotate api-tokens");
      await pressing(messageId, struck, undefined);
      await dead(struck);
      // Were it to go forward now, it would succeed.
      await world.heal("deployments-fail");
      await using survivor = await startBot();
      await pressing(messageId, survivor, /🔴 .* failed at both valid[^]*It was led back/);
      expect(using.take()).toEqual([]);
      expect(inForce()).toBe(old);
      expect(await statusWith(old)).toBe(200);
      await expectOver("led-back");
    },
    TEST_MS,
  );
});

const inForce = (): string => variableIn(world, "api", "APP_AUTH_BEARER_TOKENS").production ?? "";

async function statusWith(token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${world.product.apiUrl}/v1/sync/todoist/status`, { headers });
  await answer.arrayBuffer();
  return answer.status;
}

const load = () =>
  startLoad(async () => {
    const status = await statusWith(inForce().split(",")[0] ?? "");
    return status === 200 ? undefined : String(status);
  });

/** Deployments since, by the world's own count. */
async function counting(): Promise<() => Promise<number>> {
  const count = async (): Promise<number> => (await world.effects())["rollbacks"] ?? 0;
  const before = await count();
  return async () => (await count()) - before;
}

async function expectOver(state: "done" | "led-back"): Promise<void> {
  const { rows } = await query(
    database.url,
    "select state, old_sealed is null and new_sealed is null as blank from secret_rotation",
  );
  expect(rows).toEqual([{ state, blank: true }]);
}

async function startBot(options: { readonly killAt?: string } = {}): Promise<Bot> {
  const bot = await spawnBot({
    environment: {
      ...world.environment,
      OWN_DATABASE: database.url,
      OWN_REDIS: inject("redisUrl"),
      SEAL_KEY: Buffer.alloc(32, 7).toString("base64"),
    },
    more: [
      "database: ${env:OWN_DATABASE}",
      "redis: ${env:OWN_REDIS}",
      "sealKey: ${env:SEAL_KEY}",
      FAST_ENGINE,
    ].join("\n"),
    ...options,
  });
  await expect
    .poll(() => bot.log(), { timeout: 50_000, message: "the bot starts" })
    .toContain('"ready"');
  return bot;
}

/** Says yes to whatever is asked, by its code where it wants one, until the card reads so or the bot is struck. */
async function pressing(messageId: number, bot: Bot, reads: RegExp | undefined): Promise<void> {
  const deadline = AbortSignal.timeout(RECOVERY_MS);
  const ended = bot.exited.then(() => "ended" as const);
  for (;;) {
    const card = answersTo(messageId).at(-1);
    if (card && reads?.test(card.text)) return;
    if ((await Promise.race([ended, sleep(300)])) === "ended") return;
    if (deadline.aborted) {
      throw new Error(`No ${reads ?? "end"}:\n${card?.text}\nThe bot's log:\n${bot.log()}`);
    }
    const label = card && yesOf(card);
    if (!card || label === undefined) continue;
    // Nobody is heard before a question could have been read; who was heard may have struck the bot by it.
    const tapping = tapped(world, "approver", { messageId: card.id, label }).catch(() => "");
    await Promise.race([tapping, ended]);
  }
}

function yesOf({ text, buttons }: ChatMessage): string | undefined {
  const code = /code (\w{4})/.exec(text)?.[1];
  return buttons
    .flat()
    .map(({ label }) => label)
    .find((label) => label === "Approve" || label === code);
}

async function dead(bot: Bot): Promise<void> {
  await expect
    .poll(async () => Promise.race([bot.exited, Promise.resolve("alive")]), {
      timeout: RECOVERY_MS,
      message: `the bot is struck:\n${bot.log()}`,
    })
    .toBe("SIGKILL");
}

function answersTo(messageId: number): readonly ChatMessage[] {
  return world.telegram.messages().filter(({ replyTo }) => replyTo?.id === messageId);
}
