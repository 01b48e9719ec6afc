import { setTimeout as sleep } from "node:timers/promises";

import type { TelegramServer } from "../sandbox/telegram/server.ts";
import { escalationSetting } from "../src/core/escalation.ts";
import { Secret } from "../src/core/secret.ts";
import type { CheckResult } from "../src/core/status.ts";
import { createAlertDesk } from "../src/jobs/watch/alert-desk.ts";
import { createAlertNews } from "../src/jobs/watch/alert-news.ts";
import type { AlertScene } from "../src/jobs/watch/alert-view.ts";
import type { WatchedCheck } from "../src/jobs/watch/watch.ts";
import { openDatabase, type Database } from "../src/storage/database.ts";
import type { Bench, Round } from "./bench.ts";
import { openInstallation, type Installation } from "./installation.ts";
import type { NodeProcess } from "./node-process.ts";
import { quantile } from "./quantile.ts";
import { residentMiB } from "./resident-memory.ts";

const ALERTS = 10_000;
/** One in ten is a page. */
const PAGE_EVERY = 10;
const SECONDS = 60;
const MESSAGES_A_MINUTE = 15;
const QUESTIONS = 10;
const ASKED_EVERY_MS = 6_000;
const TOLD_WITHIN_MS = 120_000;
const MINUTE_MS = 60_000;
const TARGET = "sandbox";
const COMMAND = "/whoami";

export const alertStorm: Bench = {
  name: "alert-storm",
  summary: `${ALERTS} alerts within ${SECONDS} seconds, beside a quiet hour of the same bot`,
  usualRounds: 1,
  async measure({ rounds, signal }) {
    const stored: Round[] = [];
    const firstPage: Round[] = [];
    const answers: Round[] = [];
    const memory: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      signal.throwIfAborted();
      await using installation = await openInstallation({ signal });
      await using bot = await installation.start();
      const measured = await measureOnce(installation, bot);
      stored.push(measured.stored);
      firstPage.push(measured.firstPage);
      answers.push(measured.answers);
      memory.push(measured.memory);
    }
    return [
      {
        what: `from the last of ${ALERTS} alerts until all are kept`,
        unit: "ms",
        besideName: "a single one",
        rounds: stored,
        goal: { of: "value", atMost: 30_000 },
      },
      {
        what: "from the first page until its sound in the chat",
        unit: "ms",
        besideName: "the only page of a quiet hour",
        rounds: firstPage,
        goal: { of: "value", atMost: 10_000 },
      },
      {
        what: "a command's answer meanwhile, the slowest",
        unit: "ms",
        besideName: "the slowest of a quiet hour",
        rounds: answers,
        goal: { of: "value", atMost: 3_000 },
      },
      {
        what: "memory of the bot after it",
        unit: "MiB",
        besideName: "before it",
        rounds: memory,
        goal: { of: "value", atMost: 300 },
      },
    ];
  },
};

type Measured = Readonly<Record<"stored" | "firstPage" | "answers" | "memory", Round>>;

async function measureOnce({ world, stores }: Installation, bot: NodeProcess): Promise<Measured> {
  const { telegram } = world;
  await using database = openDatabase({
    url: new Secret(stores.databaseUrl),
    clock: (now) => now,
    onIdleError: () => undefined,
  });
  const look = lookerOver(database, telegram.chatId);

  const quietAnswers = await ask(telegram, bot);
  const quietMemory = await residentMiB(bot.pid);
  const quietPage = firstSound(telegram, bot);
  const storedAlone = await timed(async () => look([checkAt(0)]));
  const quietFirst = await quietPage;

  const startedAt = new Date();
  const stormPage = firstSound(telegram, bot);
  const asking = ask(telegram, bot);
  const startedAtMs = performance.now();
  for (let second = 0; second < SECONDS; second += 1) {
    await sleep(Math.max(0, startedAtMs + second * 1_000 - performance.now()));
    await look(checksOf(second));
  }
  const stored = Math.max(0, performance.now() - startedAtMs - (SECONDS - 1) * 1_000);
  const answers = await asking;
  const first = await stormPage;
  refuseTooMany(telegram, startedAt);
  return {
    stored: { ours: stored, beside: storedAlone },
    firstPage: { ours: first, beside: quietFirst },
    answers: { ours: quantile(answers, 1), beside: quantile(quietAnswers, 1) },
    memory: { ours: await residentMiB(bot.pid), beside: quietMemory },
  };
}

