import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { startSecondPath, type SecondPath } from "../../sandbox/second-path.ts";
import type { Operator } from "../../src/core/operator.ts";
import { createScrubber } from "../../src/core/redaction.ts";
import { Secret } from "../../src/core/secret.ts";
import {
  createCaller,
  makeCalls,
  type Caller,
  type WantedCall,
} from "../../src/jobs/watch/calling.ts";
import { forgetCalls, newestCalls, takeCalls } from "../../src/storage/call.ts";
import { createHttpApi } from "../../src/systems/http-api.ts";
import { secondPathSetting } from "../../src/systems/second-path-settings.ts";
import { openSecondPath, type CallPath } from "../../src/systems/second-path.ts";
import { openOwnDatabase, type OwnDatabase } from "../support/own-database.ts";
import { query } from "../support/records.ts";

const SECRET = "a-secret-value-of-a-test";
const ada: Operator = { name: "Ada", telegram: 1, role: "approver", email: "ada@example.com" };
const otto: Operator = { name: "Otto", telegram: 2, role: "operator", email: "otto@example.com" };
const vera: Operator = { name: "Vera", telegram: 3, role: "operator" };

const opened = new AsyncDisposableStack();
const http = createHttpApi();
let outside: SecondPath;
let own: OwnDatabase;
let paths: readonly CallPath[];
let caller: Caller;

beforeAll(async () => {
  opened.defer(async () => http.close());
  outside = opened.use(await startSecondPath());
  own = opened.use(await openOwnDatabase());
  const { environment } = outside;
  const settings = secondPathSetting.parse({
    webhook: {
      url: new Secret(environment["SANDBOX_CALL_URL"] ?? ""),
      secret: new Secret(environment["SANDBOX_CALL_SECRET"] ?? ""),
    },
    smtp: {
      host: "localhost",
      port: Number(environment["SANDBOX_SMTP_PORT"]),
      user: "flightdeck",
      password: new Secret(environment["SANDBOX_SMTP_PASSWORD"] ?? ""),
      from: "flightdeck@example.com",
      to: ["team@example.com"],
      authority: environment["SANDBOX_SMTP_AUTHORITY"],
    },
  });
  paths = await openSecondPath(http, settings);
  caller = createCaller(paths, createScrubber([new Secret(SECRET)]));
});
beforeEach(() => {
  outside.webhook = "answers";
  outside.mail = "answers";
});
afterAll(async () => {
  await opened.disposeAsync();
});

let made = 0;

/** A call that nobody made before, about something of its own. */
function wanted(more: Partial<WantedCall> = {}): WantedCall {
  made += 1;
  return {
    once: `alert:${made}:0`,
    about: `alert:${made}`,
    kind: "fired",
    target: "production",
    severity: "page",
    what: `api-is-ready ${made}`,
    people: [ada],
    ...more,
  };
}

const request = async (call: WantedCall) =>
  own.database.transaction(async (tx, now) => caller.call(tx, now, call));
const callOff = async ({ about }: WantedCall) =>
  own.database.transaction(async (tx, now) => caller.callOff(tx, now, about));
const withdraw = async ({ about }: WantedCall) =>
  own.database.transaction(async (tx) => caller.withdraw(tx, about));

async function kept({ about }: WantedCall) {
  const { rows } = await query<{
    id: string;
    path: string;
    address: string;
    kind: string;
    state: string;
    attempts: number;
    error: string | null;
  }>(
    own.url,
    `select id, path, address, kind, state, attempts, error from call where about = $1 order by id`,
    [about],
  );
  return rows;
}

/** What came in about this, in the order in which it came. */
const arrived = ({ what }: WantedCall) => ({
  calls: outside.calls().filter(({ body }) => body["what"] === what),
  mails: outside.mails().filter(({ subject }) => subject.endsWith(what)),
});

/** A leader that makes calls, and is impatient. */
function startCalling(
  more: { readonly tries?: number; readonly paths?: readonly CallPath[] } = {},
) {
  const stopping = new AbortController();
  const errors: unknown[] = [];
  const calling = makeCalls(
    {
      database: own.database,
      paths: more.paths ?? paths,
      onError: (error) => errors.push(error),
      retryAfterMs: Array.from({ length: more.tries ?? 20 }, () => 100),
    },
    stopping.signal,
  );
  return {
    errors,
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("stopping"));
      await calling;
    },
  };
}

