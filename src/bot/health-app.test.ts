import { expect, test } from "vitest";

import { Secret } from "../core/secret.ts";
import { createHealthApp, type HealthParts } from "./health-app.ts";

const TOKEN = "t".repeat(32);

function health(more: Partial<HealthParts> = {}) {
  const errors: unknown[] = [];
  const app = createHealthApp({
    vitals: () => ({ upForSeconds: 7, loopLagMs: 1 }),
    readiness: async () => ({ isReady: true, parts: { role: "leader", redis: "ok" } }),
    metrics: async () => ({ contentType: "text/plain; version=0.0.4", text: "up 1\n" }),
    metricsToken: undefined,
    onError: (error) => errors.push(error),
    ...more,
  });
  return { app, errors };
}

test("a process that answers is alive, whatever it depends on", async () => {
  const { app } = health({ readiness: async () => ({ isReady: false, parts: {} }) });
  const answer = await app.request("/healthz");
  expect([answer.status, await answer.json()]).toEqual([
    200,
    { status: "alive", upForSeconds: 7, loopLagMs: 1 },
  ]);
});

test.each([
  [true, 200, "ready"],
  [false, 503, "not ready"],
])("readiness %s is answered by %i, with every part", async (isReady, status, word) => {
  const parts = { role: "leader", redis: isReady ? "ok" : "no answer" };
  const { app } = health({ readiness: async () => ({ isReady, parts }) });
  const answer = await app.request("/readyz");
  expect([answer.status, await answer.json()]).toEqual([status, { status: word, ...parts }]);
});

test("metrics are read by anybody who reaches the address, unless there is a token", async () => {
  const open = await health().app.request("/metrics");
  expect([open.status, open.headers.get("content-type"), await open.text()]).toEqual([
    200,
    "text/plain; version=0.0.4",
    "up 1\n",
  ]);
  const { app } = health({ metricsToken: new Secret(TOKEN) });
  const ask = async (authorization?: string) =>
    (await app.request("/metrics", authorization ? { headers: { authorization } } : {})).status;
  expect(await ask()).toBe(401);
  expect(await ask(`Bearer ${TOKEN}x`)).toBe(401);
  expect(await ask(`Basic ${TOKEN}`)).toBe(401);
  expect(await ask(`Bearer ${TOKEN}`)).toBe(200);
});

test("what fails is reported here and says nothing outside", async () => {
  const { app, errors } = health({
    metrics: async () => {
      throw new Error("with details");
    },
  });
  const answer = await app.request("/metrics");
  expect([answer.status, await answer.text()]).toEqual([500, ""]);
  expect(errors).toHaveLength(1);
  expect((await app.request("/other")).status).toBe(404);
});
