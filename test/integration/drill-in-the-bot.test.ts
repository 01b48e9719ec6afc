import { execFile } from "node:child_process";
import { chmod, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { artifactNames } from "../../src/core/manifest.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { configText, FAST_ENGINE, testConfig } from "../support/config.ts";
import { query, readEntries } from "../support/records.ts";

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let folder: string;
const root = join(import.meta.dirname, "../..");

beforeAll(async () => {
  world = opened.use(await startWorld());
  database = opened.use(await createTestDatabase());
  const directory = opened.use(await temporaryDirectory("drill-bot"));
  await chmod(directory.path, 0o711);
  folder = directory.path;
  const more = `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`;
  await writeFile(join(folder, "config.yaml"), configText({ data: folder, more }));
  opened.use(
    await startApp({
      config: testConfig({
        data: directory.path,
        environment: {
          ...world.environment,
          OWN_DATABASE: database.url,
          OWN_REDIS: inject("redisUrl"),
        },
        more,
      }),
      logger: createLogger(
        () => {},
        (text) => text,
      ),
      instance: "test-1",
      signal: new AbortController().signal,
    }),
  );
});
afterAll(async () => opened.disposeAsync());

async function answerTo(text: string, reads: RegExp, who: "operator" | "viewer" = "operator") {
  const before = new Set(world.telegram.messages().map((message) => message.id));
  world.as(who).say(text);
  return world.telegram.waitFor(
    () =>
      world.telegram
        .messages()
        .find(
          (message) => message.from.isBot && !before.has(message.id) && reads.test(message.text),
        ),
    { timeoutMs: 50_000 },
  );
}

/** The same on the command line, as on the day when the chat is away. */
async function flightdeck(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  const env = {
    PATH: process.env["PATH"] ?? "",
    USER: process.env["USER"] ?? "root",
    ...world.environment,
    OWN_DATABASE: database.url,
    OWN_REDIS: inject("redisUrl"),
    ...more,
  };
  const command = [join(root, "src/main.ts"), ...args, "--config", join(folder, "config.yaml")];
  return new Promise<{ readonly code: unknown; readonly stdout: string; readonly stderr: string }>(
    (resolve) => {
      execFile(process.execPath, command, { cwd: root, env }, (error, stdout, stderr) =>
        resolve({ code: error?.code ?? 0, stdout, stderr }),
      );
    },
  );
}

const idIn = (text: string): string => /\d{8}T\d{6}Z/.exec(text)?.[0] ?? "";

describe("a drill asked in the chat", () => {
  let id = "";

  test("verifies what /backup has just put into the bucket, out of the bucket", async () => {
    id = idIn((await answerTo("/backup", /backup SAVED/)).text);
    const card = await answerTo("/drill", /drill (?:VERIFIED|FAILED|COULD NOT VERIFY)/);
    expect(card.text).toMatch(/^🟢 sandbox · drill VERIFIED\n/);
    expect(card.text).toContain(`backup ${id}`);
    expect(card.text).toContain("from bucket 127.0.0.1");
    const entry = (await readEntries(database.url)).findLast(
      ({ operation }) => operation === "drill",
    );
    expect(entry).toMatchObject({
      kind: "run.result",
      result: "VERIFIED",
      actor: { name: "Otto" },
      facts: { backup: id, "backup-run": expect.stringMatching(/^R-/) },
    });
    const { rows } = await query(database.url, "select backup, verdict from drill");
    expect(rows).toEqual([{ backup: id, verdict: "VERIFIED" }]);
  });

  test("is verified by the command line too, which ends with 0", async () => {
    const { code, stdout } = await flightdeck(["drill", id]);
    expect(stdout).toMatch(/^🟢 sandbox · drill VERIFIED\n/);
    expect(code).toBe(0);
  });

  test("leads back from the bucket by its name and the key of the safe", async () => {
    await using target = await createTestDatabase();
    const key = join(folder, "safe");
    await writeFile(key, world.backupKeys.recovery.identity, { mode: 0o600 });
    const args = ["restore", id, "--to", "${env:RESTORE_URL}", "--identity", key];
    const { code, stdout, stderr } = await flightdeck(args, { RESTORE_URL: target.url });
    await rm(key);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("It is what was counted when the backup was taken.");
    const { rows } = await query(target.url, "select version_num from alembic_version");
    expect(rows).toEqual([{ version_num: "c3a2b7d9f1e0" }]);
  });

  test("finds that the bucket's copy rotted, although a good one lies on this machine", async () => {
    const name = `sandbox/${artifactNames(id).artifact}`;
    const bytes = Buffer.from(world.s3.object(name) ?? "");
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
    world.s3.meddle(name, bytes);
    const card = await answerTo(`/drill ${id}`, /drill (?:VERIFIED|FAILED|COULD NOT VERIFY)/);
    expect(card.text).toMatch(/^🔴 sandbox · drill FAILED\n✗ artifact-is-what-was-kept: SHA-256/);
    expect((await flightdeck(["drill", id])).code).toBe(1);
  });

  test("is refused to viewers, and when no such backup can be meant", async () => {
    expect((await answerTo("/drill", /needs the role/, "viewer")).text).toContain("operator");
    const refusal = await answerTo("/drill yesterday", /is no backup/);
    expect(refusal.text).toContain("20261123T030000Z");
  });
});
