import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { sendDue } from "../../src/bot/sender.ts";
import { createTelegram } from "../../src/bot/telegram.ts";
import { plainCard } from "../../src/core/card.ts";
import { Secret } from "../../src/core/secret.ts";
import { createBell } from "../../src/core/waiting.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { backupStocked, knowBackup } from "../../src/storage/backup.ts";
import { openDatabase, type Database } from "../../src/storage/database.ts";
import { keepDrill } from "../../src/storage/drill.ts";
import { migrate } from "../../src/storage/migrate.ts";
import { showSubject } from "../../src/storage/outbox.ts";
import { forgetSamples, keepSamples, newestSamples, peaks } from "../../src/storage/sample.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { configText, FAST_ENGINE, testConfig } from "../support/config.ts";
import { query, readEntries } from "../support/records.ts";

const execute = promisify(execFile);
const HOUR_MS = 3_600_000;

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let storage: Database;
let environment: Readonly<Record<string, string>>;
let directory: string;

beforeAll(async () => {
  world = opened.use(await startWorld());
  database = opened.use(await createTestDatabase());
  directory = opened.use(await temporaryDirectory("status")).path;
  environment = {
    ...world.environment,
    OWN_DATABASE: database.url,
    OWN_REDIS: inject("redisUrl"),
  };
  storage = opened.use(
    openDatabase({
      url: new Secret(database.url),
      clock: (now) => now,
      onIdleError: () => undefined,
    }),
  );
  await migrate(new Secret(database.url), () => undefined);
  const old = { check: "a", status: "pass", durationMs: 1, measurements: [] } as const;
  await storage.transaction(async (tx, now) =>
    keepSamples(tx, new Date(now.getTime() - 31 * 24 * HOUR_MS), "long ago", [old]),
  );
  opened.use(
    await startApp({
      config: testConfig({ data: directory, environment, more }),
      logger: createLogger(
        () => undefined,
        (text) => text,
      ),
      instance: "test-1",
      signal: new AbortController().signal,
    }),
  );
});
afterAll(async () => {
  await opened.disposeAsync();
});
beforeEach(async () => {
  await query(database.url, "delete from sample where target = 'sandbox'");
});

const more = `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`;

/** Does something and waits for the bot's next message that reads as expected. */
async function answerTo(act: () => unknown, reads: RegExp) {
  const before = new Set(world.telegram.messages().map((message) => message.id));
  act();
  return world.telegram.waitFor(
    () =>
      world.telegram
        .messages()
        .find(({ id, from, text }) => from.isBot && !before.has(id) && reads.test(text)),
    { timeoutMs: 20_000 },
  );
}

const status = async (reads = /sandbox · (healthy|failing|unknown)/) =>
  answerTo(() => world.as("viewer").say("/status"), reads);

const preflight = async (checks = "") =>
  answerTo(() => world.as("operator").say(`/preflight ${checks}`.trim()), /· (GO|NO-GO|UNKNOWN)/);

/** Taps a button of a message and waits until that message reads as expected. */
async function edited(messageId: number, label: string, reads: RegExp) {
  world.as("viewer").tap({ messageId, label });
  return world.telegram.waitFor(
    () => world.telegram.messages().find(({ id, text }) => id === messageId && reads.test(text)),
    { timeoutMs: 20_000 },
  );
}

/** What the button of a message sends, for a message that is gone by the time it is tapped. */
function refreshOf(board: ReturnType<World["telegram"]["messages"]>[number]): string {
  const refresh = board.buttons.flat().find(({ label }) => label === "Refresh");
  if (refresh?.action.kind !== "callback") throw new Error("The board has no Refresh.");
  return refresh.action.data;
}

