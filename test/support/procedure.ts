import { randomBytes } from "node:crypto";

import type { World } from "../../sandbox/world.ts";
import type { Facts } from "../../src/core/approval.ts";
import type { Secret } from "../../src/core/secret.ts";
import type {
  ConfiguredSecret,
  Deed,
  OpenedProcedure,
  Phase,
  RotationPlan,
  RotationVault,
} from "../../src/jobs/rotation/rotation-procedure.ts";
import { createSystems } from "../../src/systems/index.ts";
import { testConfig } from "./config.ts";

/** A rotation by its procedure alone, with no bot around it: deed by deed, and by as many processes as a test likes. */
export type Rotating = AsyncDisposable & {
  plan(): Promise<RotationPlan>;
  /** Begins it: what is in force is kept as the old one. */
  begin(): Promise<void>;
  readonly vault: RotationVault;
  /** The names of all deeds, in their order, and of the phases that they belong to. */
  readonly deeds: readonly {
    readonly phase: string;
    readonly name: string;
    readonly readsOnly: boolean;
    /** Has an application made anew. */
    readonly deploys: boolean;
  }[];
  /** Does everything up to this deed, and that one too; each as the frame does it. Gives back what they told. */
  doUntil(name: string): Promise<Facts>;
  doAll(): Promise<Facts>;
  /** The same, but the process dies after each deed, before it could tell anybody that it was done. */
  doAllDyingEachTime(): Promise<void>;
  /** Leads back everything that was begun, the last first. */
  undoAll(): Promise<void>;
};

/** The procedure of a secret of ops/sandbox.yaml in a world. */
export function rotating(
  world: World,
  secret: string,
  options: {
    readonly data: string;
    readonly isExposed?: boolean;
    readonly tune?: (text: string) => string;
  },
): Rotating {
  const { settings } = testConfig({
    data: options.data,
    environment: world.environment,
    ...(options.tune === undefined ? {} : { tune: options.tune }),
  });
  const systems = createSystems(settings.systems, settings.target);
  const configured: ConfiguredSecret = settings.secrets[secret]!;
  const vault = createVault();
  // Whoever goes on after a death has nothing in memory.
  const opened = (): OpenedProcedure =>
    configured.open({
      secret,
      isExposed: async () => options.isExposed ?? false,
      target: settings.target,
      systems,
      rollout: settings.rollout,
      vault: vault.vault,
      checks: (settings.rollout?.ready ?? []).map((name) => ({
        name,
        application: "api",
        timeoutMs: 5_000,
        ask: async () => ({ status: await readiness(world) }),
      })),
      fingerprint: async () => randomBytes(4).toString("hex"),
      scrub: (text) => text,
      readAnew: () => {},
    });
  const { phases } = opened();
  const deedOf = (at: number): Deed => opened().phases.flatMap((phase) => phase.deeds)[at]!;
  const deeds = phases.flatMap((phase) =>
    phase.deeds.map(({ name, readsOnly = false, whenCancelled }) => ({
      phase: phase.name,
      name,
      readsOnly,
      // Coolify goes on with what was asked for, whatever becomes of the run.
      deploys: whenCancelled !== undefined,
    })),
  );
  let done = 0;
  const doUntil = async (name: string): Promise<Facts> => {
    const told: Facts[] = [];
    const last = deeds.findIndex((deed) => deed.name === name);
    if (last < 0) throw new Error(`There is no deed "${name}".`);
    for (; done <= last; done += 1) told.push(await doDeed(deedOf(done)));
    return Object.assign({}, ...told) as Facts;
  };
  return {
    plan: async () => opened().plan(signalOf()),
    async begin() {
      const { present } = await opened().plan(signalOf());
      vault.open(present!);
    },
    vault: vault.vault,
    deeds,
    doUntil,
    doAll: async () => doUntil(deeds.at(-1)!.name),
    async doAllDyingEachTime() {
      for (; done < deeds.length; done += 1) {
        const baseline = (await deedOf(done).baseline?.(contextOf())) ?? null;
        await deedOf(done).apply({ ...contextOf(), baseline });
        await doDeed(deedOf(done), baseline);
      }
    },
    async undoAll() {
      const begun = (phase: Phase): boolean =>
        deeds.findIndex((deed) => phase.deeds[0]?.name === deed.name) <= done;
      for (const phase of phases.filter(begun).toReversed()) {
        for (const deed of phase.undo ?? []) await doDeed(deed);
      }
    },
    [Symbol.asyncDispose]: async () => systems[Symbol.asyncDispose](),
  };
}

/** Probed, done, and probed again; a proof is repeated instead. */
async function doDeed(deed: Deed, known?: Awaited<ReturnType<NonNullable<Deed["baseline"]>>>) {
  const baseline = known ?? (await deed.baseline?.(contextOf())) ?? null;
  const context = { ...contextOf(), baseline };
  if (deed.readsOnly === true) return deed.apply(context);
  if ((await deed.probe(context)) === "holds") return {};
  const facts = await deed.apply(context);
  const standing = await deed.probe(context);
  if (standing !== "holds") throw new Error(`${deed.name}: ${JSON.stringify(standing)}`);
  return facts;
}

async function readiness(world: World): Promise<"pass" | "fail"> {
  const answer = await fetch(`${world.product.apiUrl}/health/ready`);
  await answer.arrayBuffer();
  return answer.status === 200 ? "pass" : "fail";
}

const signalOf = (): AbortSignal => AbortSignal.timeout(120_000);

function contextOf() {
  return { signal: signalOf(), run: "R-1", key: "", results: {}, report: () => {} };
}

function createVault() {
  let old: Secret | undefined;
  let minted: Secret | undefined;
  let notes: Facts = {};
  const demand = (secret: Secret | undefined): Secret => {
    if (secret === undefined) throw new Error("There is none yet.");
    return secret;
  };
  const vault: RotationVault = {
    isOpen: async () => old !== undefined,
    old: async () => demand(old),
    mintedYet: async () => minted,
    minted: async () => demand(minted),
    keepNew: async (secret) => {
      minted = secret;
    },
    discardNew: async () => {
      minted = undefined;
    },
    notes: async () => notes,
    note: async (facts) => {
      notes = { ...notes, ...facts };
    },
  };
  return {
    vault,
    open: (present: Secret) => {
      old = present;
    },
  };
}
