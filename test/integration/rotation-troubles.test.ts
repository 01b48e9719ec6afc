import { describe, expect, test } from "vitest";

import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { someOf } from "../support/long-run.ts";
import { query } from "../support/records.ts";
import { startRotationBench, type RotationBench } from "../support/rotation-bench.ts";
import { ROTATED_SECRETS, type RotatedSecret } from "../support/rotation-secrets.ts";
import { approveByCode } from "../support/rotation.ts";

/** One of them meets each trouble in everybody's run, all of them in the long one. */
const MADE_BY_US = ROTATED_SECRETS.filter(({ byPerson }) => !byPerson);
const MADE_BY_A_PERSON = ROTATED_SECRETS.filter(({ byPerson }) => byPerson);

const TEST_MS = 300_000;
const MINUTE_MS = 60_000;
const ASKS_ANEW = /is in force, .* is refused[^]*A yes of another/;
const ASKS_PERSON = /issue a new API token/;

/** What nobody has to wait for in a test. */
const hurried = (text: string): string =>
  text
    .replace(/^( {4})kind: xai-key$/m, "$&\n$1acceptedWithin: 5s")
    .replaceAll(/^( {4})kind: (?:postgres-role|redis-password)$/gm, "$&\n$1drainWithin: 10s");

/** Nobody waits half an hour for a person who has walked away. */
const impatient = (text: string): string =>
  hurried(text).replace(/^( {4})kind: todoist-token$/m, "$&\n$1handedOverWithin: 10s");

const benchOf = async ({ name }: RotatedSecret, tune = hurried): Promise<RotationBench> =>
  startRotationBench(name, { tune });

const asked = async ({ rollout }: RotationBench, { name }: RotatedSecret): Promise<ChatMessage> =>
  rollout.say("operator", `/rotate ${name}`, new RegExp(`rotate ${name}\\?`));

/** Begins it, and has a person do what only a person can; gives back the card as it asks anew, or as it ends. */
async function begun(bench: RotationBench, secret: RotatedSecret): Promise<ChatMessage> {
  const card = await asked(bench, secret);
  await bench.approve(card);
  return proceed(bench, secret, card);
}

async function proceed(
  { rollout, handOver }: RotationBench,
  secret: RotatedSecret,
  card: ChatMessage,
): Promise<ChatMessage> {
  if (!secret.byPerson) return rollout.until(card, ASKS_ANEW);
  await rollout.until(card, ASKS_PERSON);
  await handedOver(handOver.supply, rollout.world.todoist.regenerate());
  return rollout.until(card, new RegExp(`${secret.name} rotated`));
}

async function handedOver(supply: RotationBench["handOver"]["supply"], value: string) {
  await expect.poll(async () => supply(value), { timeout: 20_000, interval: 300 }).toBe(true);
}

async function finished(
  bench: RotationBench,
  secret: RotatedSecret,
  card: ChatMessage,
): Promise<void> {
  if (!secret.byPerson) await approveByCode(bench.rollout, card);
  await bench.rollout.until(card, new RegExp(`${secret.name} rotated`));
}

async function states({ rollout }: RotationBench) {
  const { rows } = await query<{ state: string; blank: boolean }>(
    rollout.databaseUrl,
    `select state, old_sealed is null and new_sealed is null as blank from secret_rotation order by id`,
  );
  return rows;
}

const DONE = { state: "done", blank: true };
const LED_BACK = { state: "led-back", blank: true };
const LEFT = { state: "open", blank: false };

async function changes({ rollout }: RotationBench) {
  const { rollbacks = 0, variablesWritten = 0 } = await rollout.world.effects();
  return { rollbacks, variablesWritten };
}

async function expectAccepted(
  { rollout: { world } }: RotationBench,
  secret: RotatedSecret,
  value: string,
): Promise<void> {
  expect(await secret.isAccepted(world, value)).toBe(true);
}

/** Whoever uses the product was never refused where both are accepted, and nothing was lost where they are not. */
async function expectUnharmed(secret: RotatedSecret, use: ReturnType<RotatedSecret["use"]>) {
  expect(secret.hasOverlap ? use.take() : []).toEqual([]);
  await use[Symbol.asyncDispose]();
  expect(await use.lost()).toEqual([]);
}

