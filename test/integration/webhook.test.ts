import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp, type App } from "../../src/app.ts";
import { card, defineCommand, type Command } from "../../src/commands/command.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { INBOX_CHANNEL } from "../../src/storage/inbox.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { FAST_ENGINE, testConfig } from "../support/config.ts";
import { query } from "../support/records.ts";

const SECRET = "webhook-secret-of-a-test_".padEnd(48, "0");
const HEADER = "x-telegram-bot-api-secret-token";
const HANDLER_TAKES_MS = 1_500;

const slowCommand: Command = defineCommand<undefined>({
  name: "slow",
  summary: "Takes its time",
  role: "viewer",
  usage: "",
  effect: "read",
  understand: () => ({ ok: true, args: undefined }),
  async run() {
    await sleep(HANDLER_TAKES_MS);
    return card("slow but done");
  },
});

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let url: string;
let log = "";

beforeAll(async () => {
  world = opened.use(await startWorld());
  database = opened.use(await createTestDatabase());
});
afterAll(async () => {
  await opened.disposeAsync();
});

/** A process of one Flightdeck: they share database and seal key, as replicas do. */
async function startReplica(
  instance: string,
  telegram: string,
): Promise<App & { close(): Promise<void> }> {
  const directory = opened.use(await temporaryDirectory("webhook"));
  const config = testConfig({
    data: directory.path,
    environment: {
      ...world.environment,
      OWN_DATABASE: database.url,
      OWN_REDIS: inject("redisUrl"),
      SEAL_KEY: Buffer.alloc(32, 7).toString("base64"),
      WEBHOOK_SECRET: SECRET,
    },
    telegram,
    more: `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\nsealKey: \${env:SEAL_KEY}\n${FAST_ENGINE}`,
  });
  const write = (line: string): void => void (log += line);
  const app = await startApp({
    config,
    logger: createLogger(write, (text) => text),
    instance,
    signal: new AbortController().signal,
    overrides: { commands: [slowCommand] },
  });
  const once = new AsyncDisposableStack();
  once.use(app);
  opened.use(once);
  return { ...app, close: () => once.disposeAsync() };
}

const webhookAt = (port: number, listen: number): string =>
  `  webhook: { url: "http://127.0.0.1:${port}/telegram", secret: "\${env:WEBHOOK_SECRET}", listen: "127.0.0.1:${listen}" }`;

async function answerTo({ messageId }: { readonly messageId: number }, reads: RegExp) {
  return world.telegram.waitFor(
    (telegram) =>
      telegram
        .messages()
        .find(({ replyTo, text }) => replyTo?.id === messageId && reads.test(text)),
    { timeoutMs: 20_000 },
  );
}