const failing: CheckResult = {
  status: "fail",
  observations: [{ what: "status", expected: "200", actual: "500", ok: false }],
  measurements: [],
  durationMs: 1,
};

function checkAt(index: number): WatchedCheck {
  return {
    name: `check-${index}`,
    severity: index % PAGE_EVERY === 0 ? "page" : "warn",
    everyMs: MINUTE_MS,
    forMs: 0,
    resolveAfterMs: 0,
    dependsOn: [],
    ask: async () => failing,
  };
}

/** Those that fail in this second; the first check of all has failed before. */
function checksOf(second: number): readonly WatchedCheck[] {
  const indices = Array.from({ length: ALERTS }, (_none, index) => index + 1);
  return indices.filter((index) => index % SECONDS === second).map(checkAt);
}

/** Decides as the watch does, on checks that all fail. */
function lookerOver(
  database: Database,
  chatId: number,
): (checks: readonly WatchedCheck[]) => Promise<void> {
  const scene: AlertScene = {
    timeZone: "UTC",
    place: { chatId, topicId: undefined, replyTo: undefined },
    configHash: "bench",
    rosterAt: () => [],
    escalation: escalationSetting.parse(undefined),
    runbookOf: () => undefined,
    hasSmokeFlow: false,
    remediesOf: () => [],
    maintenanceOf: () => undefined,
  };
  const tell = createAlertNews({
    scenes: new Map([[TARGET, scene]]),
    caller: { call: async () => undefined, callOff: async () => undefined },
    origin: { build: "bench", instance: "bench", scrub: (text) => text },
  });
  return async (checks) => {
    const desk = createAlertDesk({
      targets: [{ target: TARGET, checks, ownChecks: [], scene }],
      tell,
    });
    const looks = checks.map((check) => ({ target: TARGET, check, result: failing }));
    await database.transaction(async (tx, now) => desk.decide(tx, now, looks));
  };
}

/** How long the next page takes to sound in the chat. */
async function firstSound(telegram: TelegramServer, bot: NodeProcess): Promise<number> {
  const known = new Set(telegram.messages().map(({ id }) => id));
  return timed(async () =>
    bot.during(
      telegram.waitFor(
        () =>
          telegram
            .messages()
            .find(({ id, silent, text }) => !known.has(id) && !silent && text.startsWith("🔴")),
        { timeoutMs: TOLD_WITHIN_MS },
      ),
    ),
  );
}

async function ask(telegram: TelegramServer, bot: NodeProcess): Promise<readonly number[]> {
  const waits: number[] = [];
  for (let question = 0; question < QUESTIONS; question += 1) {
    waits.push(
      await timed(async () => {
        const { messageId } = telegram.as("operator").say(COMMAND);
        const isAnswered = () =>
          telegram.messages().find(({ replyTo }) => replyTo?.id === messageId);
        await bot.during(telegram.waitFor(isAnswered, { timeoutMs: TOLD_WITHIN_MS }));
      }),
    );
    await sleep(ASKED_EVERY_MS);
  }
  return waits;
}

/** A storm that is told with more than this is not told as promised, however quickly. */
function refuseTooMany(telegram: TelegramServer, since: Date): void {
  const told = telegram
    .messages()
    .filter(
      ({ from, replyTo, sentAt }) => from.isBot && replyTo?.text !== COMMAND && sentAt > since,
    )
    .map(({ sentAt }) => sentAt.getTime());
  for (const from of told) {
    const count = told.filter((at) => at >= from && at - from < MINUTE_MS).length;
    if (count > MESSAGES_A_MINUTE) throw new Error(`${count} messages were sent within a minute.`);
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await work();
  return performance.now() - startedAtMs;
}
