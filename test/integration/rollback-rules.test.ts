import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import type { Alert } from "../../src/core/alert.ts";
import type { RollbackRule } from "../../src/core/rollback-rule.ts";
import type { RunOrder } from "../../src/jobs/engine/engine.ts";
import { keepTarget, type TriggersParts } from "../../src/jobs/rollback/rollback-triggers.ts";
import { alertSubject } from "../../src/jobs/watch/alert-subject.ts";
import { changeAlert, openAlert } from "../../src/storage/alert.ts";
import type { Database } from "../../src/storage/database.ts";
import { openSubject } from "../../src/storage/outbox.ts";
import { openTriggers } from "../../src/storage/rollback-trigger.ts";
import { admitRun, endRun } from "../../src/storage/run.ts";
import { keepSamples } from "../../src/storage/sample.ts";
import { setSilence } from "../../src/storage/silence.ts";
import { openOwnDatabase } from "../support/own-database.ts";
import { query } from "../support/records.ts";

const TARGET = "sandbox";
const GOOD = "9e107d9d372bb6826bd81d3542a419d6c0ffee00";
const START = Date.parse("2026-11-23T03:00:00Z");
const place = { chatId: -100, topicId: undefined, replyTo: undefined };
const minutes = (count: number): number => count * 60_000;

const opened = new AsyncDisposableStack();
let stored: Database;
let url: string;
let nowMs = START;

beforeAll(async () => {
  ({ database: stored, url } = opened.use(await openOwnDatabase()));
});
afterAll(async () => {
  await opened.disposeAsync();
});
beforeEach(async () => {
  nowMs = START;
  for (const table of ["rollback_trigger", "silence", "alert", "outbox", "sample", "run"]) {
    await query(url, `delete from ${table}`);
  }
});

/** The database with the time of the test. */
const database: Database = {
  transaction: async (work) => stored.transaction(async (tx) => work(tx, new Date(nowMs))),
  [Symbol.asyncDispose]: async () => undefined,
};

const readyRule: RollbackRule = {
  name: "ready-keeps-failing",
  checks: ["api-is-ready"],
  failing: { kind: "for", ms: minutes(5) },
  automatic: false,
};

type Scene = {
  readonly rule?: Partial<RollbackRule>;
  /** What one would go back to, by the first, second, … look; the last answer stays. */
  readonly before?: readonly (string | Error | undefined)[];
};

