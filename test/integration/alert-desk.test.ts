import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { drawStatus } from "../../src/commands/status.ts";
import { cardText } from "../../src/core/card-text.ts";
import { cardSchema } from "../../src/core/card.ts";
import { escalationSetting } from "../../src/core/escalation.ts";
import type { CheckResult } from "../../src/core/status.ts";
import { createAlertDesk } from "../../src/jobs/watch/alert-desk.ts";
import { createAlertNews } from "../../src/jobs/watch/alert-news.ts";
import type { WantedCall } from "../../src/jobs/watch/calling.ts";
import { escalateAll } from "../../src/jobs/watch/escalating.ts";
import type { WatchedCheck } from "../../src/jobs/watch/watch.ts";
import { openAlerts, type KeptAlert } from "../../src/storage/alert.ts";
import type { Database, Transaction } from "../../src/storage/database.ts";
import { openLog } from "../../src/storage/evidence.ts";
import { newestSamples } from "../../src/storage/sample.ts";
import { endOldSilences, setSilence } from "../../src/storage/silence.ts";
import { openOwnDatabase } from "../support/own-database.ts";
import { query } from "../support/records.ts";

const opened = new AsyncDisposableStack();
let database: Database;
let url: string;
const place = { chatId: -100, topicId: undefined, replyTo: undefined };
const minutes = (count: number): number => count * 60_000;
const START = Date.parse("2026-11-23T03:00:00Z");
const at = (afterMs: number): Date => new Date(START + afterMs);

beforeAll(async () => {
  ({ database, url } = opened.use(await openOwnDatabase()));
  await database.transaction(async (tx) => openLog(tx, "sandbox", "flightdeck/evidence/sandbox"));
});
afterAll(async () => {
  await opened.disposeAsync();
});
beforeEach(async () => {
  await query(url, "delete from silence");
  await query(url, "delete from alert");
  await query(url, "delete from outbox");
  calls.length = 0;
});

function check(name: string, parts: Partial<WatchedCheck> = {}): WatchedCheck {
  return {
    name,
    severity: "page",
    everyMs: 30_000,
    forMs: 0,
    resolveAfterMs: 0,
    dependsOn: [],
    ask: async () => passing,
    ...parts,
  };
}

const passing: CheckResult = {
  status: "pass",
  observations: [{ what: "status", expected: "200", actual: "200", ok: true }],
  measurements: [],
  durationMs: 1,
};
const failing: CheckResult = {
  status: "fail",
  observations: [{ what: "status", expected: "200", actual: "500", ok: false }],
  measurements: [],
  durationMs: 1,
};
const blind: CheckResult = {
  status: "unknown",
  observations: [],
  measurements: [],
  reason: "connection refused",
  durationMs: 1,
};

/** A desk over these checks; `look` tells it what some of them say at a moment. */
function deskOver(checks: readonly WatchedCheck[]) {
  const origin = { build: "test", instance: "test", scrub: (text: string) => text };
  const scene = {
    timeZone: "UTC",
    runbookOf: () => "docs/runbooks/x.md",
    hasSmokeFlow: false,
    remediesOf: () => [],
    maintenanceOf: () => undefined,
    place,
    configHash: "config",
    rosterAt: () => [
      { name: "Ada", telegram: 1003, role: "approver" as const },
      { name: "Otto", telegram: 1002, role: "operator" as const },
    ],
    escalation: escalationSetting.parse(undefined),
  };
  const scenes = new Map([["sandbox", scene]]);
  const desk = createAlertDesk({
    targets: [{ target: "sandbox", checks, ownChecks: [], scene }],
    tell: createAlertNews({ scenes, caller, origin }),
  });
  return {
    /** Calls whoever is due to be called at a moment. */
    async escalate(afterMs: number): Promise<void> {
      await database.transaction(async (tx) =>
        escalateAll(tx, at(afterMs), { caller, isAddressed: false }, "sandbox", scene),
      );
    },
    async look(afterMs: number, results: Readonly<Record<string, CheckResult>>): Promise<void> {
      const looks = checks.flatMap((one) => {
        const result = results[one.name];
        return result ? [{ target: "sandbox", check: one, result }] : [];
      });
      await database.transaction(async (tx) => desk.decide(tx, at(afterMs), looks));
    },
  };
}

/** The second path, as far as it is asked here: who was called for what, and what was called off. */
const calls: string[] = [];
const caller = {
  async call(_tx: Transaction, _now: Date, { about, people }: WantedCall): Promise<void> {
    calls.push(`${about.replaceAll(/\d+/g, "N")} ${people.map(({ name }) => name).join(",")}`);
  },
  async callOff(_tx: Transaction, _now: Date, about: string): Promise<void> {
    // What was called for many at once is called off whenever nothing sounds; here nothing was.
    if (about.startsWith("alerts:") && !calls.some((call) => call.startsWith(about))) return;
    calls.push(`off ${about.replaceAll(/\d+/g, "N")}`);
  },
};

