import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "vitest";

import { tries } from "../../support/long-run.ts";
import { query } from "../../support/records.ts";
import { drives, type Undertaking } from "./drives.ts";
import type { Family } from "./families.ts";
import { openStages } from "./stage.ts";
import { tryCells } from "./try-cells.ts";

const COPIES = 4;
const QUEUED = tries({ short: 40, long: 300 });
const HOURS_MS = 6 * 60 * 60_000;
const WITHIN = { timeout: 90_000, interval: 200 };

const openStage = openStages();

tryCells("updates come five times, and late ones first", repeated);
async function repeated(family: Family): Promise<void> {
  const { scene, begin } = await openStage(family);
  const { telegram } = scene.world;
  await scene.startBot();
  const held = telegram.hold();
  const undertaking = await begin();
  const later = telegram.as("viewer").say("/whoami");
  held.release([later.updateId, ...undertaking.updates()]);
  const finished = new AbortController();
  const repeating = repeat(undertaking, finished.signal, telegram.redeliver);
  await undertaking.finish();
  finished.abort();
  await repeating;
  const last = telegram.as("viewer").say("/whoami");
  const answered = () => telegram.messages().find(({ replyTo }) => replyTo?.id === last.messageId);
  await telegram.waitFor(answered, { timeoutMs: WITHIN.timeout });
  await undertaking.expectOnce();
}

tryCells("six hours of outage, and a long queue of updates", outdated);
async function outdated(family: Family): Promise<void> {
  if (family === "alerts") throw new Error("No update asks for an alert.");
  const { scene, begin } = await openStage(family);
  const { world, databaseUrl } = scene;
  const { who, line } = drives[family].begins(world);
  const date = new Date(Date.now() - HOURS_MS);
  const before = await world.effects();
  const asked = Array.from({ length: QUEUED }, () => world.as(who).say(line, { date }).messageId);
  await scene.startBot();
  const untold = (): number => {
    const told = world.telegram.messages().flatMap(({ replyTo }) => replyTo?.id ?? []);
    return asked.filter((id) => !told.includes(id)).length;
  };
  await expect.poll(untold, WITHIN).toBe(0);
  const after = await world.effects();
  for (const effect of Object.keys(drives[family].effects)) {
    expect([effect, after[effect]]).toEqual([effect, before[effect]]);
  }
  expect((await query(databaseUrl, "select from run")).rows).toEqual([]);
  const undertaking = await begin();
  await undertaking.finish();
  await undertaking.expectOnce();
}

/** Every update by which people take part comes again and again, from the first to the last. */
async function repeat(
  { updates }: Undertaking,
  signal: AbortSignal,
  redeliver: (...updateIds: readonly number[]) => void,
): Promise<void> {
  const repeated = new Set<number>();
  for (;;) {
    const isOver = signal.aborted;
    for (const update of updates()) {
      if (repeated.has(update)) continue;
      repeated.add(update);
      for (let copy = 0; copy < COPIES; copy += 1) redeliver(update);
    }
    if (isOver) return;
    await sleep(100);
  }
}
