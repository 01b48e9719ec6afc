import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";

import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { runCommandLine } from "../../src/cli.ts";
import { createBell } from "../../src/core/waiting.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase } from "../database.ts";
import { answersTo } from "../support/bot-in-world.ts";
import { configText, FAST_ENGINE } from "../support/config.ts";
import { HASTE } from "../support/rollout.ts";
import { apiTokens } from "../support/rotation-secrets.ts";
import { pressYes } from "../support/rotation.ts";

const WAIT_MS = 50_000;

const opened = new AsyncDisposableStack();
let world: World;
let output = "";
/** Flightdeck's own copy of the token. */
let copy: string;

beforeAll(async () => {
  world = opened.use(await startWorld({ deploymentStepMs: 60 }));
  copy = join(world.environment["SANDBOX_SECRETS"] ?? "", "api-token");
  const database = opened.use(await createTestDatabase());
  const folder = opened.use(await temporaryDirectory("read-anew"));
  const file = join(folder.path, "sandbox.yaml");
  const more = `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`;
  await writeFile(file, configText({ data: folder.path, more }));
  const stopping = new AbortController();
  const ended = runCommandLine({
    argv: ["start", file],
    sources: {
      environment: {
        ...world.environment,
        ...HASTE,
        OWN_DATABASE: database.url,
        OWN_REDIS: inject("redisUrl"),
      },
      readFile: (path) => readFileSync(path, "utf8"),
    },
    stdin: new PassThrough(),
    osUser: "nobody",
    instance: "test-read-anew",
    stdout: (text) => void (output += text),
    stderr: (text) => void (output += text),
    signal: stopping.signal,
    hangUp: createBell(),
  });
  opened.defer(async () => {
    stopping.abort();
    await ended;
  });
  await vi.waitUntil(() => starts() === 1, { timeout: WAIT_MS });
});
afterAll(async () => {
  await opened.disposeAsync();
});

const starts = (): number => output.split('"msg":"started"').length - 1;

/** What the bot's own check says of the token that the bot itself has. */
async function ownToken(): Promise<string> {
  const { messageId } = world.as("operator").say("/preflight api-accepts-our-token");
  const answer = await world.telegram.waitFor(
    () => answersTo(world, messageId).find(({ text }) => /· (?:NO-GO|GO|UNKNOWN)/.test(text)),
    { timeoutMs: WAIT_MS },
  );
  return /· (NO-GO|GO|UNKNOWN)/.exec(answer.text)?.[1] ?? "";
}

test("a bot that rotates what it has itself goes on with the new one, and with the rotation, by a start afresh", async () => {
  const old = apiTokens.inForce(world);
  const { messageId } = world.as("operator").say("/rotate api-tokens");
  const bot = { exited: new Promise<never>(() => {}), log: () => output };
  await pressYes(world, messageId, { bot, reads: /🟢 .* api-tokens rotated/ });
  await expect.poll(starts, { timeout: WAIT_MS }).toBeGreaterThan(1);
  const minted = apiTokens.inForce(world);
  expect(minted).not.toBe(old);
  expect((await readFile(copy, "utf8")).trim()).toBe(minted);
  expect(await ownToken()).toBe("GO");
  // It learnt of both on the way, and its log tells of neither.
  expect(output).not.toContain(old);
  expect(output).not.toContain(minted);
}, 120_000);

test("what another process has put there, as a rotation from a terminal does, is read anew by itself", async () => {
  const present = await readFile(copy, "utf8");
  const before = starts();
  await writeFile(copy, "the-token-of-somebody-who-is-nobody\n");
  await expect.poll(starts, { timeout: WAIT_MS }).toBe(before + 1);
  expect(await ownToken()).toBe("NO-GO");
  await writeFile(copy, present);
  await expect.poll(starts, { timeout: WAIT_MS }).toBe(before + 2);
  expect(await ownToken()).toBe("GO");
}, 120_000);