describe("a board asked for in the chat", () => {
  test("knows nothing before anybody looked, and is not green", async () => {
    const board = await status();
    const lines = board.text.split("\n");
    expect(lines[0]).toBe("🟡 sandbox · unknown");
    expect(lines).toContain("? api · not looked yet");
    expect(board.text).not.toContain("✓");
    expect(lines.length).toBeLessThanOrEqual(12);
    expect(board.replyTo?.text).toBe("/status");
  });

  test("tells what a preflight has just seen, with its age", async () => {
    await preflight();
    const board = await status();
    expect(board.text.split("\n")[0]).toBe("🟢 sandbox · healthy");
    expect(board.text).toMatch(/✓ api · latency \d+ms · (just now|\d+s ago)/);
    expect(board.text).toMatch(/✓ queue · default_queue 0 jobs · /);
    expect(board.text).toMatch(/Last preflight GO · R-\w+ · /);
    expect(board.text).toMatch(/as of \d\d:\d\d:\d\d$/);
    expect(board.text.split("\n").length).toBeLessThanOrEqual(12);
  });

  test("tells how far back the last backup goes, and what the last drill came to", async () => {
    const before = await status();
    expect(before.text).toContain("No backup yet · no drill yet");
    // A drill is kept with its run; any run will do.
    await preflight();
    const [{ id: runId } = { id: "" }] = (await query(database.url, "select id from run limit 1"))
      .rows as { id: string }[];
    await storage.transaction(async (tx, now) => {
      const hoursAgo = (hours: number): Date => new Date(now.getTime() - hours * HOUR_MS);
      const known = {
        bytes: 1,
        sha256: "a",
        run: "R-1",
        tables: 1,
        rows: 1,
        tookMs: 1,
        readBackAt: now,
      };
      await knowBackup(tx, "sandbox", {
        ...known,
        id: "20261122T030405Z",
        snapshotAt: hoursAgo(5),
      });
      await knowBackup(tx, "sandbox", {
        ...known,
        id: "20261123T030405Z",
        snapshotAt: hoursAgo(1),
      });
      await backupStocked(tx, "sandbox", "20261123T030405Z", "its bytes are not in the bucket");
      const drill = { runId, backup: "20261122T030405Z", verdict: "FAILED" as const };
      const times = { snapshotAt: hoursAgo(5), recoveryMs: 1, lossMs: 1 };
      await keepDrill(tx, hoursAgo(2), "sandbox", { ...drill, ...times });
    });
    const after = await status();
    expect(after.text).toContain("Last backup 5h ago · last drill FAILED · 2h ago");
    await query(database.url, "delete from drill; delete from backup");
  });

  test("puts what fails on top, by name", async () => {
    await world.break("xai-key-revoked");
    try {
      await preflight();
      const lines = (await status()).text.split("\n");
      expect(lines[0]).toBe("🔴 sandbox · failing");
      expect(lines[1]).toMatch(/^✗ \S+ · xai-key-works · /);
      expect(lines.join("\n")).toContain("✓ api");
    } finally {
      await world.heal("xai-key-revoked");
    }
  });

  test("says of how many of a group nobody looked yet", async () => {
    await preflight("api-is-live");
    const board = await status();
    expect(board.text.split("\n")[0]).toBe("🟡 sandbox · unknown");
    expect(board.text).toMatch(/\? api · \d of \d · not looked yet/);
  });

  test("is not green from a sample that is too old", async () => {
    await preflight();
    await query(database.url, "update sample set at = at - interval '100 hours'");
    const board = await status();
    expect(board.text.split("\n")[0]).toBe("🟡 sandbox · unknown");
    expect(board.text).toMatch(/\? api · stale · 4d 4h ago/);
    expect(board.text).not.toContain("✓");
  });

  test("is an entry, with who asked and what was shown", async () => {
    await preflight("api-is-live");
    const said: { updateId?: number } = {};
    await answerTo(() => {
      const { updateId } = world.as("viewer").say("/status");
      said.updateId = updateId;
      return { updateId };
    }, /sandbox · unknown/);
    const entry = (await readEntries(database.url)).at(-1);
    expect(entry).toMatchObject({
      kind: "status.read",
      operation: "status",
      target: "sandbox",
      result: "unknown",
      actor: { name: "Vera", telegram: "1001", role: "viewer", via: "telegram" },
      facts: { pass: "api-is-live" },
    });
    expect(entry?.facts["unknown"]).toContain("api-is-ready");
  });
});

