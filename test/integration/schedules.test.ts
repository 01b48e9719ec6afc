import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";

import { card, defineCommand, type Command } from "../../src/commands/command.ts";
import { performScheduled, scheduledTargets } from "../../src/commands/scheduled-command.ts";
import type { ServedTarget, TargetContext } from "../../src/commands/served-target.ts";
import { plainCard } from "../../src/core/card.ts";
import { Secret } from "../../src/core/secret.ts";
import { createEngine } from "../../src/jobs/engine/engine.ts";
import { defineOperation } from "../../src/jobs/operation.ts";
import { createSchedules, schedulesSetting } from "../../src/jobs/schedule/schedule-settings.ts";
import { keepSchedules, type SchedulingParts } from "../../src/jobs/schedule/scheduling.ts";
import { openDatabase, type Database } from "../../src/storage/database.ts";
import { openLog } from "../../src/storage/evidence.ts";
import { migrate } from "../../src/storage/migrate.ts";
import type { Run } from "../../src/storage/run.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { nobodyAsked, someApprovals } from "../support/engine-target.ts";
import { query, readEntries } from "../support/records.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const CHAT = -100;

const opened = new AsyncDisposableStack();
let template: TestDatabase;
let url: string;
let database: Database;
let now: Date;
let closing: AsyncDisposableStack;

/** Reads whatever the target is, and says what it was told to say. */
const look = defineOperation({
  name: "look",
  summary: "looks",
  effect: "read",
  input: z.strictObject({ verdict: z.string() }),
  steps: () => [],
  conclude: ({ verdict }) => ({ verdict, facts: {} }),
  details: () => [],
  card: ({ run }) => plainCard(`look ${run.verdict ?? run.state}`),
});

/** The same, but only one of them at a time. */
const change = { ...look, name: "change", effect: "mutate" } as const;

const commands: readonly Command[] = [
  ...(["look", "change"] as const).map((name) =>
    defineCommand<string>({
      name,
      summary: name,
      role: "operator",
      usage: "[verdict]",
      effect: "read",
      words: { atMost: 1 },
      understand: ({ words: [verdict = "GO"] }) => ({ ok: true, args: verdict }),
      run: async (context, verdict) => ({
        kind: "run",
        admission: await context.start(name, { verdict }),
      }),
    }),
  ),
  defineCommand<undefined>({
    name: "say",
    summary: "says something",
    role: "viewer",
    usage: "",
    effect: "read",
    understand: () => ({ ok: true, args: undefined }),
    run: async ({ actor }) => card(`asked by ${actor.name}`),
  }),
];

beforeAll(async () => {
  template = opened.use(await createTestDatabase());
  await migrate(new Secret(template.url), () => undefined);
});
afterAll(async () => {
  await opened.disposeAsync();
});
beforeEach(async () => {
  closing = new AsyncDisposableStack();
  ({ url } = closing.use(await createTestDatabase({ template: template.name })));
  database = closing.use(
    openDatabase({ url: new Secret(url), clock: () => now, onIdleError: () => undefined }),
  );
  await database.transaction(async (tx) => {
    await openLog(tx, "alpha", "flightdeck/evidence/alpha");
    await openLog(tx, "beta", "flightdeck/evidence/beta");
  });
  return async () => closing.disposeAsync();
});

type Leader = {
  /** Looks once at what is due. */
  tick(): Promise<void>;
  /** Executes everything that was handed over, as any process would. */
  execute(): Promise<void>;
  readonly errors: unknown[];
};