describe("Coolify fails to deploy in the middle of a rotation", () => {
  test.each(someOf(MADE_BY_US, 1))(
    "$name: whoever uses it notices nothing, and the old one is in force again",
    async (secret) => {
      await using bench = await benchOf(secret);
      const { rollout } = bench;
      const { world } = rollout;
      const old = secret.inForce(world);
      await using use = secret.use(world);
      const card = await asked(bench, secret);
      await world.break("deployments-fail");
      await bench.approve(card);
      const end = await rollout.until(
        card,
        /🔴 .* failed at (?:handed out|both valid)[^]*It (?:was led back|is half done)/,
      );
      await expectAccepted(bench, secret, old);
      await world.heal("deployments-fail");
      // Where only a deployment shows that the old one is in use again, the way back needs Coolify too.
      const isHalfDone = /It is half done/.test(end.text);
      expect(await states(bench)).toEqual([isHalfDone ? LEFT : LED_BACK]);
      if (isHalfDone) {
        const back = await rollout.tapFor("operator", end, "Lead it back", /lead back .*\?/);
        await bench.approve(back);
        await rollout.until(back, /🟢 .* the old one is in force again/);
      }
      expect(secret.inForce(world)).toBe(old);
      await expectAccepted(bench, secret, old);
      await expectUnharmed(secret, use);
      expect(await states(bench)).toEqual([LED_BACK]);
    },
    TEST_MS,
  );

  test.each(MADE_BY_A_PERSON)(
    "$name: the worker stays paused, for its old one is dead; whoever goes on brings the new one to it, and no job is lost",
    async (secret) => {
      await using bench = await benchOf(secret);
      const { rollout } = bench;
      const { world } = rollout;
      await using use = secret.use(world);
      const card = await asked(bench, secret);
      await world.break("deployments-fail");
      await bench.approve(card);
      await rollout.until(card, ASKS_PERSON);
      const minted = world.todoist.regenerate();
      await handedOver(bench.handOver.supply, minted);
      const end = await rollout.until(card, /🔴 .* failed at handed out[^]*It is half done/);
      expect(end.text).toContain("there is no way back");
      expect(world.deployed("worker")).toBeUndefined();
      await world.heal("deployments-fail");
      const next = await asked(bench, secret);
      await bench.approve(next);
      await rollout.until(next, new RegExp(`${secret.name} rotated`));
      expect(secret.inForce(world)).toBe(minted);
      await expectUnharmed(secret, use);
      expect(await states(bench)).toEqual([DONE]);
    },
    TEST_MS,
  );
});

describe("the new one is accepted nowhere", () => {
  test.each(someOf(MADE_BY_US, 1))(
    "$name: it is not believed, and the old one is in force again",
    async (secret) => {
      await using bench = await benchOf(secret);
      const { rollout } = bench;
      const { world } = rollout;
      const old = secret.inForce(world);
      const card = await asked(bench, secret);
      await world.break("deployments-wait-in-the-queue");
      await bench.approve(card);
      await expect
        .poll(() => secret.inForce(world), { timeout: 30_000, interval: 50 })
        .not.toBe(old);
      const minted = secret.inForce(world).replace(`${old},`, "");
      await secret.spoil(world, minted);
      await world.heal("deployments-wait-in-the-queue");
      await rollout.until(card, /🔴 .* failed at [^]*It was led back/);
      await expectAccepted(bench, secret, old);
      expect(await secret.isAccepted(world, minted)).toBe(false);
      expect(await states(bench)).toEqual([LED_BACK]);
      // The product works by the old one, as it did.
      await using use = secret.use(world);
      await expect.poll(use.answered, { timeout: 20_000 }).toBeGreaterThan(0);
      await expectUnharmed(secret, use);
    },
    TEST_MS,
  );

  test.each(MADE_BY_A_PERSON)(
    "$name: what a person hands over and nobody accepts is forgotten, and the right one is taken after it",
    async (secret) => {
      await using bench = await benchOf(secret);
      const { rollout, handOver } = bench;
      const { world } = rollout;
      const old = secret.inForce(world);
      const card = await asked(bench, secret);
      await bench.approve(card);
      await rollout.until(card, ASKS_PERSON);
      const minted = world.todoist.regenerate();
      await handedOver(handOver.supply, old);
      await handedOver(handOver.supply, "0123456789abcdef0123456789abcdef01234567");
      await handedOver(handOver.supply, minted);
      await rollout.until(card, new RegExp(`${secret.name} rotated`));
      expect(secret.inForce(world)).toBe(minted);
    },
    TEST_MS,
  );
});

