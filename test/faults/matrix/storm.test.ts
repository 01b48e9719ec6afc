import { expect } from "vitest";

import { lookAt, madeUpChecks } from "../../support/made-up-checks.ts";
import { query } from "../../support/records.ts";
import type { Family } from "./families.ts";
import { openStages } from "./stage.ts";
import { tryCells } from "./try-cells.ts";

const ALERTS = 300;

const openStage = openStages();

tryCells("hundreds of alerts at once", stormy);
async function stormy(family: Family): Promise<void> {
  const { scene, begin, inItsMidst } = await openStage(family);
  const bot = await scene.startBot();
  const storm = inItsMidst(async () => {
    const { watched, ...desk } = (await bot.app()).flightdeck;
    const [{ target, scene: place }] = watched;
    await lookAt({ ...desk, target, scene: place }, madeUpChecks(ALERTS, "page"), "fail");
  });
  const undertaking = await begin();
  await undertaking.finish();
  await storm;
  await undertaking.expectOnce();
  const { rows } = await query(scene.databaseUrl, "select from alert where state = 'firing'");
  expect(rows).toHaveLength(ALERTS);
}
