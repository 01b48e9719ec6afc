import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import type { ValidConfig } from "../../src/config/load-config.ts";
import { schedulesSetting } from "../../src/jobs/schedule/schedule-settings.ts";
import { createLogger } from "../../src/logger.ts";
import { startRedis, type RedisServer } from "../../src/servers/redis.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { testConfig } from "../support/config.ts";
import { query, readEntries } from "../support/records.ts";

const WITHIN_MS = 20_000;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let openRedis: () => Promise<RedisServer>;
let redis: RedisServer;
/** How far the bot's clock is behind; a command that seems to come from the future is still fresh. */
let offsetMs = 0;

beforeAll(async () => {
  world = opened.use(await startWorld());
  database = opened.use(await createTestDatabase());
  const directory = opened.use(await temporaryDirectory("checklist"));
  openRedis = async () => startRedis({ directory: join(directory.path, "redis"), durable: false });
  redis = await openRedis();
  opened.defer(async () => redis.stop());
  const config = testConfig({
    data: directory.path,
    environment: {
      ...world.environment,
      OWN_DATABASE: database.url,
      OWN_REDIS: redis.url(),
    },
    more:
      `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n` +
      "engine: { lease: 1500ms, reconcile: 300ms, schedule: 200ms }",
  });
  // A week ago, at 02:00 in Berlin, an hour before anything is due.
  moveTo(new Date(Date.now() - 7 * DAY_MS), 2, 0);
  opened.use(
    await startApp({
      config: withSchedules(config, {
        early: { cron: "1 3 * * *", run: "checklist daily" },
        later: { cron: "1 5 * * *", run: "checklist daily" },
        asked: { cron: "0 12 1 1 *", run: "preflight api-is-live", announce: "always" },
      }),
      logger: createLogger(
        () => undefined,
        (text) => text,
      ),
      instance: "checklist",
      signal: new AbortController().signal,
      overrides: { clock: (now) => new Date(now.getTime() + offsetMs) },
    }),
  );
  await vi.waitUntil(
    async () => (await query(database.url, "select name from schedule")).rowCount === 3,
    { timeout: WITHIN_MS },
  );
});
afterAll(async () => {
  await world.healAll();
  await opened.disposeAsync();
});

/** Sets the bot's clock to a time of day in Berlin. */
function moveTo(day: Date, hour: number, minute: number): void {
  const local = new Intl.DateTimeFormat("en-GB", {
    timeZone: "Europe/Berlin",
    hour: "2-digit",
    minute: "2-digit",
  });
  const [isHour = 0, isMinute = 0] = local.format(day).split(":").map(Number);
  const wantedMs = day.getTime() + ((hour - isHour) * 60 + (minute - isMinute)) * MINUTE_MS;
  offsetMs = wantedMs - Date.now();
}

const botNow = (): Date => new Date(Date.now() + offsetMs);

function withSchedules(config: ValidConfig, schedules: object): ValidConfig {
  const [{ settings, hash }] = config.targets;
  const changed = { ...settings, schedules: schedulesSetting.parse(schedules) };
  return { ...config, targets: [{ settings: changed, hash }] };
}

const cards = () => world.telegram.messages().filter(({ from }) => from.isBot);

/** Waits for a message of the bot's that reads as expected; edits count. */
async function card(reads: RegExp) {
  return world.telegram.waitFor(() => cards().findLast(({ text }) => reads.test(text)), {
    timeoutMs: WITHIN_MS,
  });
}

/** Says something and waits for the card that answers it. */
async function say(text: string, reads: RegExp) {
  const { messageId } = world.as("operator").say(text);
  return world.telegram.waitFor(
    () => cards().find((one) => one.replyTo?.id === messageId && reads.test(one.text)),
    { timeoutMs: WITHIN_MS },
  );
}

function tap(
  persona: "operator" | "approver",
  message: Awaited<ReturnType<typeof card>>,
  reads: RegExp,
): void {
  const button = message.buttons.flat().find(({ label }) => reads.test(label));
  if (!button) throw new Error(`No button of the message reads ${reads}.`);
  world.as(persona).tap({ messageId: message.id, label: button.label });
}

const closings = async () =>
  (await readEntries(database.url)).filter(({ kind }) => kind === "checklist.closed");
const endedRuns = async (): Promise<number> => {
  const sql = `select id from run where operation = 'checklist' and ended_at is not null`;
  return (await query(database.url, sql)).rowCount ?? 0;
};

