import { GrammyError, type Api } from "grammy";
import type { WebhookInfo } from "grammy/types";
import { expect, test } from "vitest";

import { Secret } from "../core/secret.ts";
import type { Database } from "../storage/database.ts";
import { ALLOWED_UPDATES } from "./intake.ts";
import { keepWebhook } from "./webhook-registration.ts";

const URL = "https://deck.example.com/telegram";
const SECRET = "s".repeat(40);
const OURS: WebhookInfo = {
  url: URL,
  has_custom_certificate: false,
  pending_update_count: 0,
  max_connections: 40,
  allowed_updates: [...ALLOWED_UPDATES],
};

/** Keeps a webhook while the looks last; what each finds is given, and what was done and said comes back. */
async function keeping(looks: readonly (Partial<WebhookInfo> | GrammyError)[]) {
  const stopping = new AbortController();
  const left = [...looks];
  const done: string[] = [];
  const said: string[] = [];
  const api = {
    setWebhook: async (url: string, options: object) =>
      void done.push(`set ${url} ${JSON.stringify(options)}`),
    getWebhookInfo: async () => {
      const look = left.shift();
      if (left.length === 0) stopping.abort();
      if (look instanceof GrammyError) throw look;
      return { ...OURS, ...look };
    },
  } as unknown as Api;
  const database = {
    transaction: async (work: (tx: object, now: Date) => unknown) =>
      work(
        { change: async (_sql: string, [, url]: string[]) => done.push(`remember ${url}`) },
        new Date(),
      ),
  } as unknown as Database;
  await keepWebhook(
    {
      api,
      database,
      botId: 7,
      webhook: { url: URL, secret: new Secret(SECRET), listen: "127.0.0.1:0", maxConnections: 40 },
      lookEveryMs: 1,
      onError: (error) => said.push(String(error)),
    },
    stopping.signal,
  );
  return { done, said };
}

test("it is remembered, then set with everything that Telegram must know, then read back", async () => {
  const { done, said } = await keeping([{}, {}, {}]);
  const options = {
    secret_token: SECRET,
    allowed_updates: ["message", "edited_message", "callback_query", "my_chat_member"],
    max_connections: 40,
  };
  expect(done).toEqual([`remember ${URL}`, `set ${URL} ${JSON.stringify(options)}`]);
  expect(said).toEqual([]);
});

test.each<[string, Partial<WebhookInfo>, RegExp]>([
  [
    "another address",
    { url: "https://thief.example.com/x" },
    /another webhook.*thief\.example\.com\/….*revoke/,
  ],
  ["none", { url: "" }, /Somebody removed the webhook/],
])("%s that is found is told, and ours is put back", async (_what, found, words) => {
  const { done, said } = await keeping([{}, found, {}]);
  expect(done.filter((each) => each.startsWith("set"))).toHaveLength(2);
  expect(said).toEqual([expect.stringMatching(words)]);
});

test.each<[Partial<WebhookInfo>, string]>([
  [{ allowed_updates: ["message"] }, "brings other kinds of updates than it should: message"],
  [{ max_connections: 7 }, "has 7 connections, not 40"],
])("what is kept otherwise than it was told is said: %j", async (found, words) => {
  const { said } = await keeping([found]);
  expect(said).toEqual([expect.stringContaining(words)]);
});

test("each new failure to bring an update is told once", async () => {
  const failed = { last_error_date: 1_800_000_000, last_error_message: "Read timeout expired" };
  const { said } = await keeping([{}, failed, failed, { ...failed, pending_update_count: 1 }]);
  expect(said).toEqual([
    expect.stringContaining("Telegram could not bring an update: Read timeout expired"),
  ]);
});

test("a refusal says what may be wrong with the address, and never the secret", async () => {
  const payload = { secret_token: SECRET };
  const answer = {
    ok: false,
    error_code: 400,
    description: "Bad Request: bad webhook",
    parameters: {},
  } as const;
  const { said } = await keeping([new GrammyError("no", answer, "setWebhook", payload)]);
  expect(said[0]).toContain("Look at telegram.webhook.url");
  expect(said.join()).not.toContain(SECRET);
});
