import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { plainCard } from "../../src/core/card.ts";
import type { Operator } from "../../src/core/operator.ts";
import { createCaller } from "../../src/jobs/watch/calling.ts";
import { judgeDeliveries } from "../../src/jobs/watch/delivery-watch.ts";
import { fullLoop, type ProofParts } from "../../src/jobs/watch/heartbeat.ts";
import { answer, markSent } from "../../src/storage/outbox.ts";
import { wordsHeard } from "../../src/storage/readings.ts";
import type { CallPath } from "../../src/systems/second-path.ts";
import { openOwnDatabase, type OwnDatabase } from "../support/own-database.ts";
import { query } from "../support/records.ts";

const opened = new AsyncDisposableStack();
let own: OwnDatabase;

beforeAll(async () => {
  own = opened.use(await openOwnDatabase());
});
afterAll(async () => {
  await opened.disposeAsync();
});

const sql = async (text: string) => query(own.url, text);

describe("a proof that all is well", () => {
  /** The names of the proofs that fail. */
  async function missing(more: Partial<ProofParts> = {}): Promise<readonly string[]> {
    const proofs = fullLoop({
      database: own.database,
      instance: "test",
      askRedis: async () => ({ waiting: 0 }),
      askTelegram: async () => undefined,
      watched: [],
      ...more,
    });
    const signal = AbortSignal.timeout(10_000);
    const failed: string[] = [];
    for (const { name, prove } of proofs) {
      await prove(signal).catch(() => failed.push(name));
    }
    return failed;
  }
  const refuse = async (): Promise<never> => {
    throw new Error("no answer");
  };

  test("is there when everything answers", async () => {
    expect(await missing()).toEqual([]);
    const { rows } = await sql("select instance from heartbeat");
    expect(rows).toEqual([{ instance: "test" }]);
  });

  test.each([
    ["Redis answers", { askRedis: refuse }],
    ["Telegram answers", { askTelegram: refuse }],
  ])("is not there without it: %s", async (name, more) => {
    expect(await missing(more)).toEqual([name]);
  });

  test("wants samples of every target, none older than the watch should let them get", async () => {
    const watched = [
      { target: "production", checks: [{ everyMs: 900_000 }, { everyMs: 30_000 }] },
      { target: "staging", checks: [{ everyMs: 600_000 }] },
    ];
    expect(await missing({ watched })).toEqual(["the watch looks"]);
    const look = async (target: string, minutesAgo: number) =>
      sql(
        `insert into sample (target, check_name, at, status, duration_ms, measurements)
         values ('${target}', 'api', now() - interval '${minutesAgo} minutes', 'pass', 1, '{}')`,
      );
    await look("production", 4);
    await look("staging", 19);
    expect(await missing({ watched })).toEqual(["the watch looks"]);
    await look("production", 2);
    expect(await missing({ watched })).toEqual([]);
    await sql("delete from sample where target = 'staging'");
    await look("staging", 21);
    expect(await missing({ watched })).toEqual(["the watch looks"]);
  });

  test("wants the file of every log to keep up", async () => {
    const name = "the evidence log's file keeps up";
    await sql(
      `insert into evidence_head (log, origin, size, head) values ('production', 'x', 0, '')`,
    );
    expect(await missing()).toEqual([]);
    await sql(
      `insert into evidence (log, seq, at, canonical, prev, hash, kind, run, once)
       values ('production', 1, now() - interval '50 seconds', '', '', '', '', '', '');
       update evidence_head set size = 1`,
    );
    expect(await missing()).toEqual([]);
    await sql(
      `insert into evidence (log, seq, at, canonical, prev, hash, kind, run, once)
       values ('production', 2, now() - interval '70 seconds', '', '', '2', '', '', '2');
       update evidence_head set size = 2;
       insert into evidence_file (log, rendered, rendered_at) values ('production', 1, now())`,
    );
    expect(await missing()).toEqual([name]);
    await sql("update evidence_file set rendered = 2");
    expect(await missing()).toEqual([]);
    await sql("update evidence_file set trouble = 'edited', trouble_since = now()");
    expect(await missing()).toEqual([name]);
  });
});

