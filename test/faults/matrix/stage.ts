import { afterAll, onTestFinished } from "vitest";

import { startWorld, type World } from "../../../sandbox/world.ts";
import { ALERT_MIDST, raiseAlert, watchesOneCheck } from "./alert-drive.ts";
import { drive, drives, type Undertaking } from "./drives.ts";
import type { Family } from "./families.ts";
import { openScene, passed, type Scene } from "./scene.ts";

/** A family that is about to be tried, in a world and with stores of which nothing is known yet. */
export type Stage = {
  readonly family: Family;
  readonly scene: Scene;
  /** A moment in the middle of it. */
  readonly midst: string;
  begin(): Promise<Undertaking>;
  /** Does something once a bot of this process is in the middle of it; to be called before it is begun. */
  inItsMidst(does: () => void | Promise<void>): Promise<void>;
};

export type StageOptions = {
  /** A world that nobody had before, and nobody has afterwards. */
  readonly ownWorld?: boolean;
  readonly more?: string;
};

const MIDST_WITHIN_MS = 120_000;

/** Opens stages one after the other; the worlds that it needs are shared by a whole file, for they cost seconds. */
export function openStages(): (family: Family, options?: StageOptions) => Promise<Stage> {
  const worlds = new Map<string, World>();
  const opened = new AsyncDisposableStack();
  afterAll(async () => opened.disposeAsync());

  const newWorld = async (): Promise<World> =>
    startWorld({ deploymentStepMs: 60, timing: { workerPausesMs: [20, 20, 20, 20] } });
  const sharedWorld = async (name: string): Promise<World> => {
    const world = worlds.get(name) ?? opened.use(await newWorld());
    worlds.set(name, world);
    await world.healAll();
    world.telegram.faults.clear();
    return world;
  };

  return async (family, { ownWorld = false, more = "" } = {}) => {
    // Afterwards the token that everybody else uses is dead.
    const name = family === "rotate" ? "rotated" : "shared";
    const world = ownWorld ? await newWorld() : await sharedWorld(name);
    const scene = await openScene(world, {
      more: `approvals: { deploy: confirm }\n${more}`,
      ...(family === "alerts" ? { tune: watchesOneCheck } : {}),
    });
    onTestFinished(async () => {
      await scene[Symbol.asyncDispose]();
      if (ownWorld) await world[Symbol.asyncDispose]();
    });
    const midst = family === "alerts" ? ALERT_MIDST : drives[family].midst;
    if (family !== "alerts") await drives[family].prepare(world);
    return {
      family,
      scene,
      midst,
      begin: async () => (family === "alerts" ? raiseAlert(scene) : drive(drives[family], scene)),
      inItsMidst: async (does) => passed(midst, AbortSignal.timeout(MIDST_WITHIN_MS)).then(does),
    };
  };
}