describe("a call", () => {
  test("reaches everybody by every path, once, however often it is asked for", async () => {
    const call = wanted({ people: [ada, otto, vera] });
    await request(call);
    await request(call);
    await using _calling = startCalling();
    await expect.poll(() => arrived(call).mails.length, { timeout: 10_000 }).toBe(3);
    await expect.poll(() => arrived(call).calls.length, { timeout: 10_000 }).toBe(1);
    const { calls, mails } = arrived(call);
    expect(mails.flatMap(({ to }) => to).toSorted()).toEqual([
      "ada@example.com",
      "otto@example.com",
      "team@example.com",
    ]);
    expect(mails[0]?.subject).toBe(`[production] page: ${call.what}`);
    expect(mails[0]?.text).toContain("Called: Ada, Otto, Vera");
    expect(calls[0]).toMatchObject({
      isGenuine: true,
      body: { kind: "fired", people: ["Ada", "Otto", "Vera"], severity: "page", resent: false },
    });
    await expect
      .poll(async () => (await kept(call)).map(({ state, attempts }) => [state, attempts]), {
        timeout: 10_000,
      })
      .toEqual(Array.from({ length: 4 }, () => ["sent", 1]));
  });

  test("is not made when what it belongs to is rolled back", async () => {
    const call = wanted();
    const broken = own.database.transaction(async (tx, now) => {
      await caller.call(tx, now, call);
      throw new Error("rolled back");
    });
    await expect(broken).rejects.toThrow("rolled back");
    expect(await kept(call)).toEqual([]);
  });

  test("says no secret, no second line, and no more than a title", async () => {
    const what = `api ${SECRET} \r\nBcc: eve@example.com ${"x".repeat(500)}`;
    const call = wanted({ what });
    await request(call);
    await using _calling = startCalling();
    await expect
      .poll(async () => (await kept(call)).every(({ state }) => state === "sent"), {
        timeout: 10_000,
      })
      .toBe(true);
    const mail = outside.mails().findLast(({ subject }) => subject.includes("⟨U+000D⟩"));
    expect(mail?.subject.length).toBeLessThan(240);
    expect(mail?.subject).toContain("[secret]");
    expect(JSON.stringify([outside.mails(), outside.calls()])).not.toContain(SECRET);
  });

  test("that a path refuses is tried again and again, while the other path goes its own way", async () => {
    const call = wanted();
    outside.webhook = "refuses";
    await request(call);
    await using calling = startCalling();
    await expect.poll(() => arrived(call).mails.length, { timeout: 10_000 }).toBe(2);
    await expect
      .poll(async () => (await kept(call))[0]?.attempts, { timeout: 10_000 })
      .toBeGreaterThan(1);
    expect((await kept(call))[0]?.error).toMatch(/answered 401$/);
    expect(calling.errors.length).toBeGreaterThan(0);
    outside.webhook = "answers";
    await expect.poll(() => arrived(call).calls.length, { timeout: 10_000 }).toBe(1);
    // Who refused has surely not taken it, so this is the first time.
    expect(arrived(call).calls[0]?.body["resent"]).toBe(false);
  });

  test("that was perhaps taken comes again under the same id, and says so", async () => {
    const call = wanted();
    outside.webhook = "takes-then-500";
    await request(call);
    await using _calling = startCalling();
    await expect.poll(() => arrived(call).calls.length, { timeout: 10_000 }).toBeGreaterThan(1);
    outside.webhook = "answers";
    await expect.poll(async () => (await kept(call))[0]?.state, { timeout: 10_000 }).toBe("sent");
    const { calls } = arrived(call);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(1);
    expect(calls.map(({ body }) => body["resent"])).toEqual(calls.map((_, index) => index > 0));
  });

  test("is given up after so many tries, and stays to be seen as failed", async () => {
    const call = wanted();
    outside.webhook = "refuses";
    await request(call);
    await using _calling = startCalling({ tries: 2 });
    await expect
      .poll(async () => (await kept(call))[0], { timeout: 10_000 })
      .toMatchObject({ state: "failed", attempts: 3 });
    const newest = await own.database.transaction(async (tx) => newestCalls(tx, "production", 50));
    expect(newest.find(({ about }) => about === call.about && about !== "")).toBeDefined();
  });

  test("that was cut short by a stop is made by the next leader, as one that may have come", async () => {
    const call = wanted();
    const hanging: CallPath = {
      name: "webhook",
      addressesOf: () => [""],
      send: async (_attempt, _address, _now, signal) =>
        sleep(60_000, undefined, { signal }).catch(() => {
          throw signal.reason;
        }),
    };
    await request(call);
    {
      await using _calling = startCalling({ paths: [hanging] });
      await expect.poll(async () => (await kept(call))[0]?.attempts, { timeout: 5_000 }).toBe(1);
    }
    expect((await kept(call))[0]).toMatchObject({ state: "waiting", error: null });
    // The lease of the one who stopped runs out.
    await query(own.url, `update call set next_try_at = now() where about = $1`, [call.about]);
    await using _next = startCalling();
    await expect.poll(() => arrived(call).calls.length, { timeout: 10_000 }).toBe(1);
    expect(arrived(call).calls[0]?.body["resent"]).toBe(true);
  });

  const taking = { path: "webhook", putOffAtMostMs: 600_000, limit: 100 } as const;

  test("is taken by one of several processes", async () => {
    const call = wanted();
    await request(call);
    const take = async () =>
      own.database.transaction(async (tx, now) =>
        takeCalls(tx, now, { ...taking, leaseMs: 60_000 }),
      );
    const taken = (await Promise.all([take(), take(), take()])).flat();
    expect(taken.filter(({ about }) => about === call.about)).toHaveLength(1);
    await withdraw(call);
  });

  test("is due at once when the clock was set back, before its first try and after one", async () => {
    const call = wanted();
    await request(call);
    const take = async () =>
      own.database.transaction(async (tx, now) =>
        takeCalls(tx, new Date(now.getTime() - 60 * 60_000), { ...taking, leaseMs: 30_000 }),
      );
    const isTaken = async (): Promise<boolean> =>
      (await take()).some(({ about }) => about === call.about);
    expect(await isTaken()).toBe(true);
    expect(await isTaken()).toBe(false);
    await query(own.url, `update call set next_try_at = now() where about = $1`, [call.about]);
    expect(await isTaken()).toBe(true);
    await withdraw(call);
  });
});