/** A process that leads, with schedules as a file would say them. */
function leader(
  schedules: object,
  more: { readonly timeZone?: string; readonly change?: (parts: SchedulingParts) => object } = {},
): Leader {
  const { timeZone = "UTC" } = more;
  const place = { chatId: CHAT, topicId: undefined, replyTo: undefined };
  const served = (target: string): ServedTarget => ({
    chatId: CHAT,
    topicId: undefined,
    // What a schedule needs of a target; commands that need more are not given here.
    context: {
      target,
      timeZone,
      checklists: [],
      schedules: createSchedules(schedulesSetting.parse(schedules), timeZone),
    } as Partial<TargetContext> as TargetContext,
  });
  const targets = [served("alpha"), served("beta")];
  const engine = createEngine({
    approvals: someApprovals,
    database,
    targets: new Map(
      targets.map(({ context }) => [
        context.target,
        { ...nobodyAsked, operations: [look, change], timeZone, configHash: "0", place },
      ]),
    ),
    settings: { lease: 5_000, reconcile: 5_000, schedule: 5_000, concurrency: 1 },
    origin: { build: "test", instance: "test", scrub: (text) => text },
    onError: () => undefined,
  });
  const waiting: Run[] = [];
  const errors: unknown[] = [];
  const parts: SchedulingParts = {
    database,
    targets: scheduledTargets(targets),
    engine,
    perform: async (tx, at, order) =>
      performScheduled({ commands, targets, engine }, tx, at, order),
    dispatch: (run) => void waiting.push(run),
    everyMs: HOUR_MS,
    onError: (error) => void errors.push(error),
  };
  const changed = { ...parts, ...more.change?.(parts) };
  return {
    errors,
    async tick() {
      // Told to stop while it looks, it ends after this look.
      const stop = new AbortController();
      const ended = keepSchedules(changed, stop.signal);
      stop.abort();
      await ended;
    },
    async execute() {
      for (const run of waiting.splice(0))
        await engine.execute(run.id, new AbortController().signal);
    },
  };
}

async function runs(target = "alpha"): Promise<readonly string[]> {
  const { rows } = await query<{ cause: string }>(
    url,
    `select cause from run where target = $1 order by id`,
    [target],
  );
  return rows.map(({ cause }) => cause);
}

/** What the chat was told, as far as it is said by cards of its own, and which runs are shown in it. */
async function told(): Promise<readonly string[]> {
  const { rows } = await query<{ subject: string; title: string | null; text: string }>(
    url,
    `select subject, card->>'title' as title, coalesce(card->>'parts', '') as text
     from outbox order by id`,
  );
  return rows.map(({ subject, title, text }) => (title === null ? subject : `${title} ${text}`));
}

const at = (text: string): Date => new Date(text);
const later = (ms: number): void => void (now = new Date(now.getTime() + ms));

describe("a slot", () => {
  test.each([
    [
      "the clocks go back in Berlin",
      "Europe/Berlin",
      "30 2 * * *",
      "2026-10-24T22:00Z",
      "20261025T003000Z",
    ],
    [
      "the clocks go forward in Berlin",
      "Europe/Berlin",
      "30 2 * * *",
      "2027-03-27T23:00Z",
      "20270328T010000Z",
    ],
    [
      "the clocks go back in New York",
      "America/New_York",
      "30 1 * * *",
      "2026-11-01T04:00Z",
      "20261101T053000Z",
    ],
    [
      "the clocks go forward in New York",
      "America/New_York",
      "30 2 * * *",
      "2027-03-14T05:00Z",
      "20270314T070000Z",
    ],
  ])("comes once in the night in which %s", async (_what, timeZone, cron, midnight, slot) => {
    now = at(midnight);
    const { tick } = leader({ nightly: { cron, run: "look" } }, { timeZone });
    for (let minute = 0; minute <= 8 * 60; minute += 10) {
      await tick();
      later(10 * MINUTE_MS);
    }
    expect(await runs()).toEqual([`slot-alpha/nightly-${slot}`]);
  });

  test("comes once when the clock goes back over it, and none is lost when it goes forward", async () => {
    now = at("2026-11-23T02:00Z");
    const given: string[] = [];
    const { tick } = leader(
      { hourly: { cron: "30 * * * *", run: "look" } },
      {
        change: ({ perform }) => ({
          perform: async (...asked: Parameters<typeof perform>) => {
            given.push(asked[2].cause);
            return perform(...asked);
          },
        }),
      },
    );
    const step = async (minutes: number): Promise<void> => {
      later(minutes * MINUTE_MS);
      await tick();
    };
    await step(0);
    await step(40); // 02:40
    await step(-60); // 01:40
    await step(55); // 02:35
    await step(60); // 03:35
    await step(60); // 04:35, an hour too early
    await step(-60); // 03:35
    await step(90); // 05:05
    await step(30); // 05:35
    expect(await runs()).toEqual(
      ["T023000Z", "T033000Z", "T043000Z", "T053000Z"].map(
        (time) => `slot-alpha/hourly-20261123${time}`,
      ),
    );
    expect(given.filter((cause) => cause.startsWith("slot-alpha"))).toEqual(await runs());
    expect(await told()).toEqual([]);
  });

  test("is not held up by a clock that once was a year ahead", async () => {
    now = at("2026-11-23T02:00Z");
    const { tick } = leader({ nightly: { cron: "0 3 * * *", run: "look" } });
    await tick();
    now = at("2027-11-23T03:00:01Z");
    await tick();
    now = at("2026-11-23T02:59Z");
    await tick();
    now = at("2026-11-23T03:00:01Z");
    await tick();
    expect(await runs()).toEqual([
      "slot-alpha/nightly-20271123T030000Z",
      "slot-alpha/nightly-20261123T030000Z",
    ]);
  });

  test("runs once although two processes believe that they lead", async () => {
    now = at("2026-11-23T02:59Z");
    const leaders = [leader(NIGHTLY), leader(NIGHTLY)];
    await leaders[0]?.tick();
    later(MINUTE_MS);
    await Promise.all(leaders.map(async ({ tick }) => tick()));
    expect(await runs()).toEqual(["slot-alpha/nightly-20261123T030000Z"]);
    expect(leaders.flatMap(({ errors }) => errors)).toEqual([]);
  });

  test("is each target's own although their schedules have the same name", async () => {
    now = at("2026-11-23T02:59Z");
    const { tick } = leader(NIGHTLY);
    await tick();
    later(MINUTE_MS);
    await tick();
    expect(await runs("beta")).toEqual(["slot-beta/nightly-20261123T030000Z"]);
  });

  test("and its run are kept together or not at all, so a process that dies between them loses neither", async () => {
    now = at("2026-11-23T02:59Z");
    let dies = true;
    const { tick, errors } = leader(NIGHTLY, {
      change: ({ perform }) => ({
        perform: async (...order: Parameters<typeof perform>) => {
          const performed = await perform(...order);
          if (dies) throw new Error("died after the run was made");
          return performed;
        },
      }),
    });
    await tick();
    later(MINUTE_MS);
    await tick();
    expect(errors).toHaveLength(2);
    expect(await runs()).toEqual([]);
    dies = false;
    later(MINUTE_MS);
    await tick();
    expect(await runs()).toEqual(["slot-alpha/nightly-20261123T030000Z"]);
  });
});

