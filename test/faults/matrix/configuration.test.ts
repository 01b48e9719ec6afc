import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, inject } from "vitest";

import { SEAL_KEY } from "../../support/bot-in-world.ts";
import { configText } from "../../support/config.ts";
import { query } from "../../support/records.ts";
import type { Family } from "./families.ts";
import { OWN_STORES } from "./own-stores.ts";
import { openStages } from "./stage.ts";
import { tryCells } from "./try-cells.ts";

const root = join(import.meta.dirname, "../../..");
const WITHIN_MS = 90_000;

/** A word of the sandbox's file that the family goes by, and one that makes no sense there. */
const MISTAKES: Readonly<Record<Family, readonly [right: string, wrong: string]>> = {
  reading: ["flow: todoist", "flow: todoisd"],
  backup: ["keep: { atLeast: 5", "keep: { atLeast: five"],
  rotate: ["kind: api-token", "kind: api-tokem"],
  deploy: ["jobFlow: a-job", "jobFlow: no-job"],
  rollback: ["failing: 3 of 5", "failing: 5 of 3"],
  alerts: ["severity: warn", "severity: loud"],
};

const openStage = openStages();

tryCells("its part of the configuration is wrong", isRefused);
async function isRefused(family: Family): Promise<void> {
  const { scene } = await openStage(family);
  const { world } = scene;
  const [right, wrong] = MISTAKES[family];
  const text = configText({ data: scene.data, more: OWN_STORES });
  expect(text).toContain(right);
  const file = join(scene.data, "wrong.yaml");
  await writeFile(file, text.replace(right, wrong));
  const asked = world.telegram.calls().length;
  const { code, stderr } = await start(file, {
    ...world.environment,
    OWN_DATABASE: scene.databaseUrl,
    OWN_REDIS: inject("redisUrl"),
    SEAL_KEY,
  });
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/wrong\.yaml:\d+:\d+/);
  expect(world.telegram.calls()).toHaveLength(asked);
  const tables = "select from pg_tables where schemaname = 'public'";
  expect((await query(scene.databaseUrl, tables)).rows).toEqual([]);
}

/** `flightdeck start`, until it gives up. */
async function start(
  file: string,
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const child = spawn(process.execPath, ["src/main.ts", "start", file], {
    cwd: root,
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: WITHIN_MS,
  });
  let stderr = "";
  child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stderr };
}
