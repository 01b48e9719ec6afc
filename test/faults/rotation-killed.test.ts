import { setTimeout as sleep } from "node:timers/promises";

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";

import { startWorld, type World } from "../../sandbox/world.ts";
import { ROTATION_STEPS } from "../../src/jobs/rotation/rotation-report.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { SEAL_KEY, startBotIn, untilStruck } from "../support/bot-in-world.ts";
import { searchDatabase } from "../support/canaries.ts";
import { someOf, tries } from "../support/long-run.ts";
import { rotating } from "../support/procedure.ts";
import { query, readEntries } from "../support/records.ts";
import { HASTE } from "../support/rollout.ts";
import { personAtTodoist } from "../support/rotation-person.ts";
import { ROTATED_SECRETS, type RotatedSecret } from "../support/rotation-secrets.ts";
import { pressYes } from "../support/rotation.ts";
import type { Bot } from "../support/spawn-bot.ts";

const RECOVERY_MS = 90_000;
/** A bot for every kill, and a rotation between them; in the long run there is a kill at every moment. */
const TEST_MS = tries({ short: 300_000, long: 1_800_000 });

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;

beforeAll(async () => {
  world = opened.use(
    await startWorld({ deploymentStepMs: 60, timing: { workerPausesMs: [20, 20, 20, 20] } }),
  );
});
afterAll(async () => {
  await opened.disposeAsync();
});
beforeEach(async () => {
  await world.healAll();
  database = await createTestDatabase();
  onTestFinished(async () => database[Symbol.asyncDispose]());
});

describe("killed with SIGKILL in the middle of a rotation", () => {
  test.each(someOf(ROTATED_SECRETS, 2))(
    "$name becomes one new secret all the same, whose old one is dead, and nothing of its use is lost",
    async (secret) => {
      const old = secret.inForce(world);
      const deployments = await counting();
      const { moments, deployed } = await momentsOf(secret);
      await using use = secret.use(world);
      await using _person = secret.byPerson
        ? personAtTodoist(world, database.url, SEAL_KEY)
        : undefined;
      const { messageId } = world.as("operator").say(`/rotate ${secret.name}`);
      await killedAt(someOf(moments, 1), messageId);
      await using survivor = await startBot();
      await pressYes(world, messageId, {
        bot: survivor,
        reads: new RegExp(`🟢 .* ${secret.name} rotated`),
      });

      // Where neither is accepted for a while nobody is refused for good, which `lost` tells.
      expect(secret.hasOverlap ? use.take() : []).toEqual([]);
      await use[Symbol.asyncDispose]();
      expect(use.answered()).toBeGreaterThan(1);
      expect(await use.lost()).toEqual([]);
      expect(await deployments()).toBe(deployed);
      const minted = secret.inForce(world);
      expect(minted).not.toBe(old);
      expect([await secret.isAccepted(world, minted), await secret.isAccepted(world, old)]).toEqual(
        [true, false],
      );
      await expectOver("done");
      const entries = await readEntries(database.url);
      const kinds = entries.map(({ kind, step = "" }) => `${kind} ${step}`);
      // Every intent has one outcome, every yes was used once, and the run has one end.
      expect(new Set(kinds).size).toBe(kinds.length);
      const gap: unknown = entries.findLast(({ kind }) => kind === "run.result")?.facts?.["gap"];
      expect(String(gap)).toMatch(secret.hasOverlap ? /^undefined$/ : /^(?:at most )?\d/);
    },
    TEST_MS,
  );
});

/** Kills one bot after the other, each at the next moment; the rows that it leaves hold no secret in the clear. */
async function killedAt(moments: readonly Moment[], messageId: number): Promise<void> {
  for (const { killAt, isHeld } of moments) {
    if (isHeld) await world.break("deployments-wait-in-the-queue");
    await using struck = await startBot(isHeld ? {} : { killAt });
    if (isHeld) {
      await Promise.race([pressYes(world, messageId, { bot: struck }), deploymentWaits()]);
      struck.kill("SIGKILL");
    } else {
      await pressYes(world, messageId, { bot: struck }).catch((cause: unknown) => {
        throw new Error(`It never passes ${killAt}.`, { cause });
      });
    }
    await untilStruck(struck, RECOVERY_MS);
    await searchDatabase(database.url);
    if (isHeld) await world.heal("deployments-wait-in-the-queue");
  }
}

type Moment = {
  readonly killAt: string;
  /** Not by a moment of the bot's own: while a deployment that it has asked for waits. */
  readonly isHeld: boolean;
};

