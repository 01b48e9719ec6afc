import { describe, expect, test } from "vitest";

import { startHttpServer } from "../http-server.ts";
import { createPreflight } from "./preflight.ts";
import { realTiming } from "./settings.ts";

const closing = new AbortController().signal;

/** A model and a Telegram in one, which answer with these statuses. */
async function startOutside(statuses: { llm: number; telegram: number }) {
  let asked = 0;
  const server = await startHttpServer(({ url }) => {
    asked += 1;
    const status = url.endsWith("/getMe") ? statuses.telegram : statuses.llm;
    return new Response(null, { status });
  });
  return {
    url: server.url,
    asked: () => asked,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const settingsFor = (url: string) => ({
  environment: "production",
  modelUrl: url,
  modelKey: "key",
  telegramUrl: url,
  botToken: "token",
  timing: realTiming,
});

describe("the product's preflight", () => {
  test.each([
    [{ llm: 200, telegram: 200 }, { ok: true }, { ok: true }],
    [{ llm: 401, telegram: 200 }, { ok: false, reason: "llm_auth_failed" }, { ok: true }],
    [
      { llm: 500, telegram: 403 },
      { ok: false, reason: "llm_http_500" },
      { ok: false, reason: "telegram_auth_failed" },
    ],
  ])("names what %j means", async (statuses, llm, telegram) => {
    await using outside = await startOutside(statuses);
    const preflight = createPreflight(settingsFor(outside.url), { now: () => new Date(), closing });
    expect((await preflight.report())?.checks).toEqual({ llm, telegram });
  });

  test("calls unreachable what does not answer", async () => {
    const nobody = "http://127.0.0.1:9";
    const preflight = createPreflight(settingsFor(nobody), { now: () => new Date(), closing });
    expect((await preflight.report())?.checks).toEqual({
      llm: { ok: false, reason: "llm_unreachable" },
      telegram: { ok: false, reason: "telegram_unreachable" },
    });
  });

  test("looks again when five minutes have passed, and not a moment before", async () => {
    await using outside = await startOutside({ llm: 200, telegram: 200 });
    let now = new Date("2026-11-23T01:00:00.000Z");
    const preflight = createPreflight(settingsFor(outside.url), { now: () => now, closing });
    await Promise.all([preflight.report(), preflight.report()]);
    expect(outside.asked()).toBe(2);
    now = new Date("2026-11-23T01:04:59.999Z");
    await preflight.report();
    expect(outside.asked()).toBe(2);
    now = new Date("2026-11-23T01:05:00.000Z");
    await preflight.report();
    expect(outside.asked()).toBe(4);
  });

  test("leaves a bot out that it has no token for", async () => {
    await using outside = await startOutside({ llm: 200, telegram: 500 });
    const settings = { ...settingsFor(outside.url), botToken: "" };
    const preflight = createPreflight(settings, { now: () => new Date(), closing });
    expect((await preflight.report())?.checks.telegram).toEqual({
      ok: true,
      skipped: true,
      reason: "telegram_token_not_configured",
    });
  });

  test("asks nothing where no preflight is demanded", async () => {
    await using outside = await startOutside({ llm: 200, telegram: 200 });
    const settings = { ...settingsFor(outside.url), environment: "dev" };
    const preflight = createPreflight(settings, { now: () => new Date(), closing });
    expect(await preflight.report()).toBeUndefined();
    expect(outside.asked()).toBe(0);
  });
});
