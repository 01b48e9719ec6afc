import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp, type App } from "../../src/app.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { CHECKS, FAST_ENGINE, testConfig } from "../support/config.ts";
import { brokenCommand, hostileCommand } from "../support/mark.ts";
import { query, readEntries } from "../support/records.ts";

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let app: App;
let log = "";

beforeAll(async () => {
  world = opened.use(await startWorld());
  database = opened.use(await createTestDatabase());
  const directory = opened.use(await temporaryDirectory("first-flight"));
  const config = testConfig({
    data: directory.path,
    environment: {
      ...world.environment,
      OWN_DATABASE: database.url,
      OWN_REDIS: inject("redisUrl"),
    },
    more: `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`,
  });
  app = opened.use(
    await startApp({
      config,
      logger: createLogger(
        (line) => (log += line),
        (text) => text,
      ),
      instance: "test-1",
      signal: new AbortController().signal,
      overrides: { commands: [brokenCommand, hostileCommand] },
    }),
  );
});
afterAll(async () => {
  await opened.disposeAsync();
});

/** Says or taps something and waits for the bot's message that answers it and reads as expected. */
async function answerTo(
  act: () => { readonly messageId?: number; readonly updateId: number },
  reads: RegExp,
  timeoutMs = 15_000,
) {
  const before = new Set(world.telegram.messages().map((message) => message.id));
  act();
  return world.telegram.waitFor(
    () =>
      world.telegram
        .messages()
        .find(
          (message) => message.from.isBot && !before.has(message.id) && reads.test(message.text),
        ),
    { timeoutMs },
  );
}

