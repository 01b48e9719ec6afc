import { randomBytes } from "node:crypto";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { cardText } from "../../src/core/card-text.ts";
import { shownFingerprint } from "../../src/core/fingerprint.ts";
import type { Json } from "../../src/core/json.ts";
import { Secret } from "../../src/core/secret.ts";
import type {
  ConfiguredSecret,
  Deed,
  Phase,
  RotationVault,
  Standing,
} from "../../src/jobs/rotation/rotation-procedure.ts";
import type { RotationParts } from "../../src/jobs/rotation/rotation-steps.ts";
import { createSupply } from "../../src/jobs/rotation/rotation-supply.ts";
import { createRotation } from "../../src/jobs/rotation/rotation.ts";
import { OPS, openAsking, people, type AskingBench } from "../support/asking.ts";
import { systemsOfNobody } from "../support/nobody.ts";
import { query, readEntries } from "../support/records.ts";

const OLD = "the-old-secret-of-a-test";

/** The outside: which deeds hold, and what goes wrong with them. */
type Outside = {
  holds: Set<string>;
  /** Applied and undone, in their order. */
  done: string[];
  fails: Map<string, () => Promise<void>>;
  unclear: Set<string>;
  minted: string;
  learnt: string[];
  /** Whether the procedure was told that the old one may be known to others. */
  isExposed: boolean;
};

let bench: AskingBench;
let outside: Outside;
let parts: RotationParts;
/** What the procedure of this test consists of. */
let phases: (vault: RotationVault) => readonly Phase[];
let causes = 0;

