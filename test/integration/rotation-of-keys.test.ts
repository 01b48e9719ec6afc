import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { Secret } from "../../src/core/secret.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { rotating, type Rotating } from "../support/procedure.ts";
import { variableIn } from "../support/rotation.ts";

const opened = new AsyncDisposableStack();
let world: World;
let data: string;

beforeAll(async () => {
  world = opened.use(await startWorld({ deploymentStepMs: 40 }));
  data = opened.use(await temporaryDirectory("rotation-of-keys")).path;
});
afterAll(async () => {
  await opened.disposeAsync();
});

/** Nobody watches for a minute what a test can see at once. */
const swift = (text: string): string =>
  text.replace("watch: ${env:SANDBOX_WATCH_LASTS:-1m}\n", "watch: 1s\n");

async function begun(tune: (text: string) => string = (text) => text): Promise<Rotating> {
  const rotation = opened.use(
    rotating(world, "xai-key", { data, tune: (text) => tune(swift(text)) }),
  );
  await rotation.begin();
  return rotation;
}

const inForce = (): string => variableIn(world, "api", "LLM_API_KEY").production ?? "";

describe("a key of xAI, whoever dies on the way", () => {
  test("is one key at the end, although its maker died after every deed before he could tell", async () => {
    const before = inForce();
    const rotation = await begun();
    await rotation.doAllDyingEachTime();
    const minted = (await rotation.vault.minted()).reveal();
    expect(inForce()).toBe(minted);
    expect(minted).not.toBe(before);
    expect(world.xai.accepted()).toHaveLength(1);
    expect(world.xai.accepted()[0]).toMatch(/^flightdeck sandbox xai-key/);
  });

  test("leaves no orphan at xAI when its maker died between making it and keeping it", async () => {
    const made = (await world.effects())["xaiKeysMade"] ?? 0;
    const rotation = await begun();
    const { keepNew } = rotation.vault;
    const mint = "a new one is made at xAI";
    Object.assign(rotation.vault, {
      keepNew: async () => {
        throw new Error("died");
      },
    });
    await expect(rotation.doUntil(mint)).rejects.toThrow("died");
    expect(world.xai.accepted()).toHaveLength(2);
    Object.assign(rotation.vault, { keepNew });
    await rotation.doUntil(mint);
    // Two were made, and one of them is gone again.
    expect((await world.effects())["xaiKeysMade"]).toBe(made + 2);
    expect(world.xai.accepted()).toHaveLength(2);
    await rotation.undoAll();
    expect(world.xai.accepted()).toHaveLength(1);
  });

  test("is enabled again, and the new one is gone, when it is led back after the old one was disabled", async () => {
    const before = inForce();
    const [name] = world.xai.accepted();
    const rotation = await begun();
    await rotation.doUntil("everything stays good without it");
    expect(world.xai.accepted()).not.toContain(name);
    await rotation.undoAll();
    expect(world.xai.accepted()).toEqual([name]);
    expect(inForce()).toBe(before);
  });

  test("has an old one that xAI has revoked already: a new one is made all the same, if its team is known", async () => {
    await world.break("xai-key-revoked");
    await expect(begun()).rejects.toThrow(/says no team/);
    const rotation = await begun((text) =>
      text.replace("    kind: xai-key\n", `    kind: xai-key\n    team: ${world.xai.team}\n`),
    );
    await rotation.doAll();
    expect(inForce()).toBe((await rotation.vault.minted()).reveal());
    await world.heal("xai-key-revoked");
  });
});

describe("without a management key", () => {
  const guided = (text: string): string => text.replace(/^ {4}managementKey: .*XAI.*\n/m, "");

  test("a person is asked for the new key and for disabling the old one, and both are proved", async () => {
    const rotation = await begun(guided);
    const deeds = rotation.deeds.map(({ name }) => name);
    expect(deeds[0]).toBe("a person has handed over a new one");
    expect(deeds).toContain("a person has disabled the old key at xAI");
    const old = inForce();
    const handed = world.xai.makeByHand("by hand");
    await rotation.vault.keepNew(new Secret(handed));
    await rotation.doUntil("the new key works, and the product with it");
    expect(inForce()).toBe(handed);
    const waiting = rotation.doUntil("everything stays good without it");
    world.xai.disableByHand(old);
    await waiting;
    expect(world.xai.accepted()).toContain("by hand");
  });
});