describe("its buttons", () => {
  test("Refresh brings the same message up to date, and is no entry", async () => {
    const board = await status();
    expect(board.text).toContain("? api · not looked yet");
    await preflight();
    const entries = (await readEntries(database.url)).length;
    const messages = world.telegram.messages().length;
    const refreshed = await edited(board.id, "Refresh", /sandbox · healthy/);
    expect(refreshed.edits).toBe(1);
    expect(refreshed.text).toContain("✓ api · ");
    expect(world.telegram.messages()).toHaveLength(messages);
    expect(await readEntries(database.url)).toHaveLength(entries);
  });

  test("Refresh of an old board leaves a newer one as it is", async () => {
    const old = await status();
    const newer = await status();
    await preflight();
    await edited(old.id, "Refresh", /healthy/);
    const untouched = world.telegram.messages().find(({ id }) => id === newer.id);
    expect(untouched?.text).toBe(newer.text);
  });

  test("Refresh, tapped again and again, is one message and every tap is answered", async () => {
    const board = await status();
    const taps = Array.from({ length: 5 }, () =>
      world.as("viewer").tap({ messageId: board.id, label: "Refresh" }),
    );
    await world.telegram.waitFor(
      () =>
        taps.every(({ queryId }) =>
          world.telegram.callbackAnswers().some((answer) => answer.queryId === queryId),
        ) || undefined,
      { timeoutMs: 20_000 },
    );
    const boards = world.telegram.messages().filter(({ replyTo }) => replyTo?.id === board.id);
    expect(boards).toEqual([]);
  });

  test("Refresh of a board that never was opens none", async () => {
    const answer = await answerTo(() => world.as("viewer").say("/status --refresh tg-0"), /board/);
    expect(answer.text).toBe("That board is no longer kept; /status shows a new one.");
  });

  test("a board that was deleted comes back when it is refreshed", async () => {
    const board = await status();
    const { SANDBOX_TELEGRAM_URL: url, FLIGHTDECK_BOT_TOKEN: token } = environment;
    const deleted = await fetch(`${url}/bot${token}/deleteMessage`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ chat_id: board.chatId, message_id: board.id }),
    });
    expect(deleted.status).toBe(200);
    const again = await answerTo(
      () => world.as("viewer").tap({ messageId: board.id, data: refreshOf(board) }),
      /sandbox · unknown/,
    );
    expect(again.id).not.toBe(board.id);
  });

  test("Ask now is a preflight, which a viewer may not start and an operator may", async () => {
    const board = await status();
    const { queryId } = world.as("viewer").tap({ messageId: board.id, label: "Ask now" });
    const toast = await world.telegram.waitFor(
      () => world.telegram.callbackAnswers().find((answer) => answer.queryId === queryId),
      { timeoutMs: 10_000 },
    );
    expect(toast.text).toBe("/preflight needs the role operator; you are viewer.");
    const card = await answerTo(
      () => world.as("operator").tap({ messageId: board.id, label: "Ask now" }),
      /· GO/,
    );
    expect(card.text).toContain("passed");
  });

  test("Chart sends a picture of the day with its numbers in words, and is no entry", async () => {
    const board = await status();
    await preflight();
    const entries = (await readEntries(database.url)).length;
    const chart = await answerTo(
      () => world.as("viewer").tap({ messageId: board.id, label: "Chart" }),
      /last 24 h/,
    );
    expect(chart.file).toMatchObject({ isPhoto: true });
    const png = Buffer.from(world.telegram.file(chart.file?.fileId ?? "")?.bytes ?? []);
    expect(png.readUInt32BE(16)).toBe(1000);
    expect(chart.text).toMatch(/api · last \d+ms, highest \d+ms, limit 5s/);
    expect(chart.text).toContain("default_queue · last 0, highest 0, limit 50");
    expect(chart.replyTo?.id).toBe(board.id);
    expect(await readEntries(database.url)).toHaveLength(entries);
    const { rows } = await query(
      database.url,
      "select message_kind from outbox where message_id = $1",
      [chart.id],
    );
    expect(rows).toEqual([{ message_kind: "photo" }]);
  });

  test("Chart says so when there is nothing to draw", async () => {
    const board = await status();
    const chart = await answerTo(
      () => world.as("viewer").tap({ messageId: board.id, label: "Chart" }),
      /last 24 h/,
    );
    expect(chart.file).toBeUndefined();
    expect(chart.text).toContain("there is nothing to draw");
  });
});

describe("who may look", () => {
  test("is no stranger", async () => {
    const answers = (): number => world.telegram.messages().filter(({ from }) => from.isBot).length;
    const before = answers();
    world.as("stranger").say("/status");
    world.as("stranger").say("/status", { chat: "private" });
    // Updates are handled in order: an answer to who came later means that the stranger was turned away.
    await answerTo(() => world.as("viewer").say("/whoami"), /Vera/);
    expect(answers()).toBe(before + 1);
    expect(
      world
        .as("stranger")
        .messages("private")
        .filter(({ from }) => from.isBot),
    ).toEqual([]);
  });

  test("is an operator at a terminal as well, and it is an entry too", async () => {
    await preflight();
    const file = join(directory, "config.yaml");
    await writeFile(file, configText({ data: directory, more }));
    const { stdout } = await execute(
      process.execPath,
      ["src/main.ts", "status", "--config", file],
      {
        cwd: join(import.meta.dirname, "../.."),
        // The sandbox's configuration maps the user of this machine to Otto, the operator.
        env: { PATH: process.env["PATH"], USER: process.env["USER"] ?? "root", ...environment },
      },
    );
    expect(stdout.split("\n")[0]).toBe("🟢 sandbox · healthy");
    expect(stdout).toMatch(/✓ api · latency \d+ms · /);
    const entry = (await readEntries(database.url)).at(-1);
    expect(entry).toMatchObject({
      kind: "status.read",
      result: "healthy",
      actor: { name: "Otto", via: "cli" },
    });
  });
});