describe("what is over", () => {
  test("is told to those who were called, once, by the way on which they were", async () => {
    const call = wanted({ people: [ada] });
    await request(call);
    await using _calling = startCalling();
    await expect
      .poll(async () => (await kept(call)).every(({ state }) => state === "sent"), {
        timeout: 10_000,
      })
      .toBe(true);
    await callOff(call);
    await callOff(call);
    await expect.poll(() => arrived(call).mails.length, { timeout: 10_000 }).toBe(4);
    await expect.poll(() => arrived(call).calls.length, { timeout: 10_000 }).toBe(2);
    expect(
      arrived(call)
        .mails.map(({ subject }) => subject.split(":")[0] ?? "")
        .toSorted(),
    ).toEqual(["[production] over", "[production] over", "[production] page", "[production] page"]);
    expect(arrived(call).calls[1]?.id).not.toBe(arrived(call).calls[0]?.id);
  });

  test("is not told to those who were never reached, and they are not called any more", async () => {
    const call = wanted();
    await request(call);
    await callOff(call);
    await using _calling = startCalling();
    await sleep(1_500);
    expect(arrived(call)).toEqual({ calls: [], mails: [] });
    expect((await kept(call)).map(({ state }) => state)).toEqual(
      Array.from({ length: 3 }, () => "withdrawn"),
    );
  });

  test("is told to those who were perhaps reached", async () => {
    const call = wanted();
    outside.webhook = "takes-then-500";
    outside.mail = "refuses";
    await request(call);
    {
      await using _calling = startCalling();
      await expect.poll(() => arrived(call).calls.length, { timeout: 10_000 }).toBeGreaterThan(0);
      await expect
        .poll(async () => (await kept(call))[1]?.error, { timeout: 10_000 })
        .toMatch(/550/);
    }
    await callOff(call);
    const over = (await kept(call)).filter(({ kind }) => kind === "over");
    expect(over.map(({ path }) => path)).toEqual(["webhook"]);
    await query(own.url, "update call set state = 'withdrawn' where state = 'waiting'");
  });

  test("is told again when it came back and was called for again", async () => {
    const call = wanted();
    const again = { ...call, once: `${call.once}:again` };
    await request(call);
    await query(own.url, "update call set state = 'sent', sent_at = now() where about = $1", [
      call.about,
    ]);
    await callOff(call);
    await request(again);
    await query(own.url, "update call set state = 'sent', sent_at = now() where about = $1", [
      call.about,
    ]);
    await callOff(again);
    const kinds = (await kept(call)).map(({ kind, path }) => `${path} ${kind}`);
    expect(kinds.filter((kind) => kind === "webhook over")).toHaveLength(2);
  });
});

describe("a call without a database", () => {
  test("goes out at once by every path, and has the id that the stored one would have", async () => {
    const call = wanted();
    const outcomes = await caller.callNow(call, new Date(), new AbortController().signal);
    expect(outcomes).toEqual([
      { path: "webhook", error: undefined },
      { path: "smtp", error: undefined },
      { path: "smtp", error: undefined },
    ]);
    await request(call);
    await using _calling = startCalling();
    await expect.poll(() => arrived(call).calls.length, { timeout: 10_000 }).toBe(2);
    expect(new Set(arrived(call).calls.map(({ id }) => id)).size).toBe(1);
    await expect.poll(() => arrived(call).mails.length, { timeout: 10_000 }).toBe(4);
    expect(new Set(arrived(call).mails.map(({ messageId }) => messageId)).size).toBe(2);
  });

  test("says what did not work, and never throws", async () => {
    outside.webhook = "refuses";
    outside.mail = "not-now";
    const outcomes = await caller.callNow(wanted(), new Date(), new AbortController().signal);
    expect(outcomes.map(({ path, error }) => `${path}: ${error}`).join("\n")).toMatch(
      /^webhook: .*401\nsmtp: .*451.*\nsmtp: .*451.*$/,
    );
  });
});

test("calls of long ago are forgotten, and none that still waits", async () => {
  const [old, waiting] = [wanted(), wanted()];
  await request(old);
  await request(waiting);
  await query(
    own.url,
    `update call set called_at = now() - interval '91 days',
       state = case when about = $1 then 'sent' else 'waiting' end where about = any($2)`,
    [old.about, [old.about, waiting.about]],
  );
  await own.database.transaction(forgetCalls);
  expect(await kept(old)).toEqual([]);
  expect(await kept(waiting)).toHaveLength(3);
});
