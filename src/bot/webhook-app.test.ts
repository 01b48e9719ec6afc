import { expect, test } from "vitest";

import { Secret } from "../core/secret.ts";
import { createWebhookApp } from "./webhook-app.ts";

const SECRET = "s".repeat(40);
const HEADER = "x-telegram-bot-api-secret-token";

/** A door that notes what comes through it. */
function door(accept: (updateId: number) => void = () => {}) {
  const accepted: number[] = [];
  const errors: unknown[] = [];
  const app = createWebhookApp({
    path: "/telegram",
    secret: new Secret(SECRET),
    async accept({ update_id: updateId }) {
      accept(updateId);
      accepted.push(updateId);
    },
    onError: (error) => errors.push(error),
  });
  const send = async (body: string, headers: Record<string, string> = { [HEADER]: SECRET }) =>
    app.request("/telegram", { method: "POST", body, headers });
  return { app, send, accepted, errors };
}

const UPDATE = JSON.stringify({ update_id: 7, message: {} });

test("an update with the right secret is stored and answered by an empty 200", async () => {
  const { send, accepted } = door();
  const answer = await send(UPDATE);
  expect([answer.status, await answer.text()]).toEqual([200, ""]);
  expect(accepted).toEqual([7]);
});

test.each([
  ["none", {}],
  ["a wrong one", { [HEADER]: "t".repeat(40) }],
  ["the beginning of the right one", { [HEADER]: SECRET.slice(0, -1) }],
  ["more than the right one", { [HEADER]: `${SECRET}s` }],
  ["a very long one", { [HEADER]: "s".repeat(8_000) }],
  ["an empty one", { [HEADER]: "" }],
  ["another header", { authorization: SECRET }],
])("a secret that is %s is answered by a 401 without a word", async (_which, headers) => {
  const { send, accepted } = door();
  const answer = await send(UPDATE, headers);
  expect([answer.status, await answer.text()]).toEqual([401, ""]);
  expect(accepted).toEqual([]);
});

test("without the secret not a byte of the body is read", async () => {
  const { app } = door();
  let pulled = 0;
  const body = new ReadableStream(
    {
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(1_024));
      },
    },
    { highWaterMark: 0 },
  );
  const answer = await app.request("/telegram", {
    method: "POST",
    body,
    duplex: "half",
  });
  expect(answer.status).toBe(401);
  expect(pulled).toBe(0);
});

test.each([
  ["announced", { "content-length": String(2 * 1024 * 1024) }],
  ["not announced", { "transfer-encoding": "chunked" }],
])("2 MB are refused when their size is %s", async (_how, more) => {
  const { send, accepted } = door();
  const answer = await send("x".repeat(2 * 1024 * 1024), { [HEADER]: SECRET, ...more });
  expect(answer.status).toBe(413);
  expect(accepted).toEqual([]);
});

test.each(["", "not json", "[]", "null", "{}", '{"update_id":"7"}', '{"update_id":-1}'])(
  "%j is no update",
  async (body) => {
    const { send, accepted } = door();
    expect((await send(body)).status).toBe(400);
    expect(accepted).toEqual([]);
  },
);

test.each(["GET", "PUT", "DELETE", "HEAD", "PATCH"])("%s is not the way in", async (method) => {
  const { app } = door();
  const answer = await app.request("/telegram", { method, headers: { [HEADER]: SECRET } });
  expect(answer.status).toBe(405);
  expect(answer.headers.get("allow")).toBe("POST");
});

test.each(["/", "/telegram/", "/Telegram", "/telegram/x", "/%74elegram%2f", "//telegram"])(
  "%s is another place",
  async (path) => {
    const { app, accepted } = door();
    const init = { method: "POST", body: UPDATE, headers: { [HEADER]: SECRET } };
    expect((await app.request(path, init)).status).toBe(404);
    expect(accepted).toEqual([]);
  },
);

test("only what could not be stored is asked for again, and says nothing of why", async () => {
  const { send, errors } = door(() => {
    throw new Error("the database is away");
  });
  const answer = await send(UPDATE);
  expect([answer.status, await answer.text()]).toEqual([503, ""]);
  expect(errors).toHaveLength(1);
});
