import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";

import { describe, expect, test } from "vitest";

import { Secret } from "../core/secret.ts";
import { createTelegram, describeFailure, failureOf, telegramError } from "./telegram.ts";

const TOKEN = ["7000000001", "AbCdEfGhIjKlMnOpQrStUvWxYz012345678"].join(":");

/** A Bot API server that answers everything alike, and a client for it. */
async function telegramAnswering(answer: RequestListener) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const apiRoot = `http://127.0.0.1:${port}`;
  const api = createTelegram({ token: new Secret(TOKEN), apiRoot });
  return {
    api,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const json =
  (status: number, body: unknown): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
const text =
  (status: number, body: (url: string) => string): RequestListener =>
  (request, response) => {
    response.writeHead(status, { "content-type": "text/html" }).end(body(request.url ?? ""));
  };

const no = (code: number, description: string, parameters?: object): RequestListener =>
  json(code, { ok: false, error_code: code, description, ...(parameters ? { parameters } : {}) });

describe("how a call ended is told from Telegram's own answer", () => {
  test.each([
    [
      "a flood",
      no(429, "Too Many Requests: retry after 7", { retry_after: 7 }),
      { kind: "slow-down", retryAfterMs: 7_000 },
    ],
    [
      "a flood that names no time",
      no(429, "Too Many Requests"),
      { kind: "slow-down", retryAfterMs: 1_000 },
    ],
    [
      "a refusal",
      no(400, "Bad Request: chat not found"),
      { kind: "refused", code: 400, description: "Bad Request: chat not found" },
    ],
    [
      "a revoked token",
      no(401, "Unauthorized"),
      { kind: "refused", code: 401, description: "Unauthorized" },
    ],
    [
      "maintenance",
      no(500, "Internal Server Error: restart"),
      { kind: "in-doubt", description: "500: Internal Server Error: restart" },
    ],
  ])("%s", async (_what, answer, failure) => {
    await using telegram = await telegramAnswering(answer);
    const error: unknown = await telegram.api.sendMessage(-1, "hello").catch((thrown) => thrown);
    expect(failureOf(error)).toEqual(failure);
  });
});

describe("what is no answer of Telegram's leaves the call in doubt, and never shows the token", () => {
  test.each<[string, RequestListener]>([
    ["a connection that breaks", (request) => void request.socket.destroy()],
    ["a page that quotes the path", text(404, (url) => `Cannot POST ${url}`)],
    ["a page that begins with the path", text(502, (url) => url)],
    ["nothing at all", text(200, () => "")],
    ["JSON of somebody between us and Telegram", json(502, { error: "bad gateway" })],
    ["a refusal without a code", json(403, { ok: false })],
    [
      "half an answer",
      (_request, response) => {
        response.writeHead(200, { "content-length": "1000" }).write('{"ok":true,');
        setTimeout(() => response.destroy(), 20);
      },
    ],
  ])("%s", async (_what, answer) => {
    await using telegram = await telegramAnswering(answer);
    const error: unknown = await telegram.api.sendMessage(-1, "hello").catch((thrown) => thrown);
    const failure = failureOf(error);
    expect(failure.kind).toBe("in-doubt");
    const told = [describeFailure(failure), inspect(telegramError(failure, ". Try again."))];
    expect(told.join("\n")).not.toContain(TOKEN);
    expect(told.join("\n")).not.toContain(TOKEN.split(":")[1]);
    expect(JSON.stringify(failure)).not.toContain(TOKEN);
  });
});

test("an error that is none of grammY's, or no error at all, leaves the call in doubt too", () => {
  expect(failureOf(new Error("strange"))).toEqual({ kind: "in-doubt", description: "strange" });
  expect(failureOf("strange")).toEqual({ kind: "in-doubt", description: "no answer" });
  expect(failureOf(undefined)).toEqual({ kind: "in-doubt", description: "no answer" });
});

test.each([
  [{ kind: "slow-down", retryAfterMs: 1_500 }, "rate-limited", "Telegram asks to wait 2 s"],
  [
    { kind: "refused", code: 401, description: "Unauthorized" },
    "unauthorized",
    "Telegram refused: 401 Unauthorized",
  ],
  [{ kind: "refused", code: 400, description: "no" }, "rejected", "Telegram refused: 400 no"],
  [{ kind: "in-doubt", description: "x" }, "unreachable", "no certain answer from Telegram: x"],
] as const)("%j is an error of ours of the kind %s", (failure, kind, message) => {
  expect(telegramError(failure, "!")).toMatchObject({
    system: "telegram",
    kind,
    message: `${message}!`,
  });
});