describe("a picture that cannot be painted", () => {
  test("is told in words instead, and the trouble is reported", async () => {
    await using own = await createTestDatabase();
    const url = new Secret(own.url);
    await migrate(url, () => undefined);
    await using outbox = openDatabase({
      url,
      clock: (now) => now,
      onIdleError: () => undefined,
    });
    const { telegram } = testConfig({ data: directory, environment, more }).settings;
    const { chatId } = await status();
    const place = { chatId, topicId: undefined, replyTo: undefined };
    const problems: string[] = [];
    const stopping = new AbortController();
    const chart = { title: "t", from: new Date(0), to: new Date(1), timeZone: "UTC", panels: [] };
    await outbox.transaction(async (tx, now) => showSubject(tx, now, "chart:unpainted", place));
    const sender = {
      api: createTelegram(telegram),
      database: outbox,
      scrub: (text: string) => text,
      bell: createBell(),
      groupPerMinute: 20,
      onMoved: async () => undefined,
      draw: async () => ({ card: plainCard("in words"), chart }),
      paint: async () => Promise.reject(new Error("no ink")),
      onError: (error: unknown, during: string) => problems.push(`${during}: ${String(error)}`),
    };
    const sending: Promise<void>[] = [];
    const told = await answerTo(() => {
      sending.push(sendDue(sender, stopping.signal));
    }, /in words/);
    stopping.abort();
    await Promise.all(sending);
    expect(told.file).toBeUndefined();
    expect(problems).toEqual(["drawing chart:unpainted: Error: no ink"]);
  });
});

describe("samples", () => {
  const sample = { check: "a", status: "pass", durationMs: 1, measurements: [] } as const;
  const now = new Date("2026-11-23T04:50:00Z");
  const ago = (ms: number): Date => new Date(now.getTime() - ms);

  test("of long ago are swept by the running bot", async () => {
    const left = async (): Promise<number> =>
      (await query(database.url, "select from sample where target = 'long ago'")).rows.length;
    await expect.poll(left, { timeout: 10_000 }).toBe(0);
  });

  test("are kept for thirty days and no longer", async () => {
    const left = await storage.transaction(async (tx) => {
      await keepSamples(tx, ago(30 * 24 * HOUR_MS + 1), "t", [{ ...sample, check: "old" }]);
      await keepSamples(tx, ago(30 * 24 * HOUR_MS - 1), "t", [{ ...sample, check: "young" }]);
      await forgetSamples(tx, now);
      return newestSamples(tx, "t", ["old", "young"]);
    });
    expect(left.map(({ check }) => check)).toEqual(["young"]);
  });

  test("are read as the newest of each check that is asked for, of this target alone", async () => {
    const read = await storage.transaction(async (tx) => {
      await keepSamples(tx, ago(2_000), "t", [{ ...sample, status: "fail" }]);
      await keepSamples(tx, ago(1_000), "t", [{ ...sample, reason: "because", status: "unknown" }]);
      await keepSamples(tx, ago(500), "other", [sample]);
      await keepSamples(tx, ago(500), "t", [{ ...sample, check: "b" }]);
      return newestSamples(tx, "t", ["a", "c"]);
    });
    expect(read).toEqual([
      {
        check: "a",
        status: "unknown",
        at: ago(1_000),
        durationMs: 1,
        reason: "because",
        measurements: [],
      },
    ]);
  });

  test("keep their peak when a day is looked at from afar", async () => {
    const window = { from: ago(24 * HOUR_MS), to: now, binMs: 300_000 };
    const measured = (value: number) => [
      { ...sample, measurements: [{ name: "latencyMs", value }] },
    ];
    const read = await storage.transaction(async (tx) => {
      await keepSamples(tx, ago(25 * HOUR_MS), "t", measured(9_999));
      await keepSamples(tx, ago(HOUR_MS), "t", measured(40));
      await keepSamples(tx, ago(HOUR_MS - 30_000), "t", measured(488.5));
      await keepSamples(tx, ago(HOUR_MS - 60_000), "t", measured(41));
      await keepSamples(tx, ago(1_000), "t", measured(7));
      return peaks(tx, "t", ["a"], window);
    });
    expect(read).toEqual([
      { check: "a", name: "latencyMs", at: ago(HOUR_MS), value: 488.5 },
      { check: "a", name: "latencyMs", at: ago(300_000), value: 7 },
    ]);
  });
});

test("nothing of all this broke a rule of Telegram's", () => {
  expect(world.telegram.violations()).toEqual([]);
});
