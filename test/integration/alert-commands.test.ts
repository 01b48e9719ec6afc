import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { alertName } from "../../src/core/alert-name.ts";
import type { Alert } from "../../src/core/alert.ts";
import { Secret } from "../../src/core/secret.ts";
import { alertSubject } from "../../src/jobs/watch/alert-subject.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { changeAlert, countSteps, findAlert, openAlert } from "../../src/storage/alert.ts";
import { openDatabase, type Database } from "../../src/storage/database.ts";
import { openSubject } from "../../src/storage/outbox.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { FAST_ENGINE, testConfig } from "../support/config.ts";
import { query, readEntries } from "../support/records.ts";

const opened = new AsyncDisposableStack();
const IN_TIME = { timeoutMs: 20_000 };
const OPS = -1_001_000_000_001;
let world: World;
let database: TestDatabase;
let storage: Database;

/** No watch runs here: alerts are put where it would have put them, and stay as they are. */
beforeAll(async () => {
  world = opened.use(await startWorld());
  database = opened.use(await createTestDatabase());
  const directory = opened.use(await temporaryDirectory("alerts"));
  const config = testConfig({
    data: directory.path,
    environment: {
      ...world.environment,
      OWN_DATABASE: database.url,
      OWN_REDIS: inject("redisUrl"),
    },
    more: [
      "database: ${env:OWN_DATABASE}",
      "redis: ${env:OWN_REDIS}",
      FAST_ENGINE,
      "maintenance:",
      '  - { name: always-at-work, cron: "0 0 * * *", lasts: 23h59m, checks: [todoist-token-works] }',
    ].join("\n"),
  });
  storage = opened.use(
    openDatabase({
      url: new Secret(database.url),
      clock: (now) => now,
      onIdleError: () => undefined,
    }),
  );
  opened.use(
    await startApp({
      config,
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
  await query(database.url, "delete from silence");
  await query(database.url, "delete from alert");
});

const botMessages = () => world.telegram.messages().filter(({ from }) => from.isBot);

type Message = ReturnType<typeof botMessages>[number];

/** Does something and waits for the bot's next message that reads as expected. */
async function answerTo(act: () => unknown, reads: RegExp): Promise<Message> {
  const before = new Set(botMessages().map(({ id }) => id));
  act();
  return world.telegram.waitFor(
    () => botMessages().find(({ id, text }) => !before.has(id) && reads.test(text)),
    IN_TIME,
  );
}

const say = async (
  text: string,
  reads: RegExp,
  who: "viewer" | "operator" | "approver" = "operator",
) => answerTo(() => world.as(who).say(text), reads);

/** A message that reads as expected by now, edited or not. */
async function reads(messageId: number, text: RegExp): Promise<Message> {
  return world.telegram.waitFor(
    () => botMessages().find((message) => message.id === messageId && text.test(message.text)),
    IN_TIME,
  );
}

async function toast(queryId: string): Promise<string | undefined> {
  const answer = await world.telegram.waitFor(
    () => world.telegram.callbackAnswers().find((one) => one.queryId === queryId),
    IN_TIME,
  );
  return answer.text;
}

/** A page that fires in the chat, with its card. */
async function raise(
  check: string,
  change: Partial<Alert> = {},
): Promise<{ readonly id: string; readonly name: string; readonly card: Message }> {
  const before = new Set(botMessages().map(({ id }) => id));
  const id = await storage.transaction(async (tx, now) => {
    const alert = {
      state: "firing",
      since: now,
      lookedAt: now,
      trouble: { kind: "down", seen: `what ${check} saw` },
      goodSince: undefined,
      relapses: 0,
      behind: undefined,
      firedAt: now,
      toldAt: now,
      owesWord: false,
      ...change,
    } as Alert;
    const about = { target: "sandbox", check, severity: "page" } as const;
    const made = await openAlert(tx, about, alert);
    // Nobody is left to be called for it, so what is said here is what commands say.
    await countSteps(tx, [made], 99);
    const place = { chatId: OPS, topicId: undefined, replyTo: undefined };
    await openSubject(tx, now, alertSubject(made), place, { silent: true });
    return made;
  });
  const card = await world.telegram.waitFor(
    () => botMessages().find((message) => !before.has(message.id) && message.text.includes(check)),
    IN_TIME,
  );
  return { id, name: alertName(id), card };
}

async function resolve(id: string): Promise<void> {
  await storage.transaction(async (tx, now) => {
    const kept = await findAlert(tx, id, "for update");
    if (kept === undefined || kept.alert.state === "pending") throw new Error("It never fired.");
    const over = { ...kept.alert, state: "resolved", resolvedAt: now } as const;
    await changeAlert(tx, id, over, false);
  });
}

async function stateOf(id: string): Promise<string | undefined> {
  return (await storage.transaction(async (tx) => findAlert(tx, id)))?.alert.state;
}

async function lastEntry() {
  return (await readEntries(database.url)).at(-1);
}

const commandsOf = (message: Message): readonly string[] =>
  message.buttons.flat().map(({ label }) => label);

describe("the card of an alert", () => {
  test("is taken on by a tap: card, state and entry say who has it, and nothing new is said", async () => {
    const { id, name, card } = await raise("api-is-ready");
    expect(card.text.split("\n")[0]).toMatch(/^🔴 sandbox · api-is-ready fails since \d\d:\d\d$/);
    expect(commandsOf(card)).toEqual(["Ack", "Silence…", "Details", "Chart", "Smoke"]);
    const count = botMessages().length;
    world.as("operator").tap({ messageId: card.id, label: "Ack" });
    const taken = await reads(card.id, /👤 sandbox · api-is-ready .* · Otto has it/);
    expect(commandsOf(taken)).not.toContain("Ack");
    expect(botMessages()).toHaveLength(count);
    expect(await stateOf(id)).toBe("acknowledged");
    expect(await lastEntry()).toMatchObject({
      kind: "alert.acknowledged",
      operation: "ack",
      actor: { name: "Otto" },
      facts: { alert: name, check: "api-is-ready", severity: "page" },
    });
  });

  test("refuses a viewer, to that person alone", async () => {
    const { id, card } = await raise("api-is-ready");
    const count = botMessages().length;
    for (const label of ["Ack", "Silence…"]) {
      const { queryId } = world.as("viewer").tap({ messageId: card.id, label });
      expect(await toast(queryId)).toMatch(
        /^\/(ack|silence) needs the role operator; you are viewer\.$/,
      );
    }
    expect(botMessages()).toHaveLength(count);
    expect(await stateOf(id)).toBe("firing");
  });

  test("tells the second who taps that somebody has it, and the third that it is over", async () => {
    const { id, name, card } = await raise("api-is-ready");
    world.as("operator").tap({ messageId: card.id, label: "Ack" });
    world.as("approver").tap({ messageId: card.id, label: "Ack" });
    await reads(card.id, /Otto has it/);
    await say(`/ack ${name}`, /was taken by Otto at \d\d:\d\d\./, "approver");
    await say("/ack api-is-ready", /was taken by you at/);
    await resolve(id);
    await say(`/ack ${name}`, /\(api-is-ready\) is over since/);
    const taken = (await readEntries(database.url)).filter(
      ({ kind, facts }) => kind === "alert.acknowledged" && facts["alert"] === name,
    );
    expect(taken.map(({ actor }) => actor.name)).toEqual(["Otto"]);
  });

  test("shows its chart and its details, each as a message of its own", async () => {
    const { card } = await raise("xai-key-works");
    await world.break("xai-key-revoked");
    try {
      const details = await answerTo(
        () => world.as("viewer").tap({ messageId: card.id, label: "Details" }),
        /🔴 sandbox · xai-key-works fails now/,
      );
      expect(details.text).toContain("Runbook docs/runbooks/xai-key-works.md");
      expect(details.text).toMatch(/No dead letters\./);
      await answerTo(
        () => world.as("viewer").tap({ messageId: card.id, label: "Chart" }),
        /sandbox · xai-key-works · last 24 h/,
      );
    } finally {
      await world.heal("xai-key-revoked");
    }
  });
});

describe("/ack", () => {
  test("by name or by check takes an alert on and says so where it was typed", async () => {
    const { name, card } = await raise("api-is-ready");
    const answer = await say("/ack api-is-ready", /^👤 Otto has A-/);
    expect(answer.text).toContain(`Otto has ${name}`);
    expect(answer.replyTo?.text).toBe("/ack api-is-ready");
    await reads(card.id, /Otto has it/);
  });

  test("without a name brings buttons to pick from", async () => {
    await say("/ack", /nothing fires that nobody has/);
    const first = await raise("api-is-ready");
    const second = await raise("todoist-token-works");
    const choice = await say("/ack", /which alert do you take on\?/);
    expect(commandsOf(choice)).toEqual([
      `${first.name} api-is-ready`,
      `${second.name} todoist-token-works`,
    ]);
    world.as("operator").tap({ messageId: choice.id, label: `${second.name} todoist-token-works` });
    await reads(second.card.id, /Otto has it/);
    expect([await stateOf(first.id), await stateOf(second.id)]).toEqual(["firing", "acknowledged"]);
  });

  test.each([
    ["/ack A-ZZZZ", /There is no alert A-ZZZZ of sandbox\./],
    ["/ack api-is-live", /api-is-live never had an alert\./],
  ])("of what is not there is refused: %s", async (text, answer) => {
    const before = (await readEntries(database.url)).length;
    expect((await say(text, answer)).replyTo?.text).toBe(text);
    expect(await readEntries(database.url)).toHaveLength(before);
  });
});

describe("/silence", () => {
  test("shows what it would hide now, and hides nothing before the second tap", async () => {
    const { id, name, card } = await raise("api-is-ready");
    const shown = await answerTo(
      () => world.as("operator").tap({ messageId: card.id, label: "Silence…" }),
      /silence api-is-ready\?/,
    );
    expect(shown.text).toMatch(/Fires now:\nA-\w+ api-is-ready fails since/);
    expect(commandsOf(shown)).toEqual(["1h", "4h", "Until resolved"]);
    expect((await query(database.url, "select from silence")).rowCount).toBe(0);

    const set = await answerTo(
      () => world.as("operator").tap({ messageId: shown.id, label: "4h" }),
      /🔕 sandbox · api-is-ready silent until \d\d:\d\d|silent until \d+ \w+ \d\d:\d\d/,
    );
    await reads(card.id, /^🔕 sandbox · api-is-ready fails[^]*Silenced until .* by Otto\./);
    expect(await lastEntry()).toMatchObject({
      kind: "silence.set",
      actor: { name: "Otto" },
      facts: { checks: "api-is-ready", hides: name },
    });
    expect((await lastEntry())?.facts).not.toHaveProperty("reason");

    // The same again is nothing new.
    const { queryId } = world.as("operator").tap({ messageId: shown.id, label: "4h" });
    expect(await toast(queryId)).toMatch(/silent until .* already, set by Otto/);

    const [unsilence] = commandsOf(set);
    const end = await answerTo(
      () => world.as("approver").tap({ messageId: set.id, label: unsilence ?? "" }),
      /🔔 sandbox · api-is-ready may speak again/,
    );
    expect(end.text).toContain("Ada ended what Otto had set.");
    await reads(card.id, /^🔴 sandbox · api-is-ready fails/);
    expect(await lastEntry()).toMatchObject({ kind: "silence.ended", actor: { name: "Ada" } });
    expect(await stateOf(id)).toBe("firing");
  });

  test("with a length and a reason asks once more, and keeps the reason", async () => {
    await raise("api-is-ready");
    const shown = await say("/silence all 2h deploy", /silence all checks\?[^]*Reason: deploy/);
    expect(commandsOf(shown)).toEqual(["2h"]);
    await answerTo(
      () => world.as("operator").tap({ messageId: shown.id, label: "2h" }),
      /all checks silent until [^]*Set by Otto: deploy/,
    );
    expect((await lastEntry())?.facts).toMatchObject({ checks: "all", reason: "deploy" });
    const list = await say("/alerts", /nothing fires, 1 silenced/, "viewer");
    expect(list.text).toMatch(/🔕 \d+ all checks until .* · Otto: deploy/);
  });

  test("of what does not fit a button is set by typing it with --set", async () => {
    const reason = "the disk of the database is replaced by a larger one";
    const shown = await say(`/silence postgres-accepts-connections 1d ${reason}`, /type it:/);
    const typed = /type it: (\/silence .*--set)/.exec(shown.text)?.[1] ?? "";
    await say(typed, /postgres-accepts-connections silent until/);
    expect((await lastEntry())?.facts).toMatchObject({ reason });
  });

  test("until it is over ends with its alert, and says so without a sound", async () => {
    const { id, name } = await raise("api-is-ready");
    await say(`/silence ${name} until-resolved --set`, /api-is-ready silent until it is over/);
    expect(
      (await query(database.url, "select from silence where alert_id = $1", [id])).rowCount,
    ).toBe(1);
    const end = await answerTo(
      () => void resolve(id),
      /🔔 sandbox · the silence of api-is-ready has ended/,
    );
    expect(end).toMatchObject({ silent: true });
    expect(end.text).toContain("Its alert is over.");
    expect(await lastEntry()).toMatchObject({ kind: "silence.ended", actor: { name: "watch" } });
  });

  test("that has run out says so, and that something fires there", async () => {
    await raise("api-is-ready");
    await say("/silence api-is-ready 1h --set", /api-is-ready silent until/);
    const end = await answerTo(
      () => void query(database.url, "update silence set until = now() where ended_at is null"),
      /the silence of api-is-ready has ended/,
    );
    expect(end.text).toContain("1 alert fires there and may speak again.");
    expect(end.silent).toBe(true);
  });

  test("asks what is meant, and refuses what it cannot mean", async () => {
    const { name } = await raise("api-is-ready");
    const asked = await say("/silence", /what is to be silent\?/);
    expect(commandsOf(asked)).toEqual([`${name} api-is-ready`, "All checks"]);
    await say("/silence api-is-live until-resolved --set", /None of that fires/);
    expect((await query(database.url, "select from silence")).rowCount).toBe(0);
  });
});

describe("/unsilence", () => {
  test("without a number brings buttons, and ends none that is not there", async () => {
    await say("/unsilence", /nothing is silenced/);
    await say("/silence api-is-live 1h --set", /api-is-live silent until/);
    const asked = await say("/unsilence", /which silence ends\?/);
    const [number = ""] = commandsOf(asked);
    await say("/unsilence 999", /No silence 999 holds in sandbox\./);
    await answerTo(
      () => world.as("operator").tap({ messageId: asked.id, label: number }),
      /api-is-live may speak again\nNothing fires there now\./,
    );
    await say(`/unsilence ${number}`, new RegExp(`No silence ${number} holds`));
  });
});

describe("/alerts", () => {
  test("tells what fires, who has it, what is pending, folded and kept quiet by the calendar", async () => {
    expect((await say("/alerts", /nothing fires/, "viewer")).text).toMatch(
      /🛠 always-at-work until .* · todoist-token-works/,
    );
    await raise("postgres-accepts-connections");
    const { name } = await raise("api-is-ready", { behind: "postgres-accepts-connections" });
    const taken = await raise("xai-key-works");
    const quiet = await raise("todoist-token-works");
    expect(quiet.card.text).toMatch(/^🔕 [^]*Silenced until .* by always-at-work\./);
    await say(`/ack ${taken.name}`, /Otto has/);
    const list = await say("/alerts", /1 fires, 1 taken, 1 behind others, 1 silenced/, "viewer");
    expect(list.text).toContain(`${name} api-is-ready fails since`);
    expect(list.text).toMatch(/behind postgres-accepts-connections/);
    expect(list.text).toMatch(/xai-key-works fails since \d\d:\d\d · Otto has it/);
    expect(list.text.split("\n").length).toBeLessThanOrEqual(12);
  });

  test("of what is not there any more is refused", async () => {
    const { name } = await raise("was-removed");
    const reads = new RegExp(`There is no alert ${name} of a check that sandbox still has`);
    const refusal = await say(`/alerts ${name}`, reads, "viewer");
    expect(refusal.replyTo?.text).toBe(`/alerts ${name}`);
  });

  test("of a check looks at it now, with the log of its application", async () => {
    const details = await say(
      "/alerts api-is-live",
      /🟢 sandbox · api-is-live is well now/,
      "viewer",
    );
    expect(details.text).toMatch(/Log of api, its last lines:\nINFO: {5}\S+ is running/);
    expect(commandsOf(details)).toEqual(["Look again", "Whole log"]);
    const whole = await answerTo(
      () => world.as("viewer").tap({ messageId: details.id, label: "Whole log" }),
      /alert-details · pass/,
    );
    expect(whole.text).toContain("is running");
  });
});
