import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { Api } from "grammy";
import { afterAll, beforeAll, expect, test } from "vitest";

import { personas } from "./personas.ts";
import { startTestBot, type TestBot } from "./test-bot.ts";

const token = "7000002:made-up-too";
let own: TestBot;
let other: ReturnType<TestBot["telegram"]["addBot"]>;
let api: Api;
beforeAll(async () => {
  own = await startTestBot({ webhookRetryDelayMs: () => 10 });
  other = own.telegram.addBot(token, { firstName: "Todo", username: "todo_bot" });
  api = new Api(token, { apiRoot: own.telegram.url });
});
afterAll(() => own[Symbol.asyncDispose]());

test("another bot on the same server is told apart by its token", async () => {
  expect(await api.getMe()).toMatchObject({ id: 7000002, username: "todo_bot" });
  expect(await own.api.getMe()).toMatchObject({ id: 7000001 });
  const stranger = new Api("7000003:unknown", { apiRoot: own.telegram.url });
  await expect(stranger.getMe()).rejects.toMatchObject({ error_code: 401 });
});

test("what is written to one is not heard by the other", async () => {
  other.say(personas.stranger, "for the other");
  own.telegram.as("operator").say("for the first", { chat: "private" });
  const texts = async (of: Api) => (await of.getUpdates()).map((update) => update.message?.text);
  expect(await texts(api)).toEqual(["for the other"]);
  expect(await texts(own.api)).toEqual(["for the first"]);
});

test("nobody adds a bot with a token that looks real", () => {
  expect(() =>
    own.telegram.addBot(`123456789:AA${"x".repeat(33)}`, { firstName: "Real", username: "real" }),
  ).toThrow("looks like a real one");
});

test("its profile changes for as long as somebody has changed it", async () => {
  {
    using _changed = other.profile.change({ can_join_groups: true });
    expect(await api.getMe()).toMatchObject({ can_join_groups: true });
    expect(await own.api.getMe()).toMatchObject({ can_join_groups: false });
  }
  expect(await api.getMe()).toMatchObject({ can_join_groups: false });
});

test("its webhook is its own, with its secret and its failures", async () => {
  const heard: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    const secret = request.headers["x-telegram-bot-api-secret-token"];
    heard.push(secret as string | undefined);
    response.writeHead(secret === "right" ? 200 : 403).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  other.webhook.set({ url, secretToken: "wrong", maxConnections: 1 });
  other.say(personas.stranger, "hello");
  await expect.poll(() => other.webhook.status().lastError?.message).toContain("403");
  expect(await api.getWebhookInfo()).toMatchObject({ url, last_error_message: expect.any(String) });
  expect((await own.api.getWebhookInfo()).url).toBe("");
  other.webhook.set({ url, secretToken: "right", maxConnections: 1 });
  await expect.poll(() => other.pending()).toBe(0);
  expect(heard.at(-1)).toBe("right");
  other.webhook.remove();
  server.close();
});