describe("a preflight asked in the chat", () => {
  test("is GO in a healthy world, with the passes folded and a result entry", async () => {
    const card = await answerTo(() => world.as("operator").say("/preflight"), /· GO/);
    expect(card.text.split("\n")[0]).toBe("🟢 sandbox · GO");
    expect(card.text).toContain(`${CHECKS.length} passed`);
    expect(card.entities.map((entity) => entity.type)).toContain("expandable_blockquote");
    const entries = await readEntries(database.url);
    expect(entries.at(-1)).toMatchObject({
      kind: "run.result",
      operation: "preflight",
      result: "GO",
      actor: { name: "Otto", telegram: "1002", role: "operator", via: "telegram" },
    });
  });

  test("is NO-GO and names a revoked key although the product still answers 200", async () => {
    await world.break("xai-key-revoked");
    try {
      const capture = await fetch(`${world.product.apiUrl}/v1/capture/thought`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${world.product.apiToken}`,
          "content-type": "application/json",
          "idempotency-key": crypto.randomUUID(),
        },
        body: JSON.stringify({ chat_id: "t", source: "api", message: "buy milk" }),
      });
      expect(capture.status).toBe(200);
      const card = await answerTo(() => world.as("operator").say("/preflight"), /NO-GO/);
      expect(card.text).toContain("✗ xai-key-works");
      expect(card.text).toContain(`${CHECKS.length - 1} passed`);
    } finally {
      await world.heal("xai-key-revoked");
    }
  });

  test("is UNKNOWN in time when the API hangs", async () => {
    await world.break("api-hangs");
    try {
      const card = await answerTo(() => world.as("operator").say("/preflight"), /UNKNOWN/, 20_000);
      expect(card.text).toContain("? api-is-live");
      expect(card.text).toContain("? api-is-ready");
    } finally {
      await world.heal("api-hangs");
    }
  });

  test("asks only the checks that are named, and again only those that failed", async () => {
    await world.break("dead-letters-grow");
    const card = await answerTo(
      () => world.as("operator").say("/preflight api-is-live dead-letters-are-none"),
      /NO-GO/,
    );
    expect(card.text).toContain("1 failed, 1 passed");
    await world.heal("dead-letters-grow");
    const again = await answerTo(
      () => world.as("operator").tap({ messageId: card.id, label: "Re-run failed" }),
      /· GO/,
    );
    expect(again.text).toContain("1 passed");
    expect(again.text).toContain("dead-letters-are-none");
  });

  test("tells everything it saw under Details", async () => {
    const card = await answerTo(() => world.as("operator").say("/preflight api-is-live"), /· GO/);
    const details = await answerTo(
      () => world.as("viewer").tap({ messageId: card.id, label: "Details" }),
      /R-\w+ · preflight · GO/,
    );
    expect(details.text).toContain("✓ status: 200");
    expect(details.replyTo?.id).toBe(card.id);
  });
});

describe("what is typed", () => {
  test.each([
    ["/prefligth", "There is no command /prefligth. Did you mean /preflight?"],
    ["/preflight api-is-liv", 'There is no check "api-is-liv". Did you mean api-is-live?'],
    ["/preflight --faild-of R-1", "There is no flag --faild-of; did you mean --failed-of?"],
    ["/runs nonsense!", '"nonsense!" is not the name of a run, such as R-7.'],
    ["/evidence 0", '"0" is not a number of entries.'],
    ["/whoami now", '"now" is one word too many.'],
  ])("%s is answered with what would be right", async (typed, answer) => {
    const message = await answerTo(() => world.as("operator").say(typed), /./);
    expect(message.text).toContain(answer);
  });

  test("beyond one's role is refused by a message to a command and by a toast to a tap", async () => {
    const refusal = await answerTo(() => world.as("viewer").say("/preflight"), /needs the role/);
    expect(refusal.text).toBe("/preflight needs the role operator; you are viewer.");
    const card = await answerTo(() => world.as("operator").say("/preflight api-is-live"), /· GO/);
    const runs = await countRuns();
    const { queryId } = world.as("viewer").tap({ messageId: card.id, label: "Run again" });
    const toast = await world.telegram.waitFor(
      () => world.telegram.callbackAnswers().find((answer) => answer.queryId === queryId),
      { timeoutMs: 5_000 },
    );
    expect(toast).toMatchObject({ text: "/preflight needs the role operator; you are viewer." });
    expect(await countRuns()).toBe(runs);
  });

  test("by nobody we know has no effect and no answer, and is counted", async () => {
    const runs = await countRuns();
    const sent = world.telegram.calls().filter((call) => call.method === "sendMessage").length;
    const before = Object.values(app.refusals()).reduce((sum, count) => sum + count, 0);
    world.as("stranger").say("/preflight");
    world.as("stranger").say("/preflight", { chat: "private" });
    world.as("operator").say("/preflight", {
      extra: { forward_origin: { type: "hidden_user", sender_user_name: "x", date: 1 } },
    });
    const said = world.as("operator").say("hello");
    world.as("operator").edit(said.messageId, "/preflight");
    const counted = (): number =>
      Object.values(app.refusals()).reduce((sum, count) => sum + count, 0);
    await expect.poll(counted, { timeout: 5_000 }).toBe(before + 4);
    expect(app.refusals()).toMatchObject({ stranger: 2, forwarded: 1, edited: 1 });
    expect(await countRuns()).toBe(runs);
    const sentAfter = world.telegram.calls().filter((call) => call.method === "sendMessage");
    expect(sentAfter).toHaveLength(sent);
  });

  test("an hour ago is not run but offered", async () => {
    const runs = await countRuns();
    const stale = await answerTo(
      () =>
        world.as("operator").say("/preflight api-is-live", {
          date: new Date(Date.now() - 3_600_000),
        }),
      /Not run/,
    );
    expect(stale.text).toContain("Not run: /preflight api-is-live");
    expect(await countRuns()).toBe(runs);
    const card = await answerTo(
      () => world.as("operator").tap({ messageId: stale.id, label: "Run it now" }),
      /· GO/,
    );
    expect(card.text).toContain("1 passed");
  });

  test("that breaks its handler is answered after a few tries, and blocks nobody", async () => {
    const broken = world.as("viewer").say("/broken");
    const other = await answerTo(() => world.as("viewer").say("/whoami"), /Vera · viewer/);
    expect(other.text).toContain("Telegram id 1001");
    const { rows } = await query<{ attempts: number; state: string }>(
      database.url,
      "select attempts, state from inbox where update_id = $1",
      [broken.updateId],
    );
    expect(rows[0]).toMatchObject({ state: "received" });
    expect(rows[0]?.attempts).toBeGreaterThan(0);
  });
});

describe("hostile text", () => {
  test("is shown whole, with everything hidden in it made visible and nothing of it taken for markup", async () => {
    const message = await answerTo(() => world.as("viewer").say("/hostile 3"), /hostile/);
    expect(message.text).toContain("שלום `code` *bold* <b> ⟨U+202E⟩gnp.exe⟨U+202C⟩ ⟨U+0000⟩ _x_");
    expect(message.text).toContain("2 שלום");
    expect(message.file).toBeUndefined();
    const types = message.entities.map((entity) => entity.type);
    expect(types.toSorted()).toEqual(["bold", "bold", "pre"]);
  });

  test("of more than a message holds comes as a file, whole", async () => {
    const message = await answerTo(() => world.as("viewer").say("/hostile 300"), /hostile/);
    expect(message.file).toBeDefined();
    const file = world.telegram.file(message.file?.fileId ?? "");
    const content = Buffer.from(file?.bytes ?? []).toString("utf8");
    expect(content).toContain("0 שלום");
    expect(content).toContain("299 שלום");
    for (const hidden of ["\u202E", "\u0000"]) expect(content).not.toContain(hidden);
  });
});

describe("delivery", () => {
  test("an update delivered again, and out of order, runs once", async () => {
    const runs = await countRuns();
    const held = world.telegram.hold();
    const first = world.as("operator").say("/preflight api-is-live");
    const second = world.as("operator").say("/preflight api-is-ready");
    held.release([second.updateId, first.updateId]);
    await world.telegram.waitFor(
      () =>
        [first, second].every((said) =>
          world.telegram
            .messages()
            .some((message) => message.replyTo?.id === said.messageId && /GO/.test(message.text)),
        ) || undefined,
      { timeoutMs: 15_000 },
    );
    world.telegram.redeliver(first.updateId, second.updateId, first.updateId);
    await answerTo(() => world.as("viewer").say("/whoami"), /Vera/);
    expect(await countRuns()).toBe(runs + 2);
  });

  test("a double tap of one button runs twice only if Telegram says that it was tapped twice", async () => {
    const card = await answerTo(() => world.as("operator").say("/preflight api-is-live"), /· GO/);
    const runs = await countRuns();
    const { updateId } = world.as("operator").tap({ messageId: card.id, label: "Run again" });
    world.telegram.redeliver(updateId, updateId);
    await answerTo(() => world.as("viewer").say("/whoami"), /Vera/);
    expect(await countRuns()).toBe(runs + 1);
  });

  test("a message whose answer was lost arrives once more, and says so", async () => {
    await allIsSaid();
    using _fault = world.telegram.faults.add({
      method: "sendMessage",
      kind: "lost-answer",
      times: 1,
    });
    const before = world.telegram.messages().length;
    world.as("viewer").say("/whoami");
    const copies = await world.telegram.waitFor(
      () => {
        const sent = world.telegram
          .messages()
          .slice(before)
          .filter((message) => message.from.isBot);
        return sent.length === 2 ? sent : undefined;
      },
      { timeoutMs: 15_000 },
    );
    expect(copies.map((message) => message.text.includes("(resent)"))).toEqual([false, true]);
  });

  test("waits as long as Telegram asks, and loses nothing", async () => {
    await allIsSaid();
    using _fault = world.telegram.faults.add({
      method: "sendMessage",
      kind: "rate-limit",
      retryAfter: 1,
      times: 2,
    });
    const answer = await answerTo(() => world.as("viewer").say("/whoami"), /Vera/);
    expect(answer.text).not.toContain("(resent)");
  });
});

describe("what is kept", () => {
  test("holds no update in clear once it is handled, and no secret at all", async () => {
    await answerTo(() => world.as("operator").say("/preflight"), /GO/);
    const { rows } = await query<{ sealed: Buffer | null; state: string }>(
      database.url,
      "select sealed, state from inbox where state = 'handled'",
    );
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.every((row) => row.sealed === null)).toBe(true);

    const tables = ["inbox", "run", "run_step", "outbox", "evidence", "sample"];
    const dumps = await Promise.all(
      tables.map(async (table) => query(database.url, `select t::text from ${table} t`)),
    );
    const kept = JSON.stringify(dumps.map((dump) => dump.rows));
    const shown = JSON.stringify(world.telegram.messages());
    for (const secret of world.secrets) {
      expect(kept.includes(secret)).toBe(false);
      expect(shown.includes(secret)).toBe(false);
      expect(log.includes(secret)).toBe(false);
    }
  });

  test("cannot be rewritten", async () => {
    for (const sql of [
      "update evidence set canonical = '{}'",
      "delete from evidence",
      "truncate evidence",
    ]) {
      await expect(query(database.url, sql)).rejects.toThrow("append-only");
    }
    expect((await readEntries(database.url)).length).toBeGreaterThan(3);
  });

  test("broke none of Telegram's rules on the way", () => {
    expect(world.telegram.violations()).toEqual([]);
  });
});

/** A fault of the next message must not befall one that an earlier test left behind. */
async function allIsSaid(): Promise<void> {
  const open = async (): Promise<number> =>
    (
      await query(
        database.url,
        `select from outbox where wanted_version > sent_version and abandoned_because is null
         union all select from run where ended_at is null`,
      )
    ).rows.length;
  await expect.poll(open, { timeout: 15_000 }).toBe(0);
}

async function countRuns(): Promise<number> {
  const { rows } = await query<{ count: string }>(database.url, "select count(*) from run");
  return Number(rows[0]?.count);
}
