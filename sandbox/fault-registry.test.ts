import { describe, expect, test } from "vitest";

import { type Fault, createFaultRegistry } from "./fault-registry.ts";

type Name = "down" | "frozen" | "slow";

function registryOf(log: string[], fails: readonly string[] = []) {
  const fault = (name: Name, insteadOf: readonly Name[] = []): Fault<Name> => {
    const step = async (word: string): Promise<void> => {
      log.push(`${word} ${name}`);
      await Promise.resolve();
      if (fails.includes(`${word} ${name}`)) throw new Error(`cannot ${word} ${name}`);
      log.push(`${name} done`);
    };
    return {
      name,
      title: `It is ${name}`,
      insteadOf,
      break: () => step("break"),
      heal: () => step("heal"),
    };
  };
  return createFaultRegistry<Name>([fault("down", ["frozen"]), fault("frozen"), fault("slow")]);
}
const on = (registry: ReturnType<typeof registryOf>): readonly string[] =>
  registry
    .list()
    .filter((fault) => fault.on)
    .map((fault) => fault.name);

describe("the faults of a world", () => {
  test("break once however often they are broken, and heal once", async () => {
    const log: string[] = [];
    const registry = registryOf(log);
    await Promise.all([registry.break("slow"), registry.break("slow")]);
    expect(on(registry)).toEqual(["slow"]);
    await Promise.all([registry.heal("slow"), registry.heal("slow")]);
    expect(on(registry)).toEqual([]);
    expect(log).toEqual(["break slow", "slow done", "heal slow", "slow done"]);
  });

  test("are changed one after the other, in the order of the clicks", async () => {
    const log: string[] = [];
    const registry = registryOf(log);
    await Promise.all([registry.break("slow"), registry.break("down"), registry.heal("slow")]);
    expect(log).toEqual([
      "break slow",
      "slow done",
      "break down",
      "down done",
      "heal slow",
      "slow done",
    ]);
  });

  test("give way to one that cannot be on beside them", async () => {
    const registry = registryOf([]);
    await registry.break("frozen");
    await registry.break("down");
    expect(on(registry)).toEqual(["down"]);
  });

  test("stay off when they could not be broken, and are cleaned up", async () => {
    const log: string[] = [];
    const registry = registryOf(log, ["break slow"]);
    await expect(registry.break("slow")).rejects.toThrow("cannot break slow");
    expect(on(registry)).toEqual([]);
    expect(log).toEqual(["break slow", "heal slow", "slow done"]);
  });

  test("stay on when they could not be healed, and do not block the others", async () => {
    const registry = registryOf([], ["heal slow"]);
    await registry.break("slow");
    await expect(registry.heal("slow")).rejects.toThrow("cannot heal slow");
    await registry.break("frozen");
    expect(on(registry)).toEqual(["frozen", "slow"]);
  });

  test("are all healed at once, the last one first", async () => {
    const log: string[] = [];
    const registry = registryOf(log);
    await registry.break("slow");
    await registry.break("down");
    log.length = 0;
    await registry.healAll();
    expect(log.filter((line) => line.startsWith("heal"))).toEqual(["heal down", "heal slow"]);
    expect(on(registry)).toEqual([]);
  });

  test("tell when they changed, and name themselves when asked for one that is not there", async () => {
    let told = 0;
    const registry = createFaultRegistry(
      [{ name: "slow", title: "It is slow", break: () => undefined, heal: () => undefined }],
      () => {
        told += 1;
      },
    );
    await registry.break("slow");
    await registry.heal("slow");
    expect(told).toBe(2);
    expect(registry.isName("slow")).toBe(true);
    expect(registry.isName("fast")).toBe(false);
    await expect(registry.break("fast" as "slow")).rejects.toThrow("The faults are: slow.");
  });
});
