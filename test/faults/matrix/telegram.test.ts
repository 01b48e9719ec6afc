import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "vitest";

import type { Fault } from "../../../sandbox/telegram/faults.ts";
import type { Family } from "./families.ts";
import { openStages } from "./stage.ts";
import { tryCells } from "./try-cells.ts";

/** How long Telegram misbehaves. */
const OUTAGE_MS = 4_000;

const openStage = openStages();

/** Telegram misbehaves from the middle of something on, for a while or so often. */
const inItsMidstIs =
  (fault: Fault) =>
  async (family: Family): Promise<void> => {
    const { scene, begin, inItsMidst } = await openStage(family);
    await scene.startBot();
    const over = inItsMidst(async () => {
      const added = scene.world.telegram.faults.add(fault);
      if (fault.times !== undefined) return;
      await sleep(OUTAGE_MS);
      added[Symbol.dispose]();
    });
    const undertaking = await begin();
    await undertaking.finish();
    await over;
    await undertaking.expectOnce();
  };

tryCells("Telegram asks to wait (429)", inItsMidstIs({ kind: "rate-limit", retryAfter: 2 }));
tryCells("Telegram answers 500", inItsMidstIs({ kind: "server-error" }));
tryCells("Telegram says nothing", inItsMidstIs({ kind: "hang" }));
tryCells("Telegram does as told, and its answer is lost", async (family) => {
  const { scene, begin } = await openStage(family);
  await scene.startBot();
  // From the beginning, for only a message that is new may come twice.
  const { faults } = scene.world.telegram;
  const undertaking = await begin();
  faults.add({ kind: "lost-answer", method: /^send/, times: 1 });
  await undertaking.finish();
  await undertaking.expectOnce();
});

tryCells(
  "the bot is thrown out of the group for a while (403)",
  inItsMidstIs({ kind: "refuse", method: /^(?:send|edit)/ }),
);
tryCells(
  "Telegram takes offence at the words of a message (400)",
  inItsMidstIs({ kind: "offence", method: /^(?:send|edit)/, times: 1 }),
);

tryCells("taps are answered too late", async (family) => {
  const { scene, begin } = await openStage(family);
  await scene.startBot();
  scene.world.telegram.faults.add({
    kind: "offence",
    method: "answerCallbackQuery",
    because: "query is too old and response timeout expired or query ID is invalid",
  });
  const undertaking = await begin();
  await undertaking.finish();
  await undertaking.expectOnce();
});

tryCells("the group goes on under another id", moved);
async function moved(family: Family): Promise<void> {
  const { scene, begin, inItsMidst } = await openStage(family, { ownWorld: true });
  const { telegram } = scene.world;
  await scene.startBot();
  const before = new Set(telegram.messages().map(({ id }) => id));
  const migrated = inItsMidst(() => void telegram.migrate());
  const undertaking = await begin();
  await undertaking.finish();
  await migrated;
  await undertaking.expectOnce();
  const notices = () =>
    telegram
      .messages()
      .filter(({ id, text }) => !before.has(id) && text.includes("This group has a new id"));
  await expect.poll(notices, { timeout: 30_000 }).toHaveLength(1);
}