beforeEach(async () => {
  outside = {
    holds: new Set(),
    done: [],
    fails: new Map(),
    unclear: new Set(),
    minted: `minted-${randomBytes(16).toString("hex")}`,
    learnt: [],
    isExposed: false,
  };
  phases = usual;
  const sealKey = new Secret(randomBytes(32).toString("base64"));
  bench = await openAsking("alpha", (database) => {
    parts = {
      database,
      target: "alpha",
      systems: systemsOfNobody,
      rollout: undefined,
      smoke: undefined,
      checks: [],
      rotated: { token: madeUp },
      policy: "second-person",
      sealKey: async () => sealKey,
      fingerprint: async (secret) => shownFingerprint(secret, sealKey),
      learn: (secret) => void outside.learnt.push(secret.reveal()),
      scrub: (text) => text,
      readAnew: () => {},
      holdsItself: () => false,
    };
    return [createRotation(parts)];
  });
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

const madeUp: ConfiguredSecret = {
  kind: "made-up",
  common: { every: 90 * 86_400_000, warnBefore: 0, checks: [] },
  applications: [],
  open: ({ vault, isExposed }) => ({
    hasOverlap: true,
    readBy: ["api"],
    irreversible: "it is gone",
    async plan() {
      outside.isExposed = await isExposed();
      return {
        present: new Secret(OLD),
        parameters: { applications: "api" },
        observed: {},
      };
    },
    phases: phases(vault),
  }),
};

function deed(name: string, more: Partial<Deed> = {}, undoes: readonly string[] = []): Deed {
  return {
    name,
    timeoutMs: 5_000,
    async probe(): Promise<Standing> {
      if (outside.unclear.has(name)) return { unclear: `nobody can tell of ${name}` };
      return outside.holds.has(name) ? "holds" : "absent";
    },
    async apply() {
      await outside.fails.get(name)?.();
      outside.done.push(name);
      outside.holds.add(name);
      for (const one of undoes) outside.holds.delete(one);
      return {};
    },
    ...more,
  };
}

const mint = (vault: RotationVault): Phase => ({
  name: "mint",
  deeds: [
    deed("made", {
      probe: async () => ((await vault.mintedYet()) ? "holds" : "absent"),
      async apply() {
        outside.done.push("made");
        await vault.keepNew(new Secret(outside.minted));
        return {};
      },
    }),
  ],
});

const usual = (vault: RotationVault): readonly Phase[] => [
  mint(vault),
  {
    name: "install",
    deeds: [deed("both valid")],
    undo: [deed("old valid alone", {}, ["both valid"])],
  },
  {
    name: "distribute",
    deeds: [deed("told here"), deed("told there")],
    undo: [deed("told of the old one", {}, ["told here", "told there"])],
  },
  { name: "disable-old", deeds: [deed("old off")], undo: [deed("old on", {}, ["old off"])] },
  {
    name: "prove-old-dead",
    deeds: [
      deed("old refused", {
        readsOnly: true,
        probe: async () => (outside.holds.has("old off") ? "holds" : "absent"),
        apply: async () => ({}),
      }),
    ],
  },
  { name: "destroy-old", deeds: [deed("old gone")] },
];

async function asked(input: Readonly<Record<string, Json>> = {}): Promise<string> {
  const { name, telegram, role } = people.otto;
  const admission = await bench.database.transaction(async (tx, now) =>
    bench.engine.admit(tx, now, {
      target: "alpha",
      operation: "rotate",
      input: { secret: "token", ...input },
      cause: `rotate-${(causes += 1)}`,
      actor: { via: "telegram", name, telegram: String(telegram), role },
      place: { chatId: OPS, topicId: undefined, replyTo: undefined },
    }),
  );
  if (admission.kind !== "created") throw new Error(`It was ${admission.kind}.`);
  await bench.execute(admission.run.id);
  await bench.post(admission.run.id);
  return admission.run.id;
}

/** Somebody else says yes, by the code of the card where it wants one; then it goes on. */
async function yes(runId: string): Promise<void> {
  const asks = (await bench.cardOf(runId)).actions.flat().map(({ label }) => label);
  if (asks.includes("Approve")) await bench.tap("ada", runId, "Approve");
  const card = await bench.cardOf(runId);
  const code = /code (\w{4})/.exec(cardText(card))?.[1];
  const choice = card.actions.flat().find(({ label }) => label === code);
  if (choice) await bench.tap("ada", runId, choice.label);
  await bench.execute(runId);
  await bench.post(runId);
}

const textOf = async (runId: string): Promise<string> => cardText(await bench.cardOf(runId));

async function rows() {
  return (
    await query<Record<string, unknown>>(
      bench.url,
      `select state, old_sealed is null as old_blank, new_sealed is null as new_blank,
         disabled_at is not null as disabled, destroyed_at is not null as destroyed
       from secret_rotation order by id`,
    )
  ).rows;
}

const DONE = {
  state: "done",
  old_blank: true,
  new_blank: true,
  disabled: true,
  destroyed: true,
};
const LED_BACK = {
  state: "led-back",
  old_blank: true,
  new_blank: true,
  disabled: false,
  destroyed: false,
};
const ALL = ["made", "both valid", "told here", "told there", "old off", "old gone"];

describe("a rotation", () => {
  test("does every deed in its order, and asks anew, by a code, before the last", async () => {
    const runId = await asked();
    expect(outside.done).toEqual([]);
    await yes(runId);
    expect(outside.done).toEqual(ALL.slice(0, -1));
    expect(await textOf(runId)).toContain("Not undone: it is gone");
    await bench.tap("ada", runId, "Approve");
    await bench.execute(runId);
    // The first of the two taps is no yes.
    expect(outside.done).toEqual(ALL.slice(0, -1));
    await yes(runId);
    expect(outside.done).toEqual(ALL);
    expect(await bench.find(runId)).toMatchObject({ state: "ok", verdict: "ROTATED" });
    expect(await rows()).toEqual([DONE]);
  });

  test("tells of what it finds done as much as can be known of it", async () => {
    outside.holds.add("both valid");
    phases = (vault) =>
      usual(vault).map((phase) =>
        phase.name === "install"
          ? { ...phase, deeds: [deed("both valid", { told: async () => ({ gap: "at most 3s" }) })] }
          : phase,
      );
    const runId = await asked();
    await yes(runId);
    await yes(runId);
    const end = (await readEntries(bench.url, "alpha")).findLast(
      ({ kind }) => kind === "run.result",
    );
    expect(end).toMatchObject({ facts: { gap: "at most 3s" } });
  });

  test("does not do what holds already", async () => {
    outside.holds.add("both valid").add("told there");
    const runId = await asked();
    await yes(runId);
    expect(outside.done).toEqual(["made", "told here", "old off"]);
  });

  test("writes neither secret into any table, sealed rows apart, and masks both from then on", async () => {
    const runId = await asked();
    await yes(runId);
    await yes(runId);
    expect(outside.learnt).toEqual(expect.arrayContaining([OLD, outside.minted]) as string[]);
    for (const table of ["run", "run_step", "evidence", "approval", "secret_rotation", "outbox"]) {
      const { rows: found } = await query<{ text: string }>(
        bench.url,
        `select t::text as text from ${table} t`,
      );
      const text = JSON.stringify(found);
      expect(text).not.toContain(OLD);
      expect(text).not.toContain(outside.minted);
    }
  });

  test("proves again what its last yes rests on, and destroys nothing when that is so no longer", async () => {
    const runId = await asked();
    await yes(runId);
    outside.holds.delete("old off");
    await yes(runId);
    expect(outside.done).toEqual(ALL.slice(0, -1));
    expect(await bench.find(runId)).toMatchObject({ state: "refused" });
    const text = await textOf(runId);
    expect(text).toContain("the new one is in force, the old one is off and not destroyed");
    expect(text).toContain("old refused was yes and is now no longer");
    expect(await rows()).toMatchObject([{ state: "open", old_blank: false, new_blank: false }]);
  });

  test("says what cannot be undone by a code at once, and asks no second time, where that comes first", async () => {
    phases = (vault) => [{ ...mint(vault), isIrreversible: true }, ...usual(vault).slice(1, 2)];
    const runId = await asked();
    await bench.tap("ada", runId, "Approve");
    await bench.execute(runId);
    expect(outside.done).toEqual([]);
    await yes(runId);
    expect(await bench.find(runId)).toMatchObject({ state: "ok" });
    expect(outside.done).toEqual(["made", "both valid"]);
  });
});

describe("a secret that may be known to others", () => {
  test("stays one for whoever goes on with its rotation and does not say so again", async () => {
    const runId = await asked({ exposed: true });
    await yes(runId);
    await bench.tap("ada", runId, "Deny");
    outside.isExposed = false;
    const next = await asked();
    expect(outside.isExposed).toBe(true);
    expect(await textOf(next)).toContain("It may be known to others");
    await yes(next);
    await yes(next);
    const end = (await readEntries(bench.url, "alpha")).findLast(
      ({ kind }) => kind === "run.result",
    );
    expect(end).toMatchObject({ result: "ROTATED", facts: { exposed: "yes" } });
  });

  test("is one of its own: the next rotation is in no hurry", async () => {
    const runId = await asked({ exposed: true });
    await yes(runId);
    await yes(runId);
    await asked();
    expect(outside.isExposed).toBe(false);
  });
});

describe("a rotation that fails", () => {
  const fail = async (): Promise<void> => {
    throw new Error("Coolify said no");
  };

  test.each([
    ["both valid", ["made", "old valid alone"]],
    ["told here", ["made", "both valid", "told of the old one", "old valid alone"]],
    ["told there", ["made", "both valid", "told here", "told of the old one", "old valid alone"]],
    ["old off", [...ALL.slice(0, 4), "old on", "told of the old one", "old valid alone"]],
  ])("at %s is led back from there, the last phase first", async (name, done) => {
    outside.fails.set(name, fail);
    const runId = await asked();
    await yes(runId);
    expect(outside.done).toEqual(done);
    const run = await bench.find(runId);
    expect(run).toMatchObject({ state: "failed" });
    expect(run.reason).toContain("Coolify said no");
    expect(await textOf(runId)).toContain("It was led back: the old one is in force as before");
    expect(await rows()).toEqual([LED_BACK]);
  });

  test("says so when the way back fails too, leaves the new one valid for whoever has it, and keeps both secrets", async () => {
    outside.fails.set("old off", fail);
    outside.fails.set("told of the old one", async () => {
      throw new Error("nobody listens");
    });
    const runId = await asked();
    await yes(runId);
    expect(outside.done.slice(4)).toEqual(["old on"]);
    expect((await bench.find(runId)).reason).toMatch(
      /Coolify said no.* Leading back failed too: .*nobody listens/,
    );
    expect(await textOf(runId)).toContain("It is half done. Both are kept sealed");
    expect(await rows()).toMatchObject([{ state: "open", old_blank: false, new_blank: false }]);

    outside.fails.clear();
    const back = await asked({ back: true });
    await yes(back);
    expect(outside.done.slice(5)).toEqual(["told of the old one", "old valid alone"]);
    expect(await bench.find(back)).toMatchObject({ state: "ok", verdict: "LED BACK" });
    expect(await rows()).toEqual([LED_BACK]);
  });

  test("after what cannot be undone is not led back", async () => {
    outside.fails.set("old gone", fail);
    const runId = await asked();
    await yes(runId);
    await yes(runId);
    expect(outside.done).toEqual(ALL.slice(0, -1));
    expect(await bench.find(runId)).toMatchObject({ state: "failed" });
    expect(await rows()).toMatchObject([{ state: "open" }]);
    outside.fails.clear();
    const next = await asked();
    await yes(next);
    await yes(next);
    expect(outside.done).toEqual(ALL);
    expect(await rows()).toEqual([DONE]);
  });

  test("does nothing, and is led back, when nobody can tell beforehand whether it is done", async () => {
    outside.unclear.add("both valid");
    const runId = await asked();
    await yes(runId);
    expect(outside.done).toEqual(["made", "old valid alone"]);
    expect(await bench.find(runId)).toMatchObject({ state: "failed" });
  });

  test("waits for a person when nobody can tell afterwards, and goes on by that word", async () => {
    outside.fails.set("told here", async () => {
      outside.unclear.add("told here");
      throw new Error("no answer");
    });
    const runId = await asked();
    await yes(runId);
    expect(await bench.find(runId)).toMatchObject({ state: "unknown" });
    outside.unclear.clear();
    outside.holds.add("told here");
    const actor = { via: "telegram", name: "Ada", telegram: "1003", role: "approver" } as const;
    await bench.database.transaction(async (tx, now) =>
      bench.engine.decide(tx, now, runId, "happened", actor, undefined),
    );
    await bench.execute(runId);
    expect(outside.done).toEqual(["made", "both valid", "told there", "old off"]);
  });

  test("leads nothing back that was never begun", async () => {
    const back = await asked({ back: true });
    expect(await bench.find(back)).toMatchObject({
      state: "failed",
      reason: expect.stringContaining("there is nothing to lead back") as string,
    });
  });
});

describe("a secret that a person hands over", () => {
  const supplyWith = () => createSupply({ rotation: parts, record: async () => {} });
  const actor = { via: "cli", name: "Otto", telegram: "1002", role: "operator" } as const;
  const handed = (value: string) => ({
    secret: "token",
    value: new Secret(value),
    actor,
    cause: `cli-${(causes += 1)}`,
  });

  beforeEach(() => {
    phases = (vault) => [
      {
        name: "mint",
        deeds: [
          deed("handed over", {
            readsOnly: true,
            probe: async () => ((await vault.mintedYet()) ? "holds" : "absent"),
            async apply({ signal }) {
              while (!(await vault.mintedYet())) {
                signal.throwIfAborted();
                await new Promise((resolve) => setTimeout(resolve, 20));
              }
              return {};
            },
          }),
        ],
      },
      ...usual(vault).slice(1),
    ];
  });

  test("goes nowhere as long as nothing waits for it", async () => {
    expect(await supplyWith()(handed("too-early-to-be-taken"))).toMatchObject({
      kind: "not-awaited",
      message: expect.stringContaining("/rotate token") as string,
    });
    expect(await rows()).toEqual([]);
  });

  test("is sealed for the rotation that waits, once, and it goes on with it", async () => {
    const runId = await asked();
    await bench.tap("ada", runId, "Approve");
    const going = bench.execute(runId);
    await expect.poll(async () => (await rows()).length, { timeout: 10_000 }).toBe(1);
    const supply = supplyWith();
    expect(await supply(handed("the-first-that-was-typed"))).toMatchObject({ kind: "kept" });
    expect(await supply(handed("another-that-was-typed"))).toMatchObject({ kind: "not-awaited" });
    await going;
    expect(outside.learnt).toContain("the-first-that-was-typed");
    expect(outside.done).toContain("old off");
  });

  test("is none where Flightdeck makes the new one itself", async () => {
    phases = usual;
    expect(await supplyWith()(handed("not-wanted-from-anybody"))).toMatchObject({
      kind: "not-awaited",
      message: expect.stringContaining("none that a person makes") as string,
    });
  });
});