const open = async (): Promise<readonly KeptAlert[]> =>
  database.transaction(async (tx) => openAlerts(tx, "sandbox"));
const states = async (): Promise<readonly string[]> =>
  (await open()).map(({ check: name, alert }) => `${name} ${alert.state}`);

type Said = { readonly subject: string; readonly silent: boolean; readonly text: string };

/** What waits to be said: cards are drawn later, words stand as they are. */
async function said(): Promise<readonly Said[]> {
  const { rows } = await query<{ subject: string; silent: boolean; card: unknown }>(
    url,
    "select subject, silent, card from outbox order by id",
  );
  return rows.map(({ subject, silent, card }) => ({
    subject: subject.replaceAll(/\d+/g, "N"),
    silent,
    text: card === null ? "" : cardText(cardSchema.parse(card)),
  }));
}

async function entries(): Promise<readonly string[]> {
  const { rows } = await query<{ kind: string; check: string }>(
    url,
    "select kind, canonical::json->'facts'->>'check' as check from evidence order by seq",
  );
  return rows.map(({ kind, check: name }) => `${kind} ${name}`);
}

describe("what follows from a look", () => {
  test("a page opens a silent card and says a word that sounds and calls, once", async () => {
    const desk = deskOver([check("api-is-ready")]);
    await desk.look(0, { "api-is-ready": failing });
    await desk.look(30_000, { "api-is-ready": failing });
    expect(await states()).toEqual(["api-is-ready firing"]);
    const [card, word, ...more] = await said();
    expect(more).toEqual([]);
    expect(card).toMatchObject({ subject: "alert:N", silent: true });
    expect(word).toMatchObject({ subject: "word:alert:N:fired:N", silent: false });
    expect(word?.text).toContain("Ada");
  });

  test("a warning opens its card and makes no sound", async () => {
    const desk = deskOver([check("queue-depth-is-normal", { severity: "warn" })]);
    await desk.look(0, { "queue-depth-is-normal": failing });
    expect((await said()).map(({ subject, silent }) => [subject, silent])).toEqual([
      ["alert:N", true],
    ]);
  });

  test("a trouble that passes before its time leaves nothing but its samples", async () => {
    const desk = deskOver([check("api-is-ready", { forMs: minutes(5) })]);
    await desk.look(0, { "api-is-ready": failing });
    expect(await states()).toEqual(["api-is-ready pending"]);
    await desk.look(30_000, { "api-is-ready": passing });
    expect(await open()).toEqual([]);
    expect(await said()).toEqual([]);
  });

  test("the end of a page is said once, and both are entries", async () => {
    const before = (await entries()).length;
    const desk = deskOver([check("api-is-live")]);
    await desk.look(0, { "api-is-live": failing });
    await desk.look(30_000, { "api-is-live": passing });
    await desk.look(60_000, { "api-is-live": passing });
    expect(await open()).toEqual([]);
    expect((await said()).map(({ subject }) => subject)).toEqual([
      "alert:N",
      "word:alert:N:fired:N",
      "word:alert:N:resolved:N",
    ]);
    expect((await entries()).slice(before)).toEqual([
      "alert.fired api-is-live",
      "alert.resolved api-is-live",
    ]);
  });

  test("the board names what fires, and says nothing of alerts when none does", async () => {
    const desk = deskOver([check("api-is-ready"), check("api-is-live", { forMs: minutes(5) })]);
    const board = async (): Promise<string> => {
      const target = { target: "sandbox", timeZone: "UTC", board: [], backup: undefined };
      const smoke = { flow: undefined, flows: {} };
      const drawn = await database.transaction(async (tx) =>
        drawStatus(tx, at(0), { ...target, smoke }, "1"),
      );
      return cardText(drawn.card);
    };
    expect(await board()).not.toContain("🔔");
    await desk.look(0, { "api-is-ready": failing, "api-is-live": failing });
    expect(await board()).toMatch(/🔔 1 alert · A-\w+ api-is-ready/);
  });

  test("not being able to look is an alert too, and is told apart", async () => {
    const desk = deskOver([check("redis-accepts-commands")]);
    await desk.look(0, { "redis-accepts-commands": blind });
    expect((await open())[0]?.alert.trouble).toEqual({ kind: "blind", seen: "connection refused" });
  });
});

