import { inject } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp, type App } from "../../src/app.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase } from "../database.ts";
import { FAST_ENGINE, testConfig } from "./config.ts";
import { lookAt, type MadeUpCheck } from "./made-up-checks.ts";

export type AlertingBot = AsyncDisposable & {
  readonly world: World;
  readonly app: App;
  readonly databaseUrl: string;
  /** Moves the bot's clock; that of the sandbox stays. */
  pass(durationMs: number): void;
  /** Looks at these checks, at once and in one transaction for each five hundred: they fail, or are well. */
  look(checks: readonly MadeUpCheck[], status: "fail" | "pass"): Promise<void>;
};

export type AlertingBotOptions = {
  readonly floodControl?: boolean;
  readonly messagesPerMinute?: number;
};

/** A whole bot in a sandbox, in which not the watch but a test says what the checks see. */
export async function startAlertingBot({
  floodControl = false,
  messagesPerMinute = 1_000,
}: AlertingBotOptions = {}): Promise<AlertingBot> {
  await using opened = new AsyncDisposableStack();
  const world = opened.use(await startWorld({ floodControl }));
  const database = opened.use(await createTestDatabase());
  const directory = opened.use(await temporaryDirectory("alerting"));
  const config = testConfig({
    data: directory.path,
    environment: {
      ...world.environment,
      OWN_DATABASE: database.url,
      OWN_REDIS: inject("redisUrl"),
    },
    more: `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`,
  });
  const telegram = { ...config.settings.telegram, messagesPerMinute };
  let passedMs = 0;
  const app = opened.use(
    await startApp({
      config: { ...config, settings: { ...config.settings, telegram } },
      logger: createLogger(
        () => undefined,
        (text) => text,
      ),
      instance: "test-1",
      signal: new AbortController().signal,
      overrides: { clock: (now) => new Date(now.getTime() + passedMs) },
    }),
  );
  const { watched, ...desk } = app.flightdeck;
  const [{ target, scene }] = watched;
  const kept = opened.move();
  return {
    world,
    app,
    databaseUrl: database.url,
    pass: (durationMs) => (passedMs += durationMs),
    look: async (checks, status) => lookAt({ ...desk, target, scene }, checks, status),
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

/** What stands in the chat by the bot's hand. */
export function botMessages({ world }: Pick<AlertingBot, "world">, chatId?: number) {
  // The checkpoint of the day comes when it comes.
  return world.telegram
    .messages(chatId)
    .filter(({ from, text }) => from.isBot && !text.includes("🔏"));
}