describe("nobody answers", () => {
  test.each(someOf(ROTATED_SECRETS, 1))(
    "$name: the first question expires, and nothing was changed",
    async (secret) => {
      await using bench = await benchOf(secret);
      const { rollout } = bench;
      const { world } = rollout;
      const old = secret.inForce(world);
      const before = await changes(bench);
      await using use = secret.use(world);
      const card = await asked(bench, secret);
      bench.pass(20 * MINUTE_MS);
      await rollout.until(card, /expired/);
      expect(await changes(bench)).toEqual(before);
      expect(await states(bench)).toEqual([]);
      await expectAccepted(bench, secret, old);
      expect(use.take()).toEqual([]);
      await expectUnharmed(secret, use);
    },
    TEST_MS,
  );

  test.each(someOf(MADE_BY_US, 1))(
    "$name: the second question expires, the new one is in force, and the old one can be brought back",
    async (secret) => {
      await using bench = await benchOf(secret);
      const { rollout } = bench;
      const { world } = rollout;
      const old = secret.inForce(world);
      await using use = secret.use(world);
      const card = await begun(bench, secret);
      bench.pass(20 * MINUTE_MS);
      const left = await rollout.until(card, /the old one is off and not destroyed/);
      const minted = secret.inForce(world);
      expect([await secret.isAccepted(world, minted), await secret.isAccepted(world, old)]).toEqual(
        [true, false],
      );
      expect(await states(bench)).toEqual([LEFT]);
      const back = await rollout.tapFor(
        "operator",
        left,
        "Bring the old one back",
        /lead back .*\?/,
      );
      await bench.approve(back);
      await rollout.until(back, /🟢 .* the old one is in force again/);
      expect(secret.inForce(world)).toBe(old);
      await expectAccepted(bench, secret, old);
      await expectUnharmed(secret, use);
      expect(await states(bench)).toEqual([LED_BACK]);
    },
    TEST_MS,
  );

  test.each(MADE_BY_A_PERSON)(
    "$name: nobody makes the new one, and the worker runs again with the old one",
    async (secret) => {
      await using bench = await benchOf(secret, impatient);
      const { rollout } = bench;
      const { world } = rollout;
      const old = secret.inForce(world);
      await using use = secret.use(world);
      const card = await asked(bench, secret);
      await bench.approve(card);
      await rollout.until(card, ASKS_PERSON);
      expect(world.deployed("worker")).toBeUndefined();
      const end = await rollout.until(card, /It was led back/);
      expect(end.text).toContain("nobody has handed over the new one within 10s");
      expect(world.deployed("worker")).toBeDefined();
      expect(secret.inForce(world)).toBe(old);
      await expectUnharmed(secret, use);
      expect(await states(bench)).toEqual([LED_BACK]);
    },
    TEST_MS,
  );
});

describe("two people start it at once", () => {
  test.each(someOf(ROTATED_SECRETS, 1))(
    "$name: it is rotated once, and the other one hears why not",
    async (secret) => {
      await using bench = await benchOf(secret);
      const { rollout, handOver } = bench;
      const { world } = rollout;
      const old = secret.inForce(world);
      await using use = secret.use(world);
      const cards = await Promise.all([asked(bench, secret), asked(bench, secret)]);
      // Whoever is heard second may find that there is nothing to say yes to any more.
      await Promise.allSettled(cards.map(async (card) => bench.approve(card)));
      const winner = await Promise.any(
        cards.map(async (card) => rollout.until(card, secret.byPerson ? ASKS_PERSON : ASKS_ANEW)),
      );
      const loser = cards.find(({ id }) => id !== winner.id)!;
      // The later question takes the place of the earlier one; who was heard before that is told of the other run.
      const refused = await rollout.until(loser, /asked anew|things changed/);
      expect(refused.text).toMatch(/Nothing was done|R-\w+ \(rotate\) is under way/);
      if (secret.byPerson) await handedOver(handOver.supply, world.todoist.regenerate());
      await finished(bench, secret, winner);
      expect(secret.inForce(world)).not.toBe(old);
      await expectUnharmed(secret, use);
      expect(await states(bench)).toEqual([DONE]);
    },
    TEST_MS,
  );
});