test("what was seen before the clock was set back is not the newest", async () => {
  const desk = deskOver([check("api-is-live")]);
  await desk.look(minutes(600), { "api-is-live": failing });
  await desk.look(minutes(540), { "api-is-live": passing });
  const [newest] = await database.transaction(async (tx) =>
    newestSamples(tx, "sandbox", ["api-is-live"]),
  );
  expect(newest).toMatchObject({ status: "pass", at: at(minutes(540)) });
});

describe("a check that depends on another", () => {
  const checks = [
    check("api-is-ready", { dependsOn: ["api-is-live"] }),
    check("smoke-passes", { dependsOn: ["api-is-ready"] }),
    check("api-is-live", { forMs: minutes(1) }),
  ];

  test("does not speak while what it depends on is in trouble, even in the same moment", async () => {
    const desk = deskOver(checks);
    await desk.look(0, {
      "api-is-ready": failing,
      "smoke-passes": failing,
      "api-is-live": failing,
    });
    expect(await said()).toEqual([]);
    const behind = (await open()).map(({ check: name, alert }) => [name, alert.behind]);
    expect(behind).toContainEqual(["api-is-ready", "api-is-live"]);
    // The furthest cause speaks for all, not the one next to it.
    expect(behind).toContainEqual(["smoke-passes", "api-is-live"]);
    await desk.look(minutes(1), { "api-is-live": failing });
    expect((await said()).map(({ subject }) => subject)).toEqual([
      "alert:N",
      "word:alert:N:fired:N",
    ]);
  });

  test("speaks for itself when that is over and it is still in trouble", async () => {
    const desk = deskOver(checks);
    await desk.look(0, { "api-is-ready": failing, "api-is-live": failing });
    await desk.look(minutes(1), { "api-is-live": passing });
    await desk.look(minutes(1) + 1_000, { "api-is-ready": failing });
    expect(await states()).toEqual(["api-is-ready firing"]);
    expect((await said()).map(({ subject }) => subject)).toContain("word:alert:N:fired:N");
  });
});

test("a page is told although a warning explains it, for a warning makes no sound", async () => {
  const desk = deskOver([
    check("api-is-ready", { dependsOn: ["metrics-are-readable"] }),
    check("metrics-are-readable", { severity: "warn", dependsOn: ["api-is-live"] }),
    check("api-is-live", { forMs: minutes(1) }),
  ]);
  await desk.look(0, { "api-is-ready": failing, "metrics-are-readable": failing });
  expect((await said()).map(({ subject }) => subject)).toContain("word:alert:N:fired:N");
  // Behind the warning stands a page, which does speak for both.
  await desk.look(minutes(1), { "api-is-live": failing });
  await desk.look(minutes(1) + 1_000, { "api-is-ready": failing, "metrics-are-readable": failing });
  const behind = (await open()).map(({ check: name, alert }) => [name, alert.behind]);
  expect(behind).toContainEqual(["api-is-ready", "api-is-live"]);
});

describe("a silence", () => {
  test("hides what fires under it, and what lasts longer than it is told at its end", async () => {
    const desk = deskOver([check("api-is-ready")]);
    await database.transaction(async (tx) =>
      setSilence(tx, at(0), {
        target: "sandbox",
        checks: ["api-is-ready"],
        until: at(minutes(60)),
        reason: "a rehearsal",
        setBy: "Otto",
      }),
    );
    await desk.look(0, { "api-is-ready": failing });
    expect(await states()).toEqual(["api-is-ready firing"]);
    expect(await said()).toEqual([]);
    await desk.look(minutes(61), { "api-is-ready": failing });
    expect((await said()).map(({ subject }) => subject)).toEqual([
      "alert:N",
      "word:alert:N:fired:N",
    ]);
  });
});

describe("a silence that was set before the clock went back", () => {
  test("lasts as long as it was meant to, from then on", async () => {
    await database.transaction(async (tx) =>
      setSilence(tx, at(minutes(60)), {
        target: "sandbox",
        checks: [],
        until: at(minutes(70)),
        reason: "a rehearsal",
        setBy: "Otto",
      }),
    );
    const end = async (afterMs: number): Promise<number> =>
      (await database.transaction(async (tx) => endOldSilences(tx, at(afterMs), "sandbox"))).length;
    expect([await end(minutes(61)), await end(0), await end(minutes(9))]).toEqual([0, 0, 0]);
    expect(await end(minutes(10))).toBe(1);
  });
});

