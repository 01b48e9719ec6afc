import { InputFile } from "grammy";
import { describe, expect, test } from "vitest";

import { startTestBot } from "../telegram/test-bot.ts";
import type { TestBot } from "../telegram/test-bot.ts";
import type { Controls } from "./controls.ts";
import { createPage } from "./page.ts";

function openPage(bot: TestBot) {
  const on = new Set<string>();
  const ran: string[] = [];
  const listeners = new Set<() => void>();
  const controls: Controls = {
    faults: () => [{ name: "api-hangs", title: "The API hangs", on: on.has("api-hangs") }],
    setFault: async (name, isOn) => {
      if (isOn) on.add(name);
      else on.delete(name);
      for (const listener of listeners) listener();
    },
    effects: async () => ({ messagesSent: 2 }),
    actions: () => [{ name: "heal-all", title: "Heal everything" }],
    outside: () => [
      {
        name: "keys",
        title: "A console of keys",
        issued: undefined,
        rows: [{ text: "the first", actions: [{ name: "disable 1", title: "Disable" }] }],
        actions: [{ name: "create", title: "Create a key" }],
      },
    ],
    run: async (name) => {
      ran.push(name);
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const page = createPage({ telegram: bot.telegram, controls });
  const get = async (path: string) => await page.request(path);
  const post = async (path: string, body: unknown, headers: Record<string, string> = {}) =>
    await page.request(path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  return { get, post, on, ran, listeners };
}

describe("the page", () => {
  test("allows only its own files, named by a nonce that is new each time", async () => {
    await using bot = await startTestBot();
    const { get } = openPage(bot);
    const [first, second] = await Promise.all([get("/"), get("/")]);
    const policy = first.headers.get("content-security-policy") ?? "";
    const nonce = /script-src 'nonce-([^']+)'/.exec(policy)?.[1] ?? "";
    expect(policy.split("; ")).toEqual([
      "default-src 'none'",
      `script-src 'nonce-${nonce}'`,
      `style-src 'nonce-${nonce}'`,
      "img-src 'self'",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
    expect(nonce).toHaveLength(24);
    expect(second.headers.get("content-security-policy")).not.toContain(nonce);
    const html = await first.text();
    const tags = html.match(/<(?:script|link rel="stylesheet")[^>]*>/g) ?? [];
    expect(tags).toHaveLength(2);
    expect(tags.every((tag) => tag.includes(`nonce="${nonce}"`))).toBe(true);
  });

  test("has an icon, a style sheet and scripts, and nothing outside of their folder", async () => {
    await using bot = await startTestBot();
    const { get } = openPage(bot);
    const types = await Promise.all(
      ["/favicon.ico", "/client/favicon.svg", "/client/page.css", "/client/main.js"].map(
        async (path) => (await get(path)).headers.get("content-type"),
      ),
    );
    expect(types).toEqual([
      "image/svg+xml",
      "image/svg+xml",
      "text/css; charset=utf-8",
      "text/javascript; charset=utf-8",
    ]);
    expect((await get("/client/..%2Fpage.ts")).status).toBe(404);
    expect((await get("/nowhere")).status).toBe(404);
  });
});

describe("the page's API", () => {
  test("says and taps for a person", async () => {
    await using bot = await startTestBot();
    const { post } = openPage(bot);
    const said = await post("/api/say", { as: "operator", text: "/preflight" });
    expect(said.status).toBe(200);
    expect(bot.telegram.messages()).toMatchObject([{ text: "/preflight", from: { name: "Otto" } }]);
    const sent = await bot.api.sendMessage(bot.telegram.chatId, "Sure?", {
      reply_markup: { inline_keyboard: [[{ text: "Yes", callback_data: "y" }]] },
    });
    const tapped = await post("/api/tap", {
      as: "approver",
      messageId: sent.message_id,
      label: "Yes",
    });
    expect(await tapped.json()).toMatchObject({ queryId: expect.any(String) });
    await post("/api/tap", { as: "stranger", data: "forged" });
    const updates = await bot.api.getUpdates({ offset: 0 });
    expect(
      updates.map((update) => [
        update.message?.text ?? update.callback_query?.data,
        (update.message ?? update.callback_query)?.from?.first_name,
      ]),
    ).toEqual([
      ["/preflight", "Otto"],
      ["y", "Ada"],
      ["forged", "Sid"],
    ]);
  });

  test("shows each person their own view", async () => {
    await using bot = await startTestBot();
    const { get } = openPage(bot);
    await bot.api.setMyCommands([{ command: "status", description: "One card" }]);
    await bot.api.sendMessage(bot.telegram.chatId, "for all", {
      reply_markup: { inline_keyboard: [[{ text: "Ack", callback_data: "a" }]] },
    });
    await bot.api.sendMessage(bot.telegram.chatId, "for Vera", {
      ephemeral_message_parameters: { receiver_user_id: 1001 },
    });
    const { queryId } = bot.telegram.as("viewer").tap("Ack");
    await bot.api.answerCallbackQuery(queryId, { text: "Seen" });
    const stateOf = async (as: string) =>
      await (await get(`/api/state?as=${as}&chat=group`)).json();
    expect(await stateOf("viewer")).toMatchObject({
      me: { name: "viewer", id: 1001 },
      chat: { kind: "group", title: "Ops" },
      messages: [{ text: "for all" }, { text: "for Vera" }],
      commands: [{ command: "status", description: "One card" }],
      answers: [{ text: "Seen" }],
      faults: [{ name: "api-hangs", on: false }],
      actions: [{ name: "heal-all" }],
      outside: [{ name: "keys", rows: [{ text: "the first" }] }],
      effects: { messagesSent: 2 },
      violations: 0,
    });
    const operator = (await stateOf("operator")) as { messages: unknown[]; answers: unknown[] };
    expect(operator.messages).toHaveLength(1);
    expect(operator.answers).toEqual([]);
  });

  test("switches faults, runs actions, and shows effects, calls and violations", async () => {
    await using bot = await startTestBot();
    const { get, post, on, ran } = openPage(bot);
    await post("/api/faults/api-hangs", { on: true });
    expect([...on]).toEqual(["api-hangs"]);
    await post("/api/actions/heal-all", {});
    await post("/api/actions/create", {});
    await post(`/api/actions/${encodeURIComponent("disable 1")}`, {});
    expect(ran).toEqual(["heal-all", "create", "disable 1"]);
    expect(await (await get("/api/effects")).json()).toEqual({ messagesSent: 2 });
    await bot.api.sendMessage(bot.telegram.chatId, "a", { colour: "red" } as never);
    expect(await (await get("/api/calls")).json()).toMatchObject([
      { method: "sendMessage", status: 200 },
    ]);
    expect(await (await get("/api/violations")).json()).toMatchObject([{ subject: "sendMessage" }]);
  });

  test("hands out the bot's files to be saved, never to be run", async () => {
    await using bot = await startTestBot();
    const { get } = openPage(bot);
    const html = new InputFile(Buffer.from("<script>alert(1)</script>"), "ä.html");
    await bot.api.sendDocument(bot.telegram.chatId, html);
    const fileId = bot.telegram.messages()[0]?.file?.fileId ?? "";
    const file = await get(`/api/files/${fileId}`);
    expect(file.headers.get("content-type")).toBe("application/octet-stream");
    expect(file.headers.get("content-disposition")).toBe(
      "attachment; filename*=UTF-8''%C3%A4.html",
    );
    expect(file.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await file.text()).toBe("<script>alert(1)</script>");
    expect((await get("/api/files/other")).status).toBe(404);
  });

  test("tells the browser that something changed", async () => {
    await using bot = await startTestBot();
    const { get, listeners } = openPage(bot);
    const reader = (await get("/api/events"))
      .body!.pipeThrough(new TextDecoderStream())
      .getReader();
    expect((await reader.read()).value).toContain("event: changed");
    const next = reader.read();
    bot.telegram.as("viewer").say("hello");
    expect((await next).value).toContain("event: changed");
    expect(listeners.size).toBe(1);
    await reader.cancel();
    await expect.poll(() => listeners.size, { timeout: 5_000 }).toBe(0);
  });

  const mistakes: readonly (readonly [string, string, unknown, number, RegExp])[] = [
    ["an unknown person", "/api/say", { as: "boss", text: "a" }, 400, /"viewer"\|"operator"/],
    ["an empty text", "/api/say", { as: "viewer", text: " " }, 400, /text/],
    ["an unknown field", "/api/say", { as: "viewer", text: "a", loud: true }, 400, /loud/],
    ["a body that is no object", "/api/say", "a", 400, /expected object/],
    [
      "no such button",
      "/api/tap",
      { as: "viewer", messageId: 1, label: "Go" },
      400,
      /Vera sees no button “Go”/,
    ],
    ["a tap on nothing", "/api/tap", { as: "viewer" }, 400, /Invalid input/],
    ["an unknown fault", "/api/faults/rain", { on: true }, 404, /There are: api-hangs/],
    ["a fault neither on nor off", "/api/faults/api-hangs", { on: "yes" }, 400, /boolean/],
    ["an unknown action", "/api/actions/dance", {}, 404, /There are: heal-all/],
  ];
  test.each(mistakes)("refuses %s and says why", async (_name, path, body, status, words) => {
    await using bot = await startTestBot();
    const response = await openPage(bot).post(path, body);
    expect(response.status).toBe(status);
    expect(((await response.json()) as { error: string }).error).toMatch(words);
    expect(bot.telegram.messages()).toEqual([]);
  });

  test("refuses a view that does not exist, a body that is no JSON, and pages from elsewhere", async () => {
    await using bot = await startTestBot();
    const { get, post } = openPage(bot);
    expect((await get("/api/state?as=boss")).status).toBe(400);
    const say = { as: "operator", text: "/deploy" };
    const elsewhere = await post("/api/say", say, { "sec-fetch-site": "cross-site" });
    expect(elsewhere.status).toBe(403);
    const form = await post("/api/say", say, { "content-type": "text/plain" });
    expect(form.status).toBe(400);
    expect(bot.telegram.messages()).toEqual([]);
  });
});
