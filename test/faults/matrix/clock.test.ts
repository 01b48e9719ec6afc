import type { Family } from "./families.ts";
import { openStages } from "./stage.ts";
import { tryCells } from "./try-cells.ts";

const HOUR_MS = 60 * 60_000;
const wrongClock = new URL("./wrong-clock.ts", import.meta.url).href;

const openStage = openStages();

const machineIsOff =
  (offMs: number) =>
  async (family: Family): Promise<void> => {
    const { scene, begin } = await openStage(family);
    await using _bot = await scene.spawnBot({
      watches: family === "alerts",
      environment: { NODE_OPTIONS: `--import ${wrongClock}`, CLOCK_OFF_MS: String(offMs) },
    });
    const undertaking = await begin();
    await undertaking.finish();
    await undertaking.expectOnce();
  };

const databaseJumps =
  (byMs: number) =>
  async (family: Family): Promise<void> => {
    const { scene, begin, inItsMidst } = await openStage(family);
    let jumpedMs = 0;
    await scene.startBot({ clock: (now) => new Date(now.getTime() + jumpedMs) });
    const jumped = inItsMidst(() => {
      jumpedMs = byMs;
    });
    const undertaking = await begin();
    await undertaking.finish();
    await jumped;
    await undertaking.expectOnce();
  };

tryCells("the machine's clock is an hour ahead", machineIsOff(HOUR_MS));
tryCells("the machine's clock is an hour behind", machineIsOff(-HOUR_MS));
tryCells("the database's clock jumps ahead by an hour in its midst", databaseJumps(HOUR_MS));
tryCells("the database's clock jumps back by an hour in its midst", databaseJumps(-HOUR_MS));