describe("a page that nobody takes", () => {
  const sound = async () => {
    const desk = deskOver([check("api-is-ready")]);
    await desk.look(0, { "api-is-ready": failing });
    return desk;
  };
  const privateWords = async () =>
    (
      await query<{ chat_id: string }>(
        url,
        "select chat_id from outbox where chat_id > 0 order by id",
      )
    ).rows.map(({ chat_id: chat }) => chat);

  test("calls more people as time goes by, each step once", async () => {
    const desk = await sound();
    await desk.escalate(minutes(1));
    expect([calls, await privateWords()]).toEqual([[], []]);
    await desk.escalate(minutes(2));
    await desk.escalate(minutes(2) + 1_000);
    expect([calls, await privateWords()]).toEqual([["alert:N Ada"], ["1003"]]);
    await desk.escalate(minutes(5));
    expect([calls.length, await privateWords()]).toEqual([2, ["1003", "1002"]]);
    await desk.escalate(minutes(10));
    expect(calls.at(-1)).toBe("alert:N Ada,Otto");
    const mention = (await said()).findLast(({ subject }) => subject.includes(":called:"));
    expect(mention?.text).toMatch(/Ada.*Otto/);
    await desk.escalate(minutes(60));
    expect(calls).toHaveLength(3);
  });

  test("calls more people as time goes by, although the clock was set back since", async () => {
    const desk = await sound();
    await desk.look(-minutes(60), { "api-is-ready": failing });
    await desk.escalate(minutes(2 - 60));
    expect([calls, await privateWords()]).toEqual([["alert:N Ada"], ["1003"]]);
  });

  test("calls once for many that sound at the same time, and calls that off when the last is over", async () => {
    const names = Array.from({ length: 30 }, (_, n) => `check-${n}`);
    const desk = deskOver(names.map((name) => check(name)));
    const all = (result: CheckResult) => Object.fromEntries(names.map((name) => [name, result]));
    await desk.look(0, all(failing));
    await desk.escalate(minutes(2));
    await desk.escalate(minutes(2) + 1_000);
    expect(calls).toEqual(["alerts:sandbox Ada"]);
    expect(await privateWords()).toEqual(["1003"]);
    expect((await said()).at(-1)?.text).toContain("30 alerts sound and nobody has them");
    calls.length = 1;
    await desk.look(minutes(3), all(passing));
    await desk.look(minutes(3) + 1_000, all(passing));
    await desk.escalate(minutes(4));
    expect(calls.at(-1)).toBe("off alerts:sandbox");
  });

  test("calls nobody else once somebody has it, and calls off what was called when it is over", async () => {
    const desk = await sound();
    await desk.escalate(minutes(2));
    await query(
      url,
      "update alert set state = 'acknowledged', acknowledged_by = 'Otto', acknowledged_at = $1",
      [at(minutes(3))],
    );
    await desk.escalate(minutes(10));
    expect(calls).toEqual(["alert:N Ada"]);
    await desk.look(minutes(11), { "api-is-ready": passing });
    await desk.look(minutes(12), { "api-is-ready": passing });
    expect(calls.at(-1)).toBe("off alert:N");
  });

  test("calls nobody under a silence", async () => {
    const desk = await sound();
    await database.transaction(async (tx) =>
      setSilence(tx, at(minutes(1)), {
        target: "sandbox",
        checks: [],
        until: at(minutes(30)),
        reason: "known",
        setBy: "Otto",
      }),
    );
    await desk.escalate(minutes(10));
    expect(calls).toEqual([]);
    await desk.escalate(minutes(31));
    expect(calls).not.toEqual([]);
  });
});

describe("a step that is under way", () => {
  test("keeps what it disturbs from being an alert until its deadline", async () => {
    const { rows } = await query<{ id: string }>(
      url,
      `insert into run (target, operation, input, mutating, cause, actor, config_hash, created_at)
       values ('sandbox', 'deploy', '{}', false, 'test-disturbs', '{}', '', now()) returning id`,
    );
    await query(
      url,
      `insert into run_step (run_id, n, name, kind, state, epoch, idempotency_key, started_at, disturbs, disturbs_until)
       values ($1, 0, 'restart', 'act', 'started', 1, gen_random_uuid(), $2, '{api-is-ready}', $3)`,
      [rows[0]?.id, at(0), at(minutes(2))],
    );
    const desk = deskOver([check("api-is-ready"), check("api-is-live")]);
    await desk.look(30_000, { "api-is-ready": failing, "api-is-live": failing });
    expect(await states()).toEqual(["api-is-live firing", "api-is-ready pending"]);
    await desk.look(minutes(2), { "api-is-ready": failing });
    expect(await states()).toContain("api-is-ready firing");
    // By a clock that was set back it has not begun yet, and keeps nobody from hearing anything.
    await query(url, "delete from alert");
    await desk.look(-minutes(60), { "api-is-ready": failing });
    expect(await states()).toEqual(["api-is-ready firing"]);
    await query(url, "delete from run_step");
    await query(url, "delete from run");
  });
});
