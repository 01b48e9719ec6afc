import * as fc from "fast-check";
import { expect, test } from "vitest";

import { createHealthApp } from "../../src/bot/health-app.ts";
import { createWebhookApp } from "../../src/bot/webhook-app.ts";
import { Secret } from "../../src/core/secret.ts";
import { breath, cases, FUZZ_TIMEOUT_MS } from "./cases.ts";
import { changed, hostileJson, hostileText } from "./hostile-text.ts";

const SECRET = "a-webhook-secret-of-nobody-0123456789";
const HEADER = "x-telegram-bot-api-secret-token";
const PATH = "/telegram/hook";
const PLACE = "http://127.0.0.1:8443";

/** A header carries printable characters of one byte and nothing else; HTTP lets nothing else through. */
const headerText = hostileText.map((text) => text.replaceAll(/[^\u0020-\u007e]/g, "").trim());

const method = fc.oneof(
  { weight: 6, arbitrary: fc.constant("POST") },
  fc.constantFrom("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"),
);
const path = fc.oneof(
  { weight: 6, arbitrary: fc.constant(PATH) },
  fc.constantFrom("/", `${PATH}/`, `${PATH}//`, PATH.toUpperCase(), "/telegram/%68ook", "/..//"),
  hostileText.map((text) => `/${encodeURIComponent(text.toWellFormed())}`),
);
const secret = fc.oneof(
  { weight: 6, arbitrary: fc.constant(SECRET) },
  fc.constantFrom("", SECRET.slice(1), `${SECRET}0`, SECRET.toUpperCase(), "undefined"),
  headerText,
);
const update = { update_id: 7, message: { message_id: 7, text: "/status" } };
const body = fc.oneof(
  { weight: 3, arbitrary: changed(update).map((value) => JSON.stringify(value) ?? "") },
  { weight: 2, arbitrary: fc.constant(JSON.stringify(update)) },
  hostileJson.map((value) => JSON.stringify(value)),
  fc.nat({ max: 60 }).map((length) => JSON.stringify(update).slice(0, length)),
  hostileText,
  fc.constantFrom("x".repeat(300_000), "[".repeat(100_000), '{"update_id":7,"update_id":"8"}'),
);

/** Letters that are spelt otherwise than they need to be mean the same place. */
function placeOf(path: string): string {
  return decodeURIComponent(new URL(`${PLACE}${path}`).pathname);
}

/** What Telegram would have to have sent. */
function isUpdate(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    const id: unknown = Object(value).update_id;
    return !Array.isArray(value) && Number.isSafeInteger(id) && Number(id) > 0;
  } catch {
    return false;
  }
}

test(
  "through the webhook comes what is an update and knows the secret, and nothing else; nothing breaks it",
  async () => {
    const ends = { in: 0, out: 0 };
    await fc.assert(
      fc
        .asyncProperty(method, path, secret, body, async (method, path, secret, body) => {
          const accepted: unknown[] = [];
          const errors: unknown[] = [];
          const app = createWebhookApp({
            path: PATH,
            secret: new Secret(SECRET),
            accept: async (one) => void accepted.push(one),
            onError: (error) => errors.push(error),
          });
          const hasBody = method !== "GET" && method !== "HEAD";
          const answer = await app.request(`${PLACE}${path}`, {
            method,
            headers: { [HEADER]: secret },
            ...(hasBody ? { body } : {}),
          });
          const isRight = method === "POST" && placeOf(path) === PATH && secret === SECRET;
          const fits = Buffer.byteLength(body.toWellFormed()) <= 256 * 1024;
          const comesIn = isRight && fits && isUpdate(body.toWellFormed());
          ends[comesIn ? "in" : "out"] += 1;
          expect([accepted.length, answer.status === 200]).toEqual(
            comesIn ? [1, true] : [0, false],
          );
          expect([200, 400, 401, 404, 405, 413]).toContain(answer.status);
          expect(await answer.text()).toBe("");
          expect(errors).toEqual([]);
        })
        .beforeEach(breath),
      cases(600),
    );
    expect(Math.min(ends.in, ends.out)).toBeGreaterThan(20);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "metrics are read by who has the token, health by everybody, and nothing else is there",
  async () => {
    const app = createHealthApp({
      vitals: () => ({ upForSeconds: 1, loopLagMs: 0 }),
      readiness: async () => ({ isReady: true, parts: { database: "answers" } }),
      metrics: async () => ({ contentType: "text/plain", text: "up 1" }),
      metricsToken: new Secret(SECRET),
      onError: (error) => {
        throw error;
      },
    });
    const place = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom("/healthz", "/readyz", "/metrics") },
      fc.constantFrom("/", "/metrics/", "/METRICS", "/healthz/..", "/%6detrics2"),
      hostileText.map((text) => `/${encodeURIComponent(text.toWellFormed())}`),
    );
    const login = fc.oneof(
      fc.constantFrom(`Bearer ${SECRET}`, `bearer   ${SECRET}`, `Basic ${SECRET}`, SECRET, ""),
      headerText.map((text) => `Bearer ${text}`),
      headerText,
    );
    await fc.assert(
      fc
        .asyncProperty(method, place, login, async (method, path, authorization) => {
          const answer = await app.request(`${PLACE}${path}`, {
            method,
            headers: { authorization },
          });
          const reads = method === "GET" || method === "HEAD";
          const { pathname } = new URL(`${PLACE}${path}`);
          const hasToken =
            /^bearer +\S+$/i.test(authorization) && authorization.endsWith(` ${SECRET}`);
          const expected =
            reads && ["/healthz", "/readyz"].includes(pathname)
              ? 200
              : reads && pathname === "/metrics"
                ? hasToken
                  ? 200
                  : 401
                : 404;
          expect([method, pathname, authorization, answer.status]).toEqual([
            method,
            pathname,
            authorization,
            expected,
          ]);
          expect((await answer.text()).includes(SECRET)).toBe(false);
        })
        .beforeEach(breath),
      cases(300),
    );
  },
  FUZZ_TIMEOUT_MS,
);
