import { execFileSync } from "node:child_process";
import { appendFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "vitest";

import { query } from "../../support/records.ts";
import type { Family } from "./families.ts";
import { openStages } from "./stage.ts";
import { tryCells } from "./try-cells.ts";

const WITHIN = { timeout: 60_000, interval: 200 };
const MOUNT = "/bin/mount";
const UNMOUNT = "/bin/umount";
/** More than what is left of the file's last page, which even a full disk has. */
const ENTRIES = 12;
const PIECE = Buffer.alloc(64 * 1024);

const openStage = openStages();

tryCells("our disk is full", diskIsFull, {
  isPossible: process.getuid?.() === 0 || process.env["CI"] !== undefined,
});
async function diskIsFull(family: Family): Promise<void> {
  const { scene, begin, inItsMidst } = await openStage(family);
  const filler = join(scene.data, "filler");
  execFileSync(MOUNT, ["-t", "tmpfs", "-o", "size=256m", "tmpfs", scene.data]);
  try {
    const bot = await scene.startBot();
    const filled = inItsMidst(async () => {
      // Room enough for what is on it by now, and a little more to fill.
      execFileSync(MOUNT, ["-o", "remount,size=8m", scene.data]);
      await fill(filler);
    });
    const undertaking = await begin();
    await undertaking.finish();
    await filled;
    for (let n = 0; n < ENTRIES; n += 1) scene.world.as("viewer").say("/status");
    await expect.poll(async () => trouble(scene.databaseUrl), WITHIN).toBe("cannot-write");
    await undertaking.expectOnce();
    await rm(filler);
    await expect.poll(async () => trouble(scene.databaseUrl), WITHIN).toBe(null);
    await bot.stop();
  } finally {
    execFileSync(UNMOUNT, ["--lazy", scene.data]);
  }
}

/** Until nothing more goes in. */
async function fill(file: string): Promise<void> {
  for (let size = PIECE.length; size > 0; size = Math.floor(size / 2)) {
    try {
      for (;;) await appendFile(file, PIECE.subarray(0, size));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  }
}

async function trouble(databaseUrl: string): Promise<unknown> {
  const { rows } = await query(databaseUrl, "select trouble from evidence_file");
  return rows[0]?.["trouble"];
}
