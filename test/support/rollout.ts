import { readFileSync } from "node:fs";

import { inject } from "vitest";

import type { ChatMessage, PersonaName } from "../../sandbox/telegram/server.ts";
import { startWorld, type World, type WorldOptions } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { parseConfig, type ValidConfig } from "../../src/config/load-config.ts";
import type { Entry } from "../../src/core/entry.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import type { Clock } from "../../src/storage/database.ts";
import { createTestDatabase } from "../database.ts";
import { configText, FAST_ENGINE } from "./config.ts";
import { query, readEntries } from "./records.ts";
import { tapAfterReading } from "./tapping.ts";

const WAIT_MS = 50_000;

/** What a test says beside the sandbox's own file: a release is watched for a moment, and jobs end soon. */
export const HASTE = { SANDBOX_WATCH_LASTS: "1500ms", SANDBOX_WATCH_EVERY: "300ms" } as const;
const WORLD: WorldOptions = {
  deploymentStepMs: 60,
  timing: { workerPausesMs: [20, 20, 20, 20] },
};

/** A world with a bot in it, and what people say and see. */
export type Rollout = AsyncDisposable & {
  readonly world: World;
  readonly databaseUrl: string;
  log(): string;
  /** Says something and waits for the message that answers it and reads so. */
  say(who: PersonaName, text: string, reads: RegExp): Promise<ChatMessage>;
  /** The message as it stands once it reads so. */
  until(message: ChatMessage, reads: RegExp): Promise<ChatMessage>;
  /** Taps a button as somebody who has read the card; gives back what the tapper was told. */
  tap(who: PersonaName, message: ChatMessage, label: string): Promise<string>;
  /** Taps a button and waits for the message that answers it and reads so. */
  tapFor(
    who: PersonaName,
    message: ChatMessage,
    label: string,
    reads: RegExp,
  ): Promise<ChatMessage>;
  /** What has to be so before anything is deployed: checks that were asked, and a backup. */
  openGates(): Promise<void>;
  /** Asks for a deployment and says yes to it. */
  deploy(line: string): Promise<ChatMessage>;
  entries(): Promise<readonly Entry[]>;
  /** Lets what was asked be long ago, for people are asked five times an hour at most. */
  letHoursPass(): Promise<void>;
};

export async function startRollout(
  options: {
    readonly world?: WorldOptions;
    readonly more?: string;
    /** Changes words of the sandbox's file. */
    readonly tune?: (text: string) => string;
    readonly watches?: boolean;
    /** What time it is for the bot. */
    readonly clock?: Clock;
  } = {},
): Promise<Rollout> {
  await using opened = new AsyncDisposableStack();
  const world = opened.use(await startWorld({ ...WORLD, ...options.world }));
  const database = opened.use(await createTestDatabase());
  const directory = opened.use(await temporaryDirectory("rollout"));
  let log = "";
  opened.use(
    await startApp({
      config: configOf(
        (options.tune ?? asItIs)(
          configText({
            data: directory.path,
            more: `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}\n${options.more ?? ""}`,
            watches: options.watches ?? false,
          }),
        ),
        {
          ...world.environment,
          ...HASTE,
          OWN_DATABASE: database.url,
          OWN_REDIS: inject("redisUrl"),
        },
      ),
      logger: createLogger(
        (line) => (log += line),
        (text) => text,
      ),
      instance: "test-rollout",
      signal: new AbortController().signal,
      ...(options.clock === undefined ? {} : { overrides: { clock: options.clock } }),
    }),
  );
  const kept = opened.move();

  const seen = async (
    find: () => readonly ChatMessage[],
    reads: RegExp,
    asked: string,
  ): Promise<ChatMessage> =>
    world.telegram
      .waitFor(() => find().find(({ text }) => reads.test(text)), { timeoutMs: WAIT_MS })
      .catch((error: unknown) => {
        const texts = find().map(({ text }) => text);
        const said = `Nothing reads ${reads} after ${asked}:\n${texts.join("\n--\n")}\n${log}`;
        throw new Error(said, { cause: error });
      });

  const rollout: Rollout = {
    world,
    databaseUrl: database.url,
    log: () => log,
    async say(who, text, reads) {
      const { messageId } = world.as(who).say(text);
      const answers = () =>
        world.telegram.messages().filter(({ replyTo }) => replyTo?.id === messageId);
      return seen(answers, reads, text);
    },
    until: async (message, reads) =>
      seen(
        () => world.telegram.messages().filter(({ id }) => id === message.id),
        reads,
        `message ${message.id}`,
      ),
    tap: async (who, message, label) =>
      tapAfterReading(world, who, { messageId: message.id, label }, database.url),
    async tapFor(who, message, label, reads) {
      const before = new Set(world.telegram.messages().map(({ id }) => id));
      world.as(who).tap({ messageId: message.id, label });
      const answers = () => world.telegram.messages().filter(({ id }) => !before.has(id));
      return seen(answers, reads, label);
    },
    async openGates() {
      await rollout.say("operator", "/backup", /saved/i);
      await rollout.say("operator", "/preflight", /· GO/);
    },
    async deploy(line) {
      const card = await rollout.say("operator", line, /deploy\?/);
      await rollout.tap("approver", card, "Approve");
      return card;
    },
    entries: async () => readEntries(database.url),
    async letHoursPass() {
      const sql = "update approval set asked_at = asked_at - interval '3 hours'";
      await query(database.url, sql);
    },
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
  return rollout;
}

const asItIs = (text: string): string => text;

function configOf(text: string, environment: Readonly<Record<string, string>>): ValidConfig {
  const loaded = parseConfig(text, { environment, readFile: (path) => readFileSync(path, "utf8") });
  if (!loaded.ok) throw new Error(loaded.problems.map((problem) => problem.message).join("\n"));
  return loaded;
}