describe("the daily checklist", () => {
  test("by schedule is silent while all is well that can be seen, also without Redis", async () => {
    await redis.stop();
    moveTo(botNow(), 3, 1);
    await vi.waitUntil(async () => (await endedRuns()) === 1, { timeout: WITHIN_MS });
    const settled = `select slot from schedule_slot where name = 'early' and settled_at is not null`;
    await vi.waitUntil(async () => (await query(database.url, settled)).rowCount === 1, {
      timeout: WITHIN_MS,
    });
    expect(cards()).toEqual([]);
    redis = await openRedis();
    expect((await readEntries(database.url)).at(-1)).toMatchObject({
      kind: "run.result",
      operation: "checklist",
      result: "GO",
      actor: { via: "flightdeck", name: "schedule early" },
      facts: { checklist: "daily", pass: "live ready metrics worker queue todoist" },
    });
  });

  test("by schedule shows itself when something is not as it should be", async () => {
    await world.break("dead-letters-grow");
    try {
      moveTo(botNow(), 5, 1);
      const shown = await card(/daily checklist · 5 of 8/);
      expect(shown.text).toMatch(/^🔴 sandbox · daily checklist/);
      expect(shown.text).toMatch(/✗ The queue is short and no dead letters are new: failed/);
      expect(shown.text).toContain("schedule later");
    } finally {
      await world.heal("dead-letters-grow");
    }
    expect((await closings()).at(-1)).toMatchObject({ result: "superseded", run: "R-1" });
  });

  test("is ticked by name, handed on when somebody looks again, and complete with its last item", async () => {
    await query(database.url, "delete from sample where check_name like 'dead-letters%'");
    const first = await say("/checklist daily", /🟡.* · 6 of 8/);
    expect(first.text).toContain("☐ One question to the product has a right answer");
    tap("operator", first, /☐ One question/);
    await card(/☑ One question.* · Otto/);

    const again = await say("/checklist daily", /🟡.* · 7 of 8/);
    expect(again.text).toMatch(/☑ One question.* · Otto/);
    await card(/superseded by R-4/);
    tap("approver", again, /☐ The last sync/);
    const complete = await card(/daily checklist · complete/);
    expect(complete.id).toBe(again.id);
    expect(complete.text).toMatch(/^🟢 /);
    const [entry] = (await closings()).slice(-1);
    expect(entry).toMatchObject({
      result: "complete",
      run: "R-4",
      facts: { checklist: "daily", pass: "live ready metrics worker queue todoist" },
    });
    expect(entry?.facts["ticked"]).toMatch(/^query by Otto at \S+Z; sync by Ada at \S+Z$/);
  });

  test("is not ticked after its end, by a viewer, or where a check speaks", async () => {
    const weekly = await say("/checklist weekly", /🟡.*weekly checklist · 1 of 5/);
    const refused = async (persona: "viewer" | "operator", text: string): Promise<string> => {
      const { messageId } = world.as(persona).say(text);
      const told = await world.telegram.waitFor(
        () => cards().find((one) => one.replyTo?.id === messageId),
        { timeoutMs: WITHIN_MS },
      );
      return told.text;
    };
    expect(await refused("viewer", "/checklist tick R-5 logs")).toContain(
      "needs the role operator",
    );
    expect(await refused("operator", "/checklist tick R-5 telegram")).toContain("is proved by");
    expect(await refused("operator", "/checklist tick R-5 nothing")).toContain('no item "nothing"');
    expect(await refused("operator", "/checklist tick R-4 sync")).toContain("R-4 is complete");
    expect(await refused("operator", "/checklist untick R-5 logs")).toContain("Nobody has ticked");
    tap("operator", weekly, /☐ The logs/);
    await card(/☑ The logs of API and worker were read · Otto/);
    expect(await refused("operator", "/checklist tick R-5 logs")).toContain("Otto has ticked that");
    world.as("operator").say("/checklist untick R-5 logs");
    await card(/weekly checklist · 1 of 5[^]*☐ The logs/);
  });

  test("that nobody finished expires with its period, says so, and is an entry", async () => {
    const open = await say("/checklist daily", /🟡.* · 6 of 8/);
    moveTo(new Date(botNow().getTime() + DAY_MS), 0, 1);
    const expired = await card(/⚪️ sandbox · daily checklist · expired with 2 open/);
    expect(expired.id).toBe(open.id);
    expect((await closings()).at(-1)).toMatchObject({
      result: "expired",
      run: "R-6",
      facts: { "not-ticked": "query sync" },
    });
  });
});

test("/schedule shows anybody the next three times and what the last one came to", async () => {
  const { messageId } = world.as("viewer").say("/schedule");
  const shown = await world.telegram.waitFor(
    () => cards().find((one) => one.replyTo?.id === messageId),
    { timeoutMs: WITHIN_MS },
  );
  expect(shown.text).toMatch(/^sandbox · schedule/);
  expect(shown.text).toMatch(/early · \/checklist daily · last \w{3} \d+ \w{3} 03:01 GO · R-1/);
  expect(shown.text).toMatch(/next (?:\w{3} \d+ \w{3} 03:01(?:, )?){3}\n/);
  expect(shown.text).toMatch(/later · \/checklist daily · last \w{3} \d+ \w{3} 05:01 NO-GO · R-2/);
  expect(shown.text).toMatch(/asked · \/preflight api-is-live · not run yet/);
  expect(shown.text).toContain("times of Europe/Berlin");
});