/** A desk over one rule: `turn` lets it look once, and tells what it asked for by itself. */
function deskOver({ rule = {}, before = [GOOD] }: Scene = {}) {
  const ordered: RunOrder[] = [];
  const errors: string[] = [];
  let looks = 0;
  const parts: TriggersParts = {
    database,
    targets: [],
    engine: {
      async admit(tx, now, order) {
        ordered.push(order);
        const request = { ...order, mutating: true, holds: false, configHash: "config" };
        return admitRun(tx, now, request);
      },
    },
    dispatch: () => undefined,
    onError: (error) => errors.push(String(error)),
  };
  const target = {
    target: TARGET,
    rules: [{ ...readyRule, ...rule }],
    scene: {
      place,
      maintenanceOf: () => undefined,
      rosterAt: () => [{ name: "Ada", telegram: 1003, role: "approver" as const }],
    },
    async releaseBefore() {
      const answer = before[Math.min(looks, before.length - 1)];
      looks += 1;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  return {
    ordered,
    errors,
    looks: () => looks,
    turn: async (afterMs: number) => {
      nowMs = START + afterMs;
      await keepTarget(parts, target, new AbortController().signal);
    },
  };
}

const triggers = async () => stored.transaction(async (tx) => openTriggers(tx, TARGET));

async function wantedVersion(alertId: string): Promise<number> {
  const { rows } = await query<{ wanted_version: number }>(
    url,
    "select wanted_version from outbox where subject = $1",
    [alertSubject(alertId)],
  );
  return rows[0]?.wanted_version ?? 0;
}

const firing = (change: Partial<Alert> = {}): Alert =>
  ({
    state: "firing",
    since: new Date(START),
    lookedAt: new Date(START),
    trouble: { kind: "down", seen: "503" },
    goodSince: undefined,
    relapses: 0,
    behind: undefined,
    firedAt: new Date(START),
    toldAt: new Date(START),
    owesWord: false,
    ...change,
  }) as Alert;

/** An alert that the chat knows of. */
async function fire(check = "api-is-ready", change: Partial<Alert> = {}): Promise<string> {
  return stored.transaction(async (tx) => {
    const about = { target: TARGET, check, severity: "page" } as const;
    const id = await openAlert(tx, about, firing(change));
    await openSubject(tx, new Date(START), alertSubject(id), place);
    return id;
  });
}

async function become(id: string, change: Partial<Alert>): Promise<void> {
  await stored.transaction(async (tx) => changeAlert(tx, id, firing(change), false));
}

describe("a rule", () => {
  test("asks once its check has failed for so long, and its alert's card follows", async () => {
    const id = await fire();
    const desk = deskOver();
    await desk.turn(minutes(4.9));
    expect(await triggers()).toEqual([]);
    const before = await wantedVersion(id);
    await desk.turn(minutes(5));
    expect(await triggers()).toMatchObject([
      { rule: "ready-keeps-failing", alertId: id, to: GOOD },
    ]);
    expect(await wantedVersion(id)).toBeGreaterThan(before);
    const asking = await wantedVersion(id);
    await desk.turn(minutes(5.1));
    expect(await wantedVersion(id)).toBe(asking);
    expect(desk.ordered).toEqual([]);
  });

  test("asks no more when it looks well again, is silenced, or is over; the card follows", async () => {
    const id = await fire();
    const desk = deskOver();
    for (const [why, undo] of [
      ["goodSince", async () => become(id, {})],
      ["silence", async () => query(url, "delete from silence")],
    ] as const) {
      await desk.turn(minutes(5));
      expect(await triggers()).toHaveLength(1);
      const asking = await wantedVersion(id);
      if (why === "goodSince") await become(id, { goodSince: new Date(START) });
      else {
        const silence = { target: TARGET, checks: [], reason: "we know", setBy: "Ada" };
        await stored.transaction(async (tx, now) =>
          setSilence(tx, now, { ...silence, until: new Date(now.getTime() + minutes(60)) }),
        );
      }
      await desk.turn(minutes(6));
      expect(await triggers()).toEqual([]);
      expect(await wantedVersion(id)).toBeGreaterThan(asking);
      await undo();
    }
  });

  test("counts looks, the newest of them", async () => {
    await fire("captures-are-answered");
    const rule = {
      checks: ["captures-are-answered"],
      failing: { kind: "of", bad: 3, looks: 5 },
    } as const;
    const desk = deskOver({ rule });
    const look = async (second: number, status: "pass" | "fail"): Promise<void> => {
      const sample = { check: "captures-are-answered", status, durationMs: 1, measurements: [] };
      await stored.transaction(async (tx) =>
        keepSamples(tx, new Date(START + second * 1_000), TARGET, [sample]),
      );
    };
    for (const [second, status] of (
      ["fail", "fail", "pass", "pass", "pass", "fail"] as const
    ).entries()) {
      await look(second, status);
    }
    await desk.turn(10_000);
    expect(await triggers()).toEqual([]);
    await look(11, "fail");
    await look(12, "fail");
    await desk.turn(13_000);
    expect(await triggers()).toHaveLength(1);
  });

  test("leads to the choice while nobody can say what one would go back to, and looks again soon", async () => {
    await fire();
    const desk = deskOver({ before: [new Error("Coolify is away"), undefined, GOOD] });
    await desk.turn(minutes(5));
    expect(await triggers()).toMatchObject([{ to: undefined }]);
    expect(desk.errors).toEqual(["Error: Coolify is away"]);
    await desk.turn(minutes(5.1));
    expect(desk.looks()).toBe(1);
    await desk.turn(minutes(5.6));
    await desk.turn(minutes(6.2));
    expect(await triggers()).toMatchObject([{ to: GOOD }]);
    await desk.turn(minutes(8));
    expect(desk.looks()).toBe(3);
  });
});

describe("a rule that may act by itself", () => {
  const automatic = { automatic: true } as const;

  test("begins one rollback to what it found, says so loudly, and not a second one however long it asks", async () => {
    const id = await fire();
    const desk = deskOver({ rule: automatic });
    for (const after of [5, 5.1, 6, 90]) await desk.turn(minutes(after));
    expect(desk.ordered).toMatchObject([
      {
        operation: "rollback",
        input: { to: GOOD, rule: "ready-keeps-failing", automatic: true },
        actor: { via: "flightdeck", name: "rule ready-keeps-failing" },
      },
    ]);
    const { rows } = await query<{ title: string; silent: boolean }>(
      url,
      "select card ->> 'title' as title, silent from outbox where card is not null",
    );
    expect(rows).toEqual([
      { title: "⏪ sandbox · rolls back to 9e107d9 by itself", silent: false },
    ]);
    expect(await triggers()).toMatchObject([{ alertId: id, runId: expect.any(String) }]);
  });

  test("acts once an hour at most, for whatever alert", async () => {
    const id = await fire();
    const desk = deskOver({ rule: automatic });
    await desk.turn(minutes(5));
    const [{ runId = "" } = {}] = await triggers();
    await stored.transaction(async (tx, now) => endRun(tx, now, runId, { state: "ok" }));
    await become(id, { goodSince: new Date(START) });
    await desk.turn(minutes(10));
    expect(await triggers()).toEqual([]);
    await become(id, {});
    await desk.turn(minutes(64));
    expect(desk.ordered).toHaveLength(1);
    expect(await triggers()).toHaveLength(1);
    await desk.turn(minutes(65));
    expect(desk.ordered).toHaveLength(2);
  });

  test("acts not after another one that did within the hour: what goes wrong goes wrong for several", async () => {
    await fire();
    const first = deskOver({ rule: automatic });
    await first.turn(minutes(5));
    const [{ runId = "" } = {}] = await triggers();
    await stored.transaction(async (tx, now) => endRun(tx, now, runId, { state: "ok" }));
    await fire("worker-is-alive");
    const second = deskOver({
      rule: { ...automatic, name: "worker-is-gone", checks: ["worker-is-alive"] },
      before: ["5c1f0b7000000000000000000000000000c0ffee"],
    });
    for (const after of [6, 10, 64]) await second.turn(minutes(after));
    expect(second.ordered).toEqual([]);
    await second.turn(minutes(65));
    expect(second.ordered).toMatchObject([{ input: { rule: "worker-is-gone" } }]);
  });

  test("begins none while another rollback is under way", async () => {
    await fire();
    await stored.transaction(async (tx, now) =>
      admitRun(tx, now, {
        target: TARGET,
        operation: "rollback",
        input: {},
        mutating: true,
        holds: false,
        cause: "tg-1",
        actor: { via: "flightdeck", name: "test" },
        configHash: "config",
      }),
    );
    const desk = deskOver({ rule: automatic });
    await desk.turn(minutes(5));
    expect(desk.ordered).toEqual([]);
  });

  test("begins none without a release that is known good, nor for what could not be looked at", async () => {
    const id = await fire();
    const desk = deskOver({ rule: automatic, before: [undefined] });
    await desk.turn(minutes(5));
    await desk.turn(minutes(6));
    expect(await triggers()).toMatchObject([{ to: undefined }]);
    const other = deskOver({ rule: automatic });
    await become(id, { trouble: { kind: "blind", seen: "timeout" } });
    await other.turn(minutes(7));
    expect(await triggers()).toEqual([]);
    expect([...desk.ordered, ...other.ordered]).toEqual([]);
  });
});