const NIGHTLY = { nightly: { cron: "0 3 * * *", run: "look", notLaterThan: "2h" } };

describe("after an outage", () => {
  test("the newest slot is caught up, once, and what lay before is recorded but no news", async () => {
    now = at("2026-11-23T02:00Z");
    const { tick } = leader({ often: { cron: "*/15 * * * *", run: "look" } });
    await tick();
    now = at("2026-11-23T05:05Z");
    await tick();
    await tick();
    expect(await runs()).toEqual(["slot-alpha/often-20261123T050000Z"]);
    expect(await told()).toEqual([]);
    expect((await readEntries(url, "alpha")).map(({ kind, facts }) => [kind, facts])).toEqual([
      [
        "slot.missed",
        {
          schedule: "often",
          command: "look",
          slots: "11",
          first: "2026-11-23T02:15:00.000Z",
          last: "2026-11-23T04:45:00.000Z",
          reason: "run once afterwards",
        },
      ],
    ]);
  });

  test("a slot is caught up as long as it is not too late", async () => {
    now = at("2026-11-23T02:59Z");
    const { tick } = leader(NIGHTLY);
    await tick();
    now = at("2026-11-23T05:00Z");
    await tick();
    expect(await runs()).toEqual(["slot-alpha/nightly-20261123T030000Z"]);
  });

  test("a slot that is too late is not run but told, and recorded", async () => {
    now = at("2026-11-23T02:59Z");
    const { tick } = leader(NIGHTLY, { timeZone: "Europe/Berlin" });
    await tick();
    now = at("2026-11-24T04:00:01Z");
    await tick();
    await tick();
    expect(await runs()).toEqual([]);
    const [card, ...others] = (await told()).filter((text) => text.includes("alpha"));
    expect(others).toEqual([]);
    expect(card).toContain("⚠️ alpha · nightly was missed");
    expect(card).toContain("Its time was Tue 24 Nov 03:00, and not within 2h after it.");
    const entries = await readEntries(url, "alpha");
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({
      kind: "slot.missed",
      result: "missed",
      operation: "schedule",
      cause: "slot-alpha/nightly-20261124T020000Z",
      actor: { via: "flightdeck", name: "schedule nightly" },
    });
  });

  test("many slots that are too late are one message with their number", async () => {
    now = at("2026-11-20T02:59Z");
    const { tick } = leader(NIGHTLY);
    await tick();
    now = at("2026-11-23T12:00Z");
    await tick();
    const [card] = await told();
    expect(card).toContain("4 times, from Fri 20 Nov 03:00 to Mon 23 Nov 03:00");
  });

  test.each([
    ["new", NIGHTLY, NIGHTLY],
    ["changed", { nightly: { cron: "30 1 * * *", run: "look" } }, NIGHTLY],
  ])(
    "a schedule that is %s has missed nothing of what lay before",
    async (_what, before, after) => {
      now = at("2026-11-22T12:00Z");
      if (before !== after) await leader(before).tick();
      now = at("2026-11-23T03:30Z");
      const { tick } = leader(after);
      await tick();
      expect([await runs(), await told()]).toEqual([[], []]);
      now = at("2026-11-24T03:00Z");
      await tick();
      expect(await runs()).toEqual(["slot-alpha/nightly-20261124T030000Z"]);
    },
  );

  test("a schedule that was taken out and put back has missed nothing meanwhile", async () => {
    now = at("2026-11-20T12:00Z");
    await leader(NIGHTLY).tick();
    await leader({}).tick();
    now = at("2026-11-23T03:30Z");
    await leader(NIGHTLY).tick();
    expect([await runs(), await told()]).toEqual([[], []]);
  });
});