describe("updates that Telegram brings", () => {
  let leader: Awaited<ReturnType<typeof startReplica>>;
  let other: Awaited<ReturnType<typeof startReplica>>;
  beforeAll(async () => {
    const [own, others] = [await freePort(), await freePort()];
    url = `http://127.0.0.1:${others}/telegram`;
    leader = await startReplica("leads", webhookAt(others, own));
    await world.telegram.waitFor(
      (telegram) => telegram.calls().find(({ method }) => method === "setWebhook"),
      { timeoutMs: 10_000 },
    );
    // What Telegram brings comes to the process that does not lead.
    other = await startReplica("follows", webhookAt(others, others));
  });

  test("come to a process that does not lead, and are handled by the one that does", async () => {
    const runs = await count("run");
    const shown = await answerTo(world.as("operator").say("/preflight api-is-live"), /· GO/);
    expect(shown.text).toContain("1 passed");
    expect(await count("run")).toBe(runs + 1);
    expect(world.telegram.calls().filter(({ method }) => method === "getUpdates")).toEqual([]);
    expect(
      world.telegram.calls().find(({ method }) => method === "setWebhook")?.params,
    ).toMatchObject({
      url,
      allowed_updates: ["message", "edited_message", "callback_query", "my_chat_member"],
      max_connections: 40,
    });
  });

  test("wake the leader by the commit that stores them", async () => {
    await using listener = await listening(INBOX_CHANNEL);
    const said = world.as("viewer").say("/whoami");
    await expect.poll(() => listener.heard, { timeout: 5_000 }).toBe(1);
    await answerTo(said, /Vera/);
  });

  test("run once when they are brought again, one after the other and all at once", async () => {
    const runs = await count("run");
    const said = world.as("operator").say("/preflight api-is-ready");
    await answerTo(said, /· GO/);
    world.telegram.redeliver(said.updateId, said.updateId);
    const body = JSON.stringify(madeUpCommand("/preflight api-is-live"));
    const answers = await Promise.all(Array.from({ length: 12 }, async () => post({ body })));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 200));
    await answerTo(world.as("viewer").say("/whoami"), /Vera/);
    await expect.poll(async () => count("run"), { timeout: 10_000 }).toBe(runs + 2);
  });

  test("are acknowledged before their handler has ended, and a slow one still runs once", async () => {
    const body = JSON.stringify(madeUpCommand("/slow"));
    const before = slowAnswers();
    const startedAt = performance.now();
    expect((await post({ body })).status).toBe(200);
    const acknowledgedMs = performance.now() - startedAt;
    expect((await post({ body })).status).toBe(200);
    expect(slowAnswers()).toBe(before);
    expect(acknowledgedMs).toBeLessThan(HANDLER_TAKES_MS);
    await expect.poll(slowAnswers, { timeout: 15_000 }).toBe(before + 1);
    expect((await post({ body })).status).toBe(200);
    await answerTo(world.as("viewer").say("/whoami"), /Vera/);
    expect(slowAnswers()).toBe(before + 1);
  });

  test("from whoever does not know the secret are never stored", async () => {
    const stored = await count("inbox");
    const body = JSON.stringify(madeUpCommand("/preflight"));
    const statuses = [
      await post({ body, secret: undefined }),
      await post({ body, secret: "x".repeat(48) }),
      await post({ body, secret: SECRET.slice(1) }),
      await post({ body: "x".repeat(2_000_000), secret: "x" }),
      await post({ body: "x".repeat(2_000_000) }),
      await post({ body, method: "PUT" }),
      await post({ body, path: "/" }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([401, 401, 401, 401, 413, 405, 404]);
    expect(await count("inbox")).toBe(stored);
  });

  test("from strangers with the right secret meet the same gate", async () => {
    const stored = await count("inbox");
    world.as("stranger").say("/preflight");
    world
      .as("viewer")
      .say("/whoami", { extra: { via_bot: { id: 9, is_bot: true, first_name: "B" } } });
    await expect
      .poll(() => other.refusals(), { timeout: 5_000 })
      .toMatchObject({ stranger: 1, "via-bot": 1 });
    expect(await count("inbox")).toBe(stored);
  });

  test("that cannot be stored are brought again, and none is lost", async () => {
    const runs = await count("run");
    await query(database.url, "alter table inbox rename to inbox_away");
    const shown = answerTo(world.as("operator").say("/preflight api-is-live"), /· GO/);
    await expect.poll(() => log, { timeout: 10_000 }).toMatch(/storing update \d+/);
    await query(database.url, "alter table inbox_away rename to inbox");
    await shown;
    expect(await count("run")).toBe(runs + 1);
  });

  test("are fetched again when the configuration says so, and the webhook of before is removed", async () => {
    await other.close();
    await leader.close();
    const polling = await startReplica("fetches", "");
    await answerTo(world.as("viewer").say("/whoami"), /Vera · viewer/);
    expect(world.telegram.calls().some(({ method }) => method === "deleteWebhook")).toBe(true);
    await polling.close();
  });

  test("are left to a foreign webhook, which is named once and never removed", async () => {
    const token = world.environment["FLIGHTDECK_BOT_TOKEN"] ?? "";
    const hook = encodeURIComponent("http://127.0.0.1:9/secret-of-somebody");
    await sleep(1_100);
    const set = await fetch(`${world.telegram.url}/bot${token}/setWebhook?url=${hook}`);
    expect(set.status).toBe(200);
    const removals = countCalls("deleteWebhook");
    const polling = await startReplica("waits", "");
    await expect.poll(() => log, { timeout: 10_000 }).toContain("Somebody else's webhook is set");
    expect(log).toContain("http://127.0.0.1:9/…");
    expect(log).not.toContain("secret-of-somebody");
    expect(countCalls("deleteWebhook")).toBe(removals);
    await polling.close();
  });

  test("leave no trace of the secret, and break none of Telegram's rules", () => {
    expect(log).not.toContain(SECRET);
    expect(JSON.stringify(world.telegram.messages())).not.toContain(SECRET);
    expect(world.telegram.violations()).toEqual([]);
  });
});

type Request = {
  readonly body: string;
  readonly secret?: string | undefined;
  readonly method?: string;
  readonly path?: string;
};

async function post(request: Request): Promise<Response> {
  const secret = "secret" in request ? request.secret : SECRET;
  return fetch(new URL(request.path ?? "/telegram", url), {
    method: request.method ?? "POST",
    headers: secret === undefined ? {} : { [HEADER]: secret },
    body: request.body,
  });
}

let madeUp = 0;

/** An update that only this test knows of, from Vera or Otto as the command needs it. */
function madeUpCommand(text: string): object {
  madeUp += 1;
  const chat = { id: world.telegram.chatId, type: "supergroup", title: "Ops" };
  const from = { id: 1002, is_bot: false, first_name: "Otto" };
  const date = Math.floor(Date.now() / 1_000);
  const message = { message_id: 900_000 + madeUp, chat, from, date, text };
  return { update_id: 1_000 + madeUp, message };
}

/** Counts what is told on a channel of the database. */
async function listening(channel: string) {
  const client = new Client({ connectionString: database.url });
  const listener = { heard: 0, [Symbol.asyncDispose]: async () => client.end() };
  client.on("notification", () => (listener.heard += 1));
  await client.connect();
  await client.query(`listen ${channel}`);
  return listener;
}

function slowAnswers(): number {
  return world.telegram.messages().filter(({ text }) => text === "slow but done").length;
}

function countCalls(method: string): number {
  return world.telegram.calls().filter((call) => call.method === method).length;
}

async function count(table: "run" | "inbox"): Promise<number> {
  const { rows } = await query<{ count: string }>(database.url, `select count(*) from ${table}`);
  return Number(rows[0]?.count);
}

/** A port that nobody listens at now; the address has to be known before the server starts. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
