import { inject } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp, type App } from "../../src/app.ts";
import type { CheckResult } from "../../src/core/status.ts";
import { createAlertDesk } from "../../src/jobs/alert-desk.ts";
import { createAlertNews } from "../../src/jobs/alert-news.ts";
import type { WatchedCheck } from "../../src/jobs/watch.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase } from "../database.ts";
import { FAST_ENGINE, testConfig } from "./config.ts";

/** A check that a test answers for. */
export type MadeUpCheck = Pick<WatchedCheck, "name" | "severity">;

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
  const { watched, database: storage, caller, origin } = app.flightdeck;
  const [{ target, scene }] = watched;
  const tell = createAlertNews({ scenes: new Map([[target, scene]]), caller, origin });
  const kept = opened.move();
  return {
    world,
    app,
    databaseUrl: database.url,
    pass: (durationMs) => (passedMs += durationMs),
    async look(checks, status) {
      const watchedChecks = checks.map((check): WatchedCheck => ({
        ...check,
        everyMs: 30_000,
        forMs: 0,
        resolveAfterMs: 0,
        dependsOn: [],
        ask: async () => resultOf(status),
      }));
      const desk = createAlertDesk({
        targets: [{ target, checks: watchedChecks, ownChecks: [], scene }],
        tell,
      });
      for (let first = 0; first < watchedChecks.length; first += AT_ONCE) {
        const looks = watchedChecks
          .slice(first, first + AT_ONCE)
          .map((check) => ({ target, check, result: resultOf(status) }));
        await storage.transaction(async (tx, now) => desk.decide(tx, now, looks));
      }
    },
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

/** As many as the watch keeps in one transaction. */
const AT_ONCE = 500;

function resultOf(status: "fail" | "pass"): CheckResult {
  const actual = status === "pass" ? "200" : "500";
  return {
    status,
    observations: [{ what: "status", expected: "200", actual, ok: status === "pass" }],
    measurements: [],
    durationMs: 1,
  };
}

/** So many checks of a severity: `page-1`, `page-2`… */
export function madeUpChecks(count: number, severity: "page" | "warn"): readonly MadeUpCheck[] {
  return Array.from({ length: count }, (_none, index) => ({
    name: `${severity}-${index + 1}`,
    severity,
  }));
}

/** What stands in the chat by the bot's hand. */
export function botMessages({ world }: Pick<AlertingBot, "world">, chatId?: number) {
  return world.telegram.messages(chatId).filter(({ from }) => from.isBot);
}
