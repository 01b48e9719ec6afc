import { setTimeout as sleep } from "node:timers/promises";

import type { Api, Transformer } from "grammy";
import { expect, test } from "vitest";

import { Secret } from "../core/secret.ts";
import { askTelegram, observeCalls } from "./telegram-calls.ts";
import { createTelegram } from "./telegram.ts";

const TOKEN = ["7000000001", "AbCdEfGhIjKlMnOpQrStUvWxYz012345678"].join(":");

/** An API whose every call is answered like this, and what is noted about it. */
function observed(answer: () => object) {
  const api = createTelegram({ token: new Secret(TOKEN), apiRoot: "http://127.0.0.1:9" });
  const noted: string[] = [];
  const answering: Transformer = async () => answer() as never;
  // Whoever was added last stands outside, so what answers comes first.
  api.config.use(answering);
  const calls = observeCalls(api, (method, outcome) => noted.push(`${method} ${outcome}`));
  return { api, calls, noted };
}

const no = (error_code: number, parameters?: object) => () => ({
  ok: false,
  error_code,
  description: "no",
  parameters,
});
const ok = (result: unknown) => () => ({ ok: true, result });

test.each([
  ["ok", ok({ message_id: 1 })],
  ["slow-down", no(429, { retry_after: 7 })],
  ["refused", no(403)],
  ["moved", no(400, { migrate_to_chat_id: -100 })],
  ["in-doubt", no(502)],
] as const)("a call that ends as %s is noted as that", async (outcome, answer) => {
  const { api, noted } = observed(answer);
  await api.sendMessage(1, "x").catch(() => undefined);
  expect(noted).toEqual([`sendMessage ${outcome}`]);
});

test("a call without an answer is noted, and one that we cut short ourselves is not", async () => {
  const failing = (): never => {
    throw new Error("no network");
  };
  const { api, noted } = observed(failing);
  await api.getMe().catch(() => undefined);
  expect(noted).toEqual(["getMe in-doubt"]);
  const stopped = AbortSignal.abort() as Parameters<Api["getMe"]>[0];
  await api.getMe(stopped).catch(() => undefined);
  expect(noted).toHaveLength(1);
});

test("only a poll that went well counts as one, or whatever went well before the first", async () => {
  const state = { answer: no(409) as () => object };
  const { api, calls } = observed(() => state.answer());
  await api.getUpdates().catch(() => undefined);
  expect(calls.fetchedAgoMs()).toBeUndefined();
  state.answer = ok({ id: 1 });
  await api.getMe();
  const first = calls.fetchedAgoMs() ?? Infinity;
  expect(first).toBeLessThan(10_000);
  await sleep(20);
  await api.getMe();
  expect(calls.fetchedAgoMs()).toBeGreaterThanOrEqual(first + 15);
  state.answer = ok([]);
  await api.getUpdates();
  expect(calls.fetchedAgoMs()).toBeLessThan(first + 15);
  expect(calls.broughtAgoMs()).toBeUndefined();
  calls.brought();
  expect(calls.broughtAgoMs()).toBeLessThan(10_000);
});

test("Telegram is asked itself when no poll of late has proved that it answers", async () => {
  const { api, noted } = observed(ok({ id: 1 }));
  const signal = AbortSignal.timeout(5_000);
  await askTelegram(api, { fetchedAgoMs: () => 1_000 }, signal);
  expect(noted).toEqual([]);
  await askTelegram(api, { fetchedAgoMs: () => 61_000 }, signal);
  await askTelegram(api, { fetchedAgoMs: () => undefined }, signal);
  expect(noted).toEqual(["getMe ok", "getMe ok"]);
});

test("a Telegram that does not answer is told without the token", async () => {
  const { api } = observed(no(401));
  const asked = askTelegram(api, { fetchedAgoMs: () => undefined }, AbortSignal.timeout(5_000));
  const error = await asked.catch((failure: unknown) => failure);
  expect(error).toMatchObject({ system: "telegram", kind: "unauthorized" });
  expect(JSON.stringify(error)).not.toContain(TOKEN.split(":")[1]);
});
