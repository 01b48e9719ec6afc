import { setTimeout as sleep } from "node:timers/promises";

import { inject, vi } from "vitest";

import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import type { World } from "../../sandbox/world.ts";
import { FAST_ENGINE } from "./config.ts";
import { spawnBot, type Bot, type BotOptions } from "./spawn-bot.ts";
import { tapAfterReading } from "./tapping.ts";

type BotInWorldOptions = Omit<BotOptions, "environment" | "more"> & {
  readonly databaseUrl: string;
  /** The one that all tests share, by default. */
  readonly redisUrl?: string;
  /** Said beside what the world says. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Lines of configuration behind those that every such bot has. */
  readonly more?: string;
  readonly readyWithinMs: number;
};

/** All bots of a test seal by the same key, or a next one could not read what this one has sealed. */
export const SEAL_KEY = Buffer.alloc(32, 7).toString("base64");

/** Starts a bot as a child in a world, with stores that outlive it, and waits until it is ready, or struck. */
export async function startBotIn(
  world: World,
  {
    databaseUrl,
    redisUrl = inject("redisUrl"),
    environment = {},
    more = "",
    readyWithinMs,
    ...options
  }: BotInWorldOptions,
): Promise<Bot> {
  const bot = await spawnBot({
    ...options,
    environment: {
      ...world.environment,
      ...environment,
      OWN_DATABASE: databaseUrl,
      OWN_REDIS: redisUrl,
      SEAL_KEY,
    },
    more: [
      "database: ${env:OWN_DATABASE}",
      "redis: ${env:OWN_REDIS}",
      "sealKey: ${env:SEAL_KEY}",
      FAST_ENGINE,
      more,
    ].join("\n"),
  });
  let hasEnded = false;
  void bot.exited.then(() => (hasEnded = true));
  const isReady = (): boolean => bot.log().includes('"ready"');
  await vi
    .waitUntil(() => isReady() || hasEnded, { timeout: readyWithinMs })
    .catch((cause: unknown) => {
      throw new Error(`The bot does not start. Its log:\n${bot.log()}`, { cause });
    });
  // Its moment may come before it is ready.
  if (isReady() || options.killAt !== undefined) return bot;
  throw new Error(`The bot ends while it starts. Its log:\n${bot.log()}`);
}

/** Waits until a bot has been killed at its moment. */
export async function untilStruck(bot: Bot, withinMs: number): Promise<void> {
  const end = await Promise.race([bot.exited, sleep(withinMs, "alive", { ref: false })]);
  if (end !== "SIGKILL") throw new Error(`The bot is not struck: ${end}. Its log:\n${bot.log()}`);
}

export function answersTo(world: World, messageId: number): readonly ChatMessage[] {
  return world.telegram.messages().filter(({ replyTo }) => replyTo?.id === messageId);
}

/** The message once it is found; a failure shows how the chat ends, and the bot's own log. */
export async function untilFound(
  world: World,
  find: () => ChatMessage | undefined,
  wait: { readonly what: string; readonly bot: Bot; readonly withinMs: number },
): Promise<ChatMessage> {
  return world.telegram.waitFor(find, { timeoutMs: wait.withinMs }).catch((cause: unknown) => {
    const end = world.telegram.messages().slice(-3);
    const texts = end.map(({ text }) => text).join("\n--\n");
    throw new Error(`No ${wait.what}:\n${texts}\nThe bot's log:\n${wait.bot.log()}`, { cause });
  });
}

/** The newest message that answers and reads so, for a card may be sent anew when nobody knows whether it was sent. */
export async function untilAnswered(
  world: World,
  messageId: number,
  reads: RegExp,
  wait: { readonly bot: Bot; readonly withinMs: number },
): Promise<ChatMessage> {
  return untilFound(
    world,
    () => answersTo(world, messageId).findLast(({ text }) => reads.test(text)),
    {
      ...wait,
      what: `answer that reads ${reads}`,
    },
  );
}

/** An approver's tap on what he has read, by which the bot may be struck. */
export async function tapUntilHeard(
  world: World,
  bot: Bot,
  {
    databaseUrl,
    ...target
  }: { readonly messageId: number; readonly label: string; readonly databaseUrl: string },
): Promise<void> {
  const tapping = tapAfterReading(world, "approver", target, databaseUrl).catch(() => undefined);
  await Promise.race([tapping, bot.exited]);
}