describe("a slot that cannot run", () => {
  const CHANGING = { nightly: { cron: "0 3 * * *", run: "change", notLaterThan: "30m" } };
  const begin = async (): Promise<Leader> => {
    now = at("2026-11-23T02:59Z");
    const leads = leader(CHANGING);
    await leads.tick();
    await query(
      url,
      `insert into run (target, operation, input, mutating, holds, cause, actor, config_hash, created_at)
       values ('alpha', 'deploy', '{}', true, true, 'tg-1', '{"via": "flightdeck", "name": "x"}', '0', now())`,
    );
    later(MINUTE_MS);
    await leads.tick();
    return leads;
  };

  test("because another run is under way waits for its end", async () => {
    const { tick } = await begin();
    expect([await runs(), await told()]).toEqual([["tg-1"], []]);
    await query(url, `update run set state = 'ok', ended_at = now() where cause = 'tg-1'`);
    later(10 * MINUTE_MS);
    await tick();
    expect(await runs()).toEqual(["tg-1", "slot-alpha/nightly-20261123T030000Z"]);
  });

  test("and had to wait too long says for what", async () => {
    const { tick } = await begin();
    later(31 * MINUTE_MS);
    await tick();
    expect(await runs()).toEqual(["tg-1"]);
    expect((await told())[0]).toMatch(/nightly was missed .*R-1 \(deploy\) is under way/);
  });

  test("because its command makes no sense says so at once, and once", async () => {
    now = at("2026-11-23T02:59Z");
    const { tick } = leader({ nightly: { cron: "0 3 * * *", run: "look GO NO-GO" } });
    await tick();
    later(MINUTE_MS);
    await tick();
    await tick();
    const cards = (await told()).filter((text) => text.includes("alpha"));
    expect(cards).toHaveLength(1);
    expect(cards[0]).toMatch(/alpha · nightly could not run .*"NO-GO\\" is one word too many/);
    expect((await readEntries(url, "alpha")).map(({ result }) => result)).toEqual(["refused"]);
  });
});

describe("the chat", () => {
  test.each([
    ["nothing of a run that is GO", { run: "look GO" }, []],
    ["of a run that is NO-GO", { run: "look NO-GO" }, ["run:1", "run:2"]],
    ["of a run that is UNKNOWN", { run: "look UNKNOWN" }, ["run:1", "run:2"]],
    [
      "of every run where success is announced",
      { run: "look GO", announce: "always" },
      ["run:1", "run:2"],
    ],
  ])("hears %s", async (_what, schedule, subjects) => {
    now = at("2026-11-23T02:59Z");
    const { tick, execute } = leader({ nightly: { cron: "0 3 * * *", ...schedule } });
    await tick();
    later(MINUTE_MS);
    await tick();
    await execute();
    await tick();
    await tick();
    expect(await told()).toEqual(subjects);
  });

  test("hears the answer of a command that is no run, and who asked", async () => {
    now = at("2026-11-23T02:59Z");
    const { tick } = leader({ nightly: { cron: "0 3 * * *", run: "say" } });
    await tick();
    later(MINUTE_MS);
    await tick();
    await tick();
    const titles = (await told()).map((text) => text.split(" [")[0]);
    expect(titles).toEqual(["asked by schedule nightly", "asked by schedule nightly"]);
  });
});
