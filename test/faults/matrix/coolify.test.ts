import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "vitest";

import type { FaultName } from "../../../sandbox/faults.ts";
import { variableIn } from "../../support/rotation.ts";
import type { Family } from "./families.ts";
import { openStages } from "./stage.ts";
import { tryCells } from "./try-cells.ts";

/** How long Coolify is asked too often, or takes its time. */
const FOR_A_WHILE_MS = 6_000;
/** There and back again, on a slow machine. */
const LED_BACK_WITHIN_MS = 240_000;

const openStage = openStages();

/** It is broken from the beginning to the end. */
const isBroken =
  (fault: FaultName) =>
  async (family: Family): Promise<void> => {
    const { scene, begin } = await openStage(family);
    await scene.startBot();
    await scene.world.break(fault);
    const undertaking = await begin();
    await undertaking.finish();
    await undertaking.expectOnce();
  };

const isBrokenInItsMidst =
  (fault: FaultName) =>
  async (family: Family): Promise<void> => {
    const { scene, begin, inItsMidst } = await openStage(family);
    await scene.startBot();
    const healed = inItsMidst(async () => {
      await scene.world.break(fault);
      await sleep(FOR_A_WHILE_MS);
      await scene.world.heal(fault);
    });
    const undertaking = await begin();
    await undertaking.finish();
    await healed;
    await undertaking.expectOnce();
  };

/** Nothing is done, and the card says why. */
const nothingIsDone = (fault: FaultName) => {
  const orAnyway = isBroken(fault);
  return async (family: Family): Promise<void> => {
    if (family === "backup") return orAnyway(family);
    const { scene, begin } = await openStage(family);
    await scene.startBot();
    await scene.world.break(fault);
    const undertaking = await begin();
    const card = await undertaking.until(/🔴|not begun/);
    expect(card.text).toContain("Coolify");
    expect(Object.values(await undertaking.grown()).every((count) => count === 0)).toBe(true);
  };
};

/** It was begun, it cannot be gone on with, and so it is led back. */
const isLedBack =
  (fault: FaultName) =>
  async (family: Family): Promise<void> => {
    const { scene, begin } = await openStage(family, { ownWorld: true });
    const { world } = scene;
    const inForce = () => variableIn(world, "api", "APP_AUTH_BEARER_TOKENS");
    const before = inForce();
    await scene.startBot();
    await world.break(fault);
    const undertaking = await begin();
    await undertaking.until(/failed[^]*led back/, LED_BACK_WITHIN_MS);
    expect(inForce()).toEqual(before);
    await world.heal(fault);
    const status = await fetch(`${world.product.apiUrl}/v1/sync/todoist/status`, {
      headers: { authorization: `Bearer ${before.production ?? ""}` },
    });
    expect(status.status).toBe(200);
  };

tryCells("Coolify is down", nothingIsDone("coolify-down"));
tryCells("Coolify does not know our tokens any more (401)", nothingIsDone("coolify-token-revoked"));
tryCells("Coolify is asked too often (429)", nothingIsDone("coolify-refuses-too-many-requests"));
tryCells(
  "Coolify is asked too often (429) for a while in its midst",
  isBrokenInItsMidst("coolify-refuses-too-many-requests"),
);
tryCells("Coolify takes seconds for every answer", isBrokenInItsMidst("coolify-is-slow"));
tryCells("Coolify does as told, and answers 500", isBroken("coolify-answers-500-after-accepting"));
tryCells("Coolify does as told, and its answers are cut off", isBroken("coolify-cuts-its-answers"));
tryCells("a deployment vanishes", isLedBack("deployments-vanish"));
// Whoever deployed what runs, it has read its variables, and by that a rotation is judged.
tryCells("somebody else deploys at the same time", isBroken("deployments-are-overtaken"));