const at = (killAt: string): Moment => ({ killAt, isHeld: false });
const acting = (step: string): readonly Moment[] => [
  at(`act.begins@${step}`),
  // What holds already when the next one looks is not done any more.
  at(`act.returned@${step}|step.closed@${step}`),
];

/** From the first yes to the end, around every deed of the procedure, and how many deployments it comes to. */
async function momentsOf(
  secret: RotatedSecret,
): Promise<{ readonly moments: readonly Moment[]; readonly deployed: number }> {
  await using rotation = rotating(world, secret.name, { data: "/nonexistent" });
  const { deeds } = rotation;
  const asksAnew =
    deeds.some(({ phase }) => phase === "disable-old" || phase === "prove-old-dead") &&
    !secret.byPerson;
  const last = deeds.findIndex(({ phase }) => phase === "destroy-old");
  const before = last < 0 ? deeds : deeds.slice(0, last);
  const moments = (of: typeof deeds): readonly Moment[] =>
    of.flatMap(({ name, readsOnly, deploys }) => {
      if (readsOnly) return [at(`step.opened@${name}`)];
      if (!deploys) return acting(name);
      // Whoever finds that deployment does not act any more, and only closes the step.
      return [at(`act.begins@${name}`), { killAt: name, isHeld: true }, at(`step.closed@${name}`)];
    });
  return {
    deployed: deeds.filter(({ deploys }) => deploys).length,
    moments: [
      at(`approval.used@${ROTATION_STEPS.ask}`),
      ...acting(ROTATION_STEPS.open),
      ...moments(before),
      ...acting(ROTATION_STEPS.refused),
      ...(asksAnew
        ? [
            at(`approval.asked@${ROTATION_STEPS.askAnew}`),
            at(`approval.used@${ROTATION_STEPS.askAnew}`),
          ]
        : []),
      ...(last < 0 ? [] : moments(deeds.slice(last))),
      ...acting(ROTATION_STEPS.close),
      at("run.ended"),
    ],
  };
}

/** Coolify refuses to deploy, so what was begun is led back. */
const ON_THE_WAY_BACK = [
  "step.opened@the old one alone is in the environment again of api",
  "act.returned@the old one alone is in the environment again of api",
  "act.begins@the rotation is over, and nothing of it is left",
  "act.returned@the rotation is over, and nothing of it is left",
].map((moment) => at(moment));

describe("killed with SIGKILL while it leads back", () => {
  test(
    "it goes on leading back, and never forward again",
    async () => {
      const secret = ROTATED_SECRETS.find(({ name }) => name === "api-tokens")!;
      const old = secret.inForce(world);
      await world.break("deployments-fail");
      await using use = secret.use(world);
      const { messageId } = world.as("operator").say("/rotate api-tokens");
      await killedAt(someOf(ON_THE_WAY_BACK, 1), messageId);
      // Were it to go forward now, it would succeed.
      await world.heal("deployments-fail");
      await using survivor = await startBot();
      await pressYes(world, messageId, {
        bot: survivor,
        reads: /🔴 .* failed at both valid[^]*It was led back/,
      });
      expect(use.take()).toEqual([]);
      expect(secret.inForce(world)).toBe(old);
      expect(await secret.isAccepted(world, old)).toBe(true);
      await expectOver("led-back");
    },
    TEST_MS,
  );
});

/** Deployments since, by the world's own count. */
async function counting(): Promise<() => Promise<number>> {
  const count = async (): Promise<number> => (await world.effects())["rollbacks"] ?? 0;
  const before = await count();
  return async () => (await count()) - before;
}

async function deploymentWaits(): Promise<void> {
  const isWaiting = (): boolean =>
    world.coolify.state.deployments.some(({ status }) => status === "queued");
  const deadline = AbortSignal.timeout(RECOVERY_MS);
  while (!isWaiting()) {
    if (deadline.aborted) throw new Error("No deployment waits.");
    await sleep(50);
  }
}

async function expectOver(state: "done" | "led-back"): Promise<void> {
  const { rows } = await query(
    database.url,
    "select state, old_sealed is null and new_sealed is null as blank from secret_rotation",
  );
  expect(rows).toEqual([{ state, blank: true }]);
}

const startBot = async (options: { readonly killAt?: string } = {}): Promise<Bot> =>
  startBotIn(world, {
    ...options,
    databaseUrl: database.url,
    environment: HASTE,
    readyWithinMs: 50_000,
  });
