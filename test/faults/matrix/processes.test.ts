import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "pg";
import { expect } from "vitest";

import { temporaryDirectory } from "../../../src/servers/temporary-directory.ts";
import { untilStruck } from "../../support/bot-in-world.ts";
import { query } from "../../support/records.ts";
import type { Bot } from "../../support/spawn-bot.ts";
import type { Family } from "./families.ts";
import { openStages, type Stage } from "./stage.ts";
import { tryCells } from "./try-cells.ts";

const WITHIN = { timeout: 60_000, interval: 100 };

const openStage = openStages();

tryCells("killed while its update is being stored", killedWhileStoring);
async function killedWhileStoring(family: Family): Promise<void> {
  const { scene, begin } = await openStage(family);
  await using struck = await scene.spawnBot();
  const holder = new Client({ connectionString: scene.databaseUrl });
  await holder.connect();
  await holder.query("begin; lock table inbox in share mode");
  const undertaking = await begin();
  const storing = `select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query ~* 'insert into inbox'`;
  await expect
    .poll(async () => (await query(scene.databaseUrl, storing)).rows.length, WITHIN)
    .toBe(1);
  struck.kill("SIGKILL");
  await struck.exited;
  await holder.end();
  await scene.startBot();
  await undertaking.finish();
  await undertaking.expectOnce();
}

tryCells("killed after its update was stored", async (family) => {
  const { scene, begin } = await openStage(family);
  await using struck = await scene.spawnBot({ killAt: "inbox.stored" });
  const undertaking = await begin();
  await untilStruck(struck, WITHIN.timeout);
  await scene.startBot();
  await undertaking.finish();
  await undertaking.expectOnce();
});

tryCells("killed between sending a message and noting it", async (family) => {
  const { scene, begin } = await openStage(family);
  // Of the first run, that is, and of no other message that may be sent before.
  await using struck = await scene.spawnBot({ killAt: "message.accepted@1" });
  const undertaking = await begin();
  await untilStruck(struck, WITHIN.timeout);
  await scene.startBot();
  await undertaking.finish();
  await undertaking.expectOnce();
});

tryCells("paused in its midst until another process has taken over", pausedAndFenced);
async function pausedAndFenced(family: Family): Promise<void> {
  const stage = await openStage(family);
  await using paused = await spawnFor(stage, "SIGSTOP");
  const undertaking = await stage.begin();
  if (family === "alerts") await fires(stage).then(() => paused.kill("SIGSTOP"));
  // Whoever is asked says yes, so that it comes to its midst.
  await Promise.all([
    undertaking.finish(),
    untilStopped(paused).then(async () => stage.scene.startBot()),
  ]);
  paused.kill("SIGCONT");
  await expect.poll(() => paused.log(), WITHIN).toContain('"leads":false');
  // Counted when the paused one has had its chance, and the time, to do it again.
  await sleep(2_000);
  await undertaking.expectOnce();
}

tryCells("told to stop in its midst (SIGTERM)", stopped);
async function stopped(family: Family): Promise<void> {
  const stage = await openStage(family);
  await using told = await spawnFor(stage, "SIGTERM");
  const undertaking = await stage.begin();
  if (family === "alerts") await fires(stage).then(() => told.kill("SIGTERM"));
  const handOver = async (): Promise<void> => {
    expect(await told.exited).toBe(0);
    await stage.scene.startBot();
  };
  await Promise.all([undertaking.finish(), handOver()]);
  await undertaking.expectOnce();
}

tryCells("two processes side by side", async (family) => {
  const { scene, begin } = await openStage(family);
  await using elsewhere = await temporaryDirectory("matrix-replica");
  await using _first = await scene.startBot();
  await using _second = await scene.startBot({ data: elsewhere.path });
  const undertaking = await begin();
  await undertaking.finish();
  await undertaking.expectOnce();
});

tryCells("the one of two processes that leads stops in its midst", async (family) => {
  const { scene, begin, inItsMidst } = await openStage(family);
  const leader = await scene.startBot();
  await scene.startBot();
  const stopped = inItsMidst(leader.stop);
  const undertaking = await begin();
  await undertaking.finish();
  await stopped;
  await undertaking.expectOnce();
});

/** A bot that is struck in the midst; of an alert that is told by what is kept of it. */
async function spawnFor(
  { family, scene, midst }: Stage,
  killWith: "SIGSTOP" | "SIGTERM",
): Promise<Bot> {
  return family === "alerts"
    ? scene.spawnBot({ watches: true })
    : scene.spawnBot({ killAt: midst, killWith });
}

async function fires({ scene }: Stage): Promise<void> {
  const sql = "select from alert where state = 'firing'";
  await expect.poll(async () => (await query(scene.databaseUrl, sql)).rows.length, WITHIN).toBe(1);
}

async function untilStopped({ pid }: Bot): Promise<void> {
  const state = async (): Promise<string> => readFile(`/proc/${pid}/stat`, "utf8");
  await expect.poll(state, WITHIN).toMatch(/\) T /);
}
