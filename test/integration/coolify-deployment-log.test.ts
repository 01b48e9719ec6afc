import { afterAll, beforeAll, expect, inject, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase } from "../database.ts";
import { FAST_ENGINE, testConfig } from "../support/config.ts";

const opened = new AsyncDisposableStack();
let world: World;
beforeAll(async () => {
  world = opened.use(await startWorld());
  const database = opened.use(await createTestDatabase());
  const directory = opened.use(await temporaryDirectory("deployment-log"));
  const config = testConfig({
    data: directory.path,
    environment: {
      ...world.environment,
      OWN_DATABASE: database.url,
      OWN_REDIS: inject("redisUrl"),
    },
    more: `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`,
  });
  opened.use(
    await startApp({
      config,
      logger: createLogger(
        () => {},
        (text) => text,
      ),
      instance: "deployment-log",
      signal: new AbortController().signal,
    }),
  );
});
afterAll(async () => opened.disposeAsync());

type Seen = ReturnType<World["telegram"]["messages"]>[number];

async function answered(says: (message: Seen) => boolean): Promise<Seen> {
  return world.telegram.waitFor(
    (telegram) => telegram.messages().find((message) => message.from.isBot && says(message)),
    { timeoutMs: 30_000 },
  );
}

test("a deployment's log comes to the chat, the whole of it as a file, and none of the product's secrets", async () => {
  const { uuid } = world.coolify.state.applications.find(({ name }) => name.endsWith("-api"))!;
  const [deployment] = world.coolify.state.deployments.filter((row) => row.application === uuid);
  const secret = world.variables.api["LLM_API_KEY"] ?? "";
  expect(secret.length).toBeGreaterThan(10);
  const line = (output: string, order: number) => ({
    output,
    order,
    hidden: false,
    type: "stdout",
  });
  const built = Array.from({ length: 300 }, (_, order) =>
    line(`Step ${order} of the build`, order),
  );
  deployment!.logs = JSON.stringify([
    ...built,
    line(`ENV LLM_API_KEY=${secret}`, 300),
    { ...line("git clone of a private thing", 301), hidden: true },
  ]);

  world.as("operator").say(`/deployment api ${deployment!.deployment_uuid}`);
  const card = await answered(({ text }) => text.includes("deployment of api · finished"));
  expect(card.text).toContain("ENV LLM_API_KEY=[secret]");
  expect(card.text).not.toContain("private thing");
  expect(card.text).not.toContain("Step 200");

  world.as("operator").tap({ messageId: card.id, label: "Whole log" });
  const { file } = await answered((message) => message.file !== undefined);
  const whole = world.telegram.file(file!.fileId);
  const text = Buffer.from(whole!.bytes).toString("utf8");
  expect(text).toContain("Step 0 of the build");
  expect(text).toContain("Step 299 of the build");
  expect(text).toContain("ENV LLM_API_KEY=[secret]");
  expect(text).not.toContain(secret);
  expect(text).not.toContain("private thing");
});

test("a deployment that nobody knows is told as such", async () => {
  world.as("operator").say("/deployment api k0wo8o4s");
  const card = await answered(({ text }) => text.includes("deployment of api · not seen"));
  expect(card.text).toContain("Coolify has no deployment k0wo8o4s of api");
});
