import { describe, expect, inject, onTestFinished, test } from "vitest";

import type { ChatMessage, PersonaName } from "../../sandbox/telegram/server.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import type { Settings } from "../../src/config/settings.ts";
import type { Entry } from "../../src/core/entry.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase } from "../database.ts";
import { FAST_ENGINE, testConfig } from "../support/config.ts";
import { readEntries } from "../support/records.ts";
import { tapAfterReading } from "../support/tapping.ts";

const WAIT_MS = 90_000;

type Rules = Settings["rollbackWhen"];

/** A world whose current release was proved by a smoke flow, and a bot that watches it by these rules. */
async function startWatched(rulesOf: (rules: Rules) => Rules = (rules) => rules) {
  await using opened = new AsyncDisposableStack();
  const timing = { workerPausesMs: [20, 20, 20, 20], goodForMs: 500 };
  const world = opened.use(await startWorld({ deploymentStepMs: 60, timing }));
  const database = opened.use(await createTestDatabase());
  const directory = opened.use(await temporaryDirectory("triggers"));
  let log = "";
  const config = testConfig({
    data: directory.path,
    environment: {
      ...world.environment,
      OWN_DATABASE: database.url,
      OWN_REDIS: inject("redisUrl"),
    },
    more: `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`,
    watches: true,
  });
  const [target] = config.targets;
  const rollbackWhen = rulesOf(target.settings.rollbackWhen);
  const ruled = { ...target, settings: { ...target.settings, rollbackWhen } };
  opened.use(
    await startApp({
      config: { ...config, targets: [ruled] },
      logger: createLogger(
        (line) => (log += line),
        (text) => text,
      ),
      instance: "test-triggers",
      signal: new AbortController().signal,
    }),
  );
  const kept = opened.move();
  onTestFinished(async () => kept.disposeAsync());

  /** The newest message that reads so; a failure shows all of them. */
  const seen = async (
    reads: RegExp,
    isMeant: (message: ChatMessage) => boolean = () => true,
  ): Promise<ChatMessage> =>
    world.telegram
      .waitFor(
        () =>
          world.telegram
            .messages()
            .findLast((one) => one.from.isBot && reads.test(one.text) && isMeant(one)),
        { timeoutMs: WAIT_MS },
      )
      .catch((error: unknown) => {
        const texts = world.telegram.messages().map(({ text }) => text);
        throw new Error(`Nothing reads ${reads}:\n${texts.join("\n--\n")}\n${log}`, {
          cause: error,
        });
      });
  const tap = async (who: PersonaName, { id }: ChatMessage, label: string): Promise<string> =>
    tapAfterReading(world, who, { messageId: id, label }, database.url);

  world.as("operator").say("/smoke");
  await seen(/smoke GO/);
  return { world, seen, tap, entries: async () => readEntries(database.url), log: () => log };
}

const buttonsOf = (message: ChatMessage): readonly string[] =>
  message.buttons.flat().map(({ label }) => label);
const offersRollback = (message: ChatMessage): boolean =>
  buttonsOf(message).some((label) => label.startsWith("Roll back to "));
const short = (commit: string): string => commit.slice(0, 7);

async function rollbacksOf(world: World): Promise<number> {
  return (await world.effects())["rollbacks"] ?? 0;
}

const ofRollback = (entries: readonly Entry[]) =>
  entries.filter(({ operation }) => operation === "rollback");

describe("a release that goes bad", () => {
  test("is told by an alert with the way back on it; a tap and one yes lead there, and all is green again", async () => {
    const { world, seen, tap, entries } = await startWatched();
    const good = world.deployed("api") ?? "";
    await world.break("release-goes-bad");
    expect(world.deployed("api")).not.toBe(good);
    const before = await rollbacksOf(world);

    const alert = await seen(/(captures|questions)-are-answered fails/, offersRollback);
    expect(alert.text).toContain("core-calls-fail asks for a rollback.");
    const label = `Roll back to ${short(good)}`;
    expect(buttonsOf(alert)).toContain(label);

    await tap("operator", alert, label);
    const card = await seen(/rollback\?/);
    expect(card.text).toContain("asked by rule core-calls-fail");
    expect(card.text).toContain("tapped by Otto");
    expect(await rollbacksOf(world)).toBe(before);

    await tap("approver", card, "Approve");
    const end = await seen(/rolled back to|rollback failed/);
    expect(end.id).toBe(card.id);
    expect(end.text.split("\n")[0]).toBe(`🟢 sandbox · rolled back to ${short(good)}`);
    expect(world.deployed("api")).toBe(good);
    expect(world.deployed("worker")).toBe(good);
    await seen(/✅ sandbox · (captures|questions)-are-answered/, ({ id }) => id === alert.id);

    const told = ofRollback(await entries());
    expect(told.find(({ kind }) => kind === "run.intent")?.actor).toEqual({
      via: "flightdeck",
      name: "rule core-calls-fail",
    });
    expect(told.find(({ kind }) => kind === "approval.voted")?.actor).toMatchObject({
      name: "Ada",
    });
    expect(told.at(-1)?.facts).toMatchObject({ to: good, rule: "core-calls-fail" });
    expect(world.telegram.violations()).toEqual([]);
  }, 240_000);

  test("is left by the yes of the very approver who tapped, for it is the rule that asks", async () => {
    const { world, seen, tap } = await startWatched();
    const good = world.deployed("api") ?? "";
    await world.break("release-goes-bad");
    const alert = await seen(/(captures|questions)-are-answered fails/, offersRollback);
    await tap("approver", alert, `Roll back to ${short(good)}`);
    const card = await seen(/rollback\?/);
    await tap("approver", card, "Approve");
    await seen(/🟢 sandbox · rolled back to/);
    expect(world.deployed("api")).toBe(good);
  }, 240_000);

  test("is left at once, once and loudly, where the rule may act by itself", async () => {
    const { world, seen, entries } = await startWatched((rules) => ({
      ...rules,
      "core-calls-fail": { ...rules["core-calls-fail"]!, automatic: true },
    }));
    const good = world.deployed("api") ?? "";
    await world.break("release-goes-bad");
    const word = await seen(/rolls back to \w+ by itself/);
    expect(word.text).toContain("Otto");
    expect(word.text).toContain("Ada");
    const end = await seen(/🟢 sandbox · rolled back to/);
    expect(end.text).not.toContain("yes by");
    expect(world.deployed("api")).toBe(good);
    const told = ofRollback(await entries());
    expect(told.filter(({ kind }) => kind === "run.intent")).toHaveLength(1);
    expect(told.filter(({ kind }) => kind.startsWith("approval."))).toEqual([]);
    expect(told.at(-1)?.facts).toMatchObject({ automatic: "yes", rule: "core-calls-fail" });
  }, 240_000);
});

describe("nobody puts a rule before their own wish", () => {
  test("when no rule asks, or it asks for another release", async () => {
    const { world, seen } = await startWatched();
    world.as("approver").say(`/rollback ${short(world.releases.previous)} --rule core-calls-fail`);
    await seen(/No rule asks for a rollback because of core-calls-fail any more/);
    await world.break("release-goes-bad");
    await seen(/(captures|questions)-are-answered fails/, offersRollback);
    world.as("approver").say(`/rollback ${short(world.releases.previous)} --rule core-calls-fail`);
    await seen(/core-calls-fail asks for \w+ by now, not for/);
    expect(world.deployed("api")).toBe(world.releases["goes-bad"]);
  }, 180_000);
});