describe("what should sound and does not arrive", () => {
  const ada: Operator = { name: "Ada", telegram: 1, role: "approver" };
  const path: CallPath = {
    name: "webhook",
    addressesOf: () => [""],
    send: async () => undefined,
  };
  const parts = {
    caller: createCaller([path], (text) => text),
    target: "production",
    onCall: () => [ada],
  };
  let said = 0;

  beforeEach(async () => {
    await sql("delete from call; delete from outbox");
  });

  /** A word in the outbox, so many seconds old. */
  async function say(
    secondsOld: number,
    more: { readonly silent?: boolean; readonly chatId?: number; readonly subject?: string } = {},
  ): Promise<string> {
    said += 1;
    const { silent = false, chatId = -1, subject = `word:alert:${said}` } = more;
    await own.database.transaction(async (tx, now) =>
      answer(
        tx,
        new Date(now.getTime() - secondsOld * 1_000),
        subject,
        { chatId, topicId: undefined, replyTo: undefined },
        plainCard("an alert"),
        { silent },
      ),
    );
    return subject;
  }
  const judge = async () =>
    own.database.transaction(async (tx, now) => judgeDeliveries(parts, tx, now));
  const deliver = async () =>
    own.database.transaction(async (tx, now) => {
      const { rows } = await sql("select id from outbox where message_id is null");
      for (const { id } of rows as { id: string }[]) {
        await markSent(tx, now, { id, version: 1, messageId: 1, messageKind: "text" });
      }
    });
  const calls = async () =>
    (await sql("select kind, what, people, state from call order by id")).rows as {
      kind: string;
      what: string;
      people: string[];
      state: string;
    }[];

  test("is told once after a minute, and once that it is over", async () => {
    await say(55);
    await judge();
    expect(await calls()).toEqual([]);
    await say(65);
    await judge();
    await judge();
    expect(await calls()).toEqual([
      {
        kind: "fired",
        what: "Telegram takes no messages; 2 alerts wait to be heard",
        people: ["Ada"],
        state: "waiting",
      },
    ]);
    await sql("update call set state = 'sent', sent_at = now()");
    await deliver();
    await judge();
    await judge();
    expect((await calls()).map(({ kind }) => kind)).toEqual(["fired", "over"]);
    await say(65);
    await judge();
    expect((await calls()).map(({ kind }) => kind)).toEqual(["fired", "over", "fired"]);
  });

  test("is told at once when Telegram refuses what is tried, be it the word or the card before it", async () => {
    await say(4);
    await sql("update outbox set attempts = 2");
    await judge();
    expect(await calls()).toEqual([]);
    await say(4, { subject: "alert:7", silent: true });
    await sql("update outbox set attempts = 3 where subject = 'alert:7'");
    await judge();
    expect((await calls()).map(({ kind }) => kind)).toEqual(["fired"]);
  });

  test("is not told any more when it arrived before anybody was called", async () => {
    await say(65);
    await judge();
    await deliver();
    await judge();
    expect((await calls()).map(({ kind, state }) => `${kind} ${state}`)).toEqual([
      "fired withdrawn",
    ]);
  });

  test.each([
    ["a message without a sound", { silent: true }],
    ["what somebody asked for", { subject: "reply:tg-1" }],
    ["a private message, which its reader may have forbidden", { chatId: 1001 }],
  ])("is not confused with %s", async (_what, more) => {
    await say(600, more);
    await judge();
    expect(await calls()).toEqual([]);
  });

  test("counts when it was given up, and not for ever", async () => {
    await say(600);
    await sql("update outbox set abandoned_because = 'it cannot be put into words'");
    await judge();
    expect(await calls()).toHaveLength(1);
    await sql("update outbox set created_at = now() - interval '2 hours'");
    await sql("update call set state = 'sent', sent_at = now()");
    await judge();
    expect((await calls()).map(({ kind }) => kind)).toEqual(["fired", "over"]);
  });

  test("tells how long a word was on its way, once it has arrived", async () => {
    await say(3);
    await deliver();
    const from = new Date(Date.now() - 60_000);
    const until = new Date(Date.now() + 60_000);
    const heard = async (after: Date, before: Date) =>
      own.database.transaction(async (tx) => wordsHeard(tx, after, before));
    const [dwellMs = 0, ...more] = await heard(from, until);
    expect(more).toEqual([]);
    expect(dwellMs).toBeGreaterThanOrEqual(3_000);
    expect(dwellMs).toBeLessThan(30_000);
    expect(await heard(until, new Date(until.getTime() + 1))).toEqual([]);
  });
});
