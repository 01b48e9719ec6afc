import { subscribe, unsubscribe } from "node:diagnostics_channel";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { ids } from "../../sandbox/coolify/ids.ts";
import type { FaultName } from "../../sandbox/faults.ts";
import type { ChatMessage, PersonaName } from "../../sandbox/telegram/server.ts";
import type { World } from "../../sandbox/world.ts";
import type { Moment } from "../../src/core/trace.ts";
import { someOf } from "../support/long-run.ts";
import { query } from "../support/records.ts";
import { startRollout, type Rollout } from "../support/rollout.ts";
import { letBeRead, tapped } from "../support/tapping.ts";

const opened = new AsyncDisposableStack();
let rollout: Rollout;
let world: World;

beforeAll(async () => {
  rollout = opened.use(await startRollout());
  ({ world } = rollout);
});
afterAll(async () => {
  await opened.disposeAsync();
});
/** Production runs the release that is known good, and no trouble is left of the test before. */
beforeEach(async () => {
  await place("current");
  // Nobody is asked more often than people can answer, and these tests ask all day.
  await query(rollout.databaseUrl, "update approval set asked_at = asked_at - interval '2 hours'");
  before = await effectsAndYeses();
});
afterEach(async () => {
  await world.healAll();
  await expectEffectsCovered();
});

let before: { readonly rollbacks: number; readonly used: number };

/** Whatever a test did: both applications go back once at most for each yes that was used. */
async function expectEffectsCovered(): Promise<void> {
  const after = await effectsAndYeses();
  expect(after.rollbacks - before.rollbacks).toBeLessThanOrEqual(2 * (after.used - before.used));
}

async function effectsAndYeses(): Promise<typeof before> {
  const { rollbacks = 0 } = await world.effects();
  const { rows } = await query<{ used: number }>(
    rollout.databaseUrl,
    "select count(*)::integer as used from approval where state = 'consumed'",
  );
  return { rollbacks, used: rows[0]?.used ?? 0 };
}

async function place(release: keyof World["releases"]): Promise<void> {
  const { coolify } = world;
  await Promise.all(
    coolify.push(world.releases[release], services()).map((row) => coolify.ended(row)),
  );
}

const services = () =>
  world.coolify.state.applications.filter(({ uuid }) => uuid === ids.api || uuid === ids.worker);

/** What the world counted since; only what changed. */
async function counting(): Promise<() => Promise<Readonly<Record<string, number>>>> {
  const before = await world.effects();
  const counted = [
    "deployments",
    "rollbacks",
    "deploymentsCancelled",
    "autoDeployChanged",
    "applicationsStopped",
    "variablesWritten",
    "tasksExecuted",
  ];
  return async () => {
    const after = await world.effects();
    const grown = counted.map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0)] as const);
    return Object.fromEntries(grown.filter(([, count]) => count > 0));
  };
}

const labels = ({ buttons }: ChatMessage): readonly string[] =>
  buttons.flat().map(({ label }) => label);

const deployed = () => [world.deployed("api"), world.deployed("worker")];
const both = (release: keyof World["releases"]) => [
  world.releases[release],
  world.releases[release],
];
const short = (release: keyof World["releases"]): string => world.releases[release].slice(0, 7);

/** Does something as soon as the bot passes a moment of a step, the first time. */
function once(moment: Moment, step: string, does: () => Promise<void>): Disposable {
  const listen = (message: unknown): void => {
    const seen = message as { readonly moment: string; readonly about: string };
    if (seen.moment !== moment || !seen.about.endsWith(`:${step}`)) return;
    unsubscribe("flightdeck.moments", listen);
    void does();
  };
  subscribe("flightdeck.moments", listen);
  return { [Symbol.dispose]: () => void unsubscribe("flightdeck.moments", listen) };
}

async function ask(line: string, who: PersonaName = "operator"): Promise<ChatMessage> {
  return rollout.say(who, line, /rollback\?/);
}

/** Asks for it, and has the second person say yes. */
async function approved(line: string): Promise<ChatMessage> {
  const card = await ask(line);
  await rollout.tap("approver", card, "Approve");
  return card;
}

describe("a bad release", () => {
  test("is rolled back once by a second yes, on a phone's page, and the target is green again", async () => {
    // What smoke proves of a release is what is known of it in the night.
    await rollout.say("operator", "/smoke", /smoke GO/);
    await world.break("broken-release");
    const grown = await counting();

    const list = await rollout.say("operator", "/rollback", /roll back to which release/);
    const [first = ""] = labels(list);
    expect(first).toContain(short("current"));
    expect(list.text).toContain(`Runs now: worker ${short("broken")} · api ${short("broken")}`);
    expect(list.text).toContain(`✓ ${short("current")} · smoke GO`);
    world.as("operator").tap({ messageId: list.id, label: first });

    const card = await rollout.until(
      await world.telegram.waitFor(
        () => world.telegram.messages().find(({ replyTo }) => replyTo?.id === list.id),
        { timeoutMs: 30_000 },
      ),
      /rollback\?/,
    );
    expect(card.text.split("\n").slice(0, 2)).toEqual([
      "✋ sandbox · rollback?",
      `${short("broken")} → ${short("current")}`,
    ]);
    expect(card.text).toContain("away from: Upgrade the web framework");
    expect(card.text).toContain("back to: Sync and reconcile tasks with Todoist");
    expect(card.text).toContain("1 commit back");
    expect(card.text).toContain("auto-deploy off → worker + api → ready → job → smoke");
    expect(card.text).toContain("It ran well on schema c3a2b7d9f1e0, the present one.");
    expect(card.text).toContain("Its images are kept, so nothing is built.");
    expect(card.text).toContain("Not undone: schema (c3a2b7d9f1e0), data, variables.");
    expect(card.text).toMatch(/A yes of another approver than Otto, until \d\d:\d\d · code \w{4}/);
    expect(card.text.split("\n").length).toBeLessThanOrEqual(12);

    expect(await rollout.tap("operator", card, "Approve")).not.toBe("");
    expect(await grown()).toEqual({});
    await rollout.tap("approver", card, "Approve");
    const end = await rollout.until(card, /rolled back to/);
    expect(end.text.split("\n")[0]).toBe(`🟢 sandbox · rolled back to ${short("current")}`);
    expect(end.text).toContain("yes by Ada");
    expect(end.text).toContain("Auto-deploy is off now");
    expect(end.text.split("\n").length).toBeLessThanOrEqual(12);

    expect(await grown()).toEqual({ rollbacks: 2, autoDeployChanged: 2 });
    expect(deployed()).toEqual(both("current"));
    expect(services().map(({ settings }) => settings.is_auto_deploy_enabled)).toEqual([
      false,
      false,
    ]);
    await rollout.say("operator", "/preflight", /· GO/);

    const after = await rollout.say("operator", "/rollback", /roll back to which release/);
    expect(after.text).toContain(`? ${short("broken")} · left by a rollback`);
  });

  test("leaves a log in which nothing was done before the yes was used, and what was left and gone to", async () => {
    await world.break("broken-release");
    const card = await approved(`/rollback ${short("current")} --why "captures answer 500"`);
    expect(card.text).toContain("Why: captures answer 500");
    await rollout.until(card, /rolled back to/);
    const all = (await rollout.entries()).filter(({ operation }) => operation === "rollback");
    const of = all.filter(({ run }) => run === all.at(-1)?.run);
    const kinds = of.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "approval.used")).toHaveLength(1);
    expect(kinds.indexOf("approval.used")).toBeLessThan(kinds.indexOf("step.intent"));
    expect(of.at(-1)).toMatchObject({
      kind: "run.result",
      result: "ROLLED BACK",
      actor: { name: "Otto" },
      facts: {
        to: world.releases.current,
        "api-from": world.releases.broken,
        "worker-from": world.releases.broken,
        schema: "c3a2b7d9f1e0",
        why: "captures answer 500",
      },
    });
  });

  test("whose image is not kept is said to be built anew, and is", async () => {
    await place("good");
    const card = await ask(`/rollback ${short("previous")}`);
    expect(card.text).toContain("The image for worker and api is gone: it is built anew");
    expect(card.text).toContain("never seen there");
    await rollout.tap("approver", card, "Approve");
    await rollout.until(card, /rolled back to/);
    expect(deployed()).toEqual(both("previous"));
  });
});

describe("nothing is done", () => {
  test("when the second person says no", async () => {
    await place("good");
    const grown = await counting();
    const card = await ask(`/rollback ${short("current")}`);
    await rollout.tap("approver", card, "Deny");
    const end = await rollout.until(card, /rollback denied/);
    expect(end.text).toContain("Nothing was done.");
    expect(await grown()).toEqual({});
    expect(labels(end)).toContain("Ask again");
  });

  test("when something else was deployed since it was asked; it says what, and can be asked again", async () => {
    await place("good");
    const card = await ask(`/rollback ${short("current")}`);
    await place("worker-idles");
    const grown = await counting();
    await rollout.tap("approver", card, "Approve");
    const end = await rollout.until(card, /not begun: things changed/);
    expect(end.text).toContain(world.releases.good.slice(0, 12));
    expect(end.text).toContain(world.releases["worker-idles"].slice(0, 12));
    expect(await grown()).toEqual({});
    expect(labels(end)).toContain("Ask again");
  });

  test.each([
    ["/rollback zzzz", /"zzzz" is no beginning of a commit's hash/],
    ["/rollback abcdef0", /No release that ran here begins with abcdef0/],
    ["/rollback --why", /Why\? Put it in quotes/],
    ['/rollback --break-glass "no"', /in 15 characters at least/],
    [
      '/rollback --break-glass "Ada does not answer at all"',
      /Only an approver may break the glass/,
    ],
  ])("when somebody types %s", async (line, reads) => {
    const grown = await counting();
    await rollout.say("operator", line, reads);
    expect(await grown()).toEqual({});
  });

  test("when the release runs already", async () => {
    const grown = await counting();
    await rollout.say(
      "operator",
      `/rollback ${short("current")}`,
      /runs already, so there is nothing to roll back/,
    );
    expect(await grown()).toEqual({});
  });

  test.each(someOf(["coolify-down", "coolify-token-revoked"] as const, 1))(
    "when Coolify cannot be asked: %s",
    async (fault) => {
      await place("good");
      await world.break(fault);
      const grown = await counting();
      const card = await rollout.say(
        "operator",
        `/rollback ${short("current")}`,
        /rollback failed/,
      );
      expect(card.text).toContain("Coolify");
      expect(await grown()).toEqual({});
    },
  );
});

describe("a yes that is tapped twice at once", () => {
  test("is used once, and the second tap is told so", async () => {
    await place("good");
    const grown = await counting();
    const card = await ask(`/rollback ${short("current")}`);
    await letBeRead(rollout.databaseUrl);
    const approve = { messageId: card.id, label: "Approve" };
    const told = await Promise.all([1, 2].map(async () => tapped(world, "approver", approve)));
    expect(told.toSorted()).toEqual(["", expect.stringMatching(/approved already|under way/)]);
    await rollout.until(card, /🟢 .* rolled back to/);
    expect(await grown()).toMatchObject({ rollbacks: 2 });
    expect(deployed()).toEqual(both("current"));
  });
});

describe("a Coolify that misbehaves after the yes", () => {
  const TWICE = { rollbacks: 2 };

  test.each(
    someOf(
      [
        ["coolify-is-slow", TWICE],
        ["coolify-cuts-its-answers", TWICE],
        ["coolify-answers-500-after-accepting", TWICE],
      ] as const satisfies readonly (readonly [FaultName, object])[],
      1,
    ),
  )(
    "by %s never does it twice, and is believed by what is there",
    async (fault, effects) => {
      await place("good");
      const grown = await counting();
      const card = await ask(`/rollback ${short("current")}`);
      await world.break(fault);
      await rollout.tap("approver", card, "Approve");
      await rollout.until(card, /🟢 .* rolled back to/);
      expect(await grown()).toEqual(effects);
      expect(deployed()).toEqual(both("current"));
    },
    120_000,
  );

  test.each(
    someOf(
      [
        ["deployments-fail", TWICE],
        ["deployments-vanish", TWICE],
        ["deployments-are-overtaken", TWICE],
        ["deployment-queue-full", {}],
      ] as const satisfies readonly (readonly [FaultName, object])[],
      1,
    ),
  )("by %s fails, is not tried again, and says where production stands", async (fault, effects) => {
    await place("good");
    const grown = await counting();
    const card = await ask(`/rollback ${short("current")}`);
    await world.break(fault);
    await rollout.tap("approver", card, "Approve");
    const end = await rollout.until(card, /rollback failed at worker \+ api/);
    expect(await grown()).toEqual(effects);
    expect(end.text).toMatch(/\nworker: .*\napi: /);
    expect(labels(end)).toContain("Ask again");
  });

  test.each(someOf(["coolify-refuses-too-many-requests", "coolify-token-revoked"] as const, 1))(
    "by %s, so that nobody can look again at what the yes rests on, has nothing done",
    async (fault) => {
      await place("good");
      const grown = await counting();
      const card = await ask(`/rollback ${short("current")}`);
      await world.break(fault);
      await rollout.tap("approver", card, "Approve");
      const end = await rollout.until(card, /not begun/);
      expect(end.text).toContain("could not be looked at again");
      expect(await grown()).toEqual({});
    },
  );

  test("by tokens that are revoked between its two acts fails at the second, says which stands where, and is finished by another yes", async () => {
    await place("good");
    const grown = await counting();
    const card = await ask(`/rollback ${short("current")}`);
    using _revoking = once("step.closed", "the worker is deployed", () =>
      world.break("coolify-token-revoked"),
    );
    await rollout.tap("approver", card, "Approve");
    const end = await rollout.until(card, /rollback failed/);
    expect(end.text).toContain("Coolify, application api: the token is not accepted");
    expect(end.text).toContain(
      `worker: ${short("current")} was asked for, and its end was not waited for\napi: ${short("good")}, as before`,
    );
    expect(labels(end)).toContain("Ask again");
    await world.heal("coolify-token-revoked");
    await expect
      .poll(deployed, { timeout: 20_000 })
      .toEqual([world.releases.good, world.releases.current]);
    expect(await grown()).toEqual({ rollbacks: 1 });
    const entries = await rollout.entries();
    const { run } = entries.findLast(({ kind }) => kind === "run.result") ?? {};
    const acts = entries.filter((entry) => entry.run === run && entry.kind.startsWith("step."));
    expect(acts.map(({ kind, step, result }) => [kind, step, result])).toEqual([
      ["step.intent", "the worker is deployed", undefined],
      ["step.outcome", "the worker is deployed", "ok"],
    ]);

    const again = await approved(`/rollback ${short("current")}`);
    await rollout.until(again, /🟢 .* rolled back to/);
    // The worker was there already, so each of the two was asked for once in all.
    expect(await grown()).toEqual({ rollbacks: 2 });
    expect(deployed()).toEqual(both("current"));
  });

  test("by a deployment that hangs is taken over: it is cancelled, and then both go back", async () => {
    await world.break("deployments-hang");
    world.coolify.push(world.releases.good, services());
    const grown = await counting();
    const card = await ask(`/rollback ${short("current")}`);
    expect(card.text).toContain("cancel what is under way → worker + api");
    await rollout.tap("approver", card, "Approve");
    await expect
      .poll(async () => (await grown())["deploymentsCancelled"], { timeout: 30_000 })
      .toBe(2);
    await world.heal("deployments-hang");
    await rollout.until(card, /🟢 .* rolled back to/);
    expect(await grown()).toEqual({ rollbacks: 2, deploymentsCancelled: 2 });
    expect(deployed()).toEqual(both("current"));
  });
});

describe("a release that is no better", () => {
  test("fails at what proves it, and says what is in place and where to look next", async () => {
    await place("good");
    const card = await ask(`/rollback ${short("current")}`);
    await world.break("xai-key-revoked");
    await rollout.tap("approver", card, "Approve");
    const end = await rollout.until(card, /rollback failed at smoke/);
    expect(end.text).toContain('smoke is NO-GO at "a thought becomes a task"');
    expect(end.text).toContain(`worker: ${short("current")}\napi: ${short("current")}`);
    expect(end.text).toContain("so it may not be the release");
    expect(end.text).toContain("ops/RESTORE_RUNBOOK.md");
  });
});

describe("breaking the glass", () => {
  const WHY = "Otto does not answer and captures are lost";

  test("needs nobody else but two taps of the approver, and everybody hears of it at once", async () => {
    await place("good");
    // Only who has begun a chat with a bot can be written to by it.
    const team = ["viewer", "operator", "approver"] as const;
    for (const who of team) world.as(who).say("/whoami", { chat: "private" });
    const grown = await counting();
    const card = await rollout.say(
      "approver",
      `/rollback ${short("current")} --break-glass "${WHY}"`,
      /break-glass rollback\?/,
    );
    expect(card.text).toContain(`Why: ${WHY}`);
    const told = await rollout.tap("approver", card, "Confirm");
    const code = /Tap (\w{4})/.exec(told)?.[1] ?? "";
    expect(await grown()).toEqual({});
    await rollout.tap("approver", card, code);
    await rollout.until(card, /🟢 .* rolled back to/);
    expect(await grown()).toEqual({ rollbacks: 2 });

    const loud = ({ text }: ChatMessage): boolean => text.includes("Ada broke the glass");
    expect(world.telegram.messages().find(loud)?.text).toContain(WHY);
    for (const who of team) {
      expect([who, world.as(who).messages("private").some(loud)]).toEqual([who, true]);
    }
    expect(JSON.stringify(world.secondPath.calls()).includes("broke the glass")).toBe(true);
    const entries = await rollout.entries();
    const asked = entries.findIndex(({ kind }) => kind === "review.asked");
    expect(asked).toBeGreaterThan(-1);
    const { rows } = await query<{ size: string }>(
      rollout.databaseUrl,
      "select max(size) as size from evidence_checkpoint",
    );
    expect(Number(rows[0]?.size)).toBeGreaterThan(asked);
  });

  test("owes a review, which nobody gives himself, and which is asked for until somebody else gives it", async () => {
    const owed = await rollout.say("approver", "/review", /1 review is owed/);
    const run = /R-\w+/.exec(owed.text)?.[0] ?? "";
    await rollout.say(
      "approver",
      `/review ${run} "it was right, I was there"`,
      /somebody else looks at it/,
    );
    const since = async (hours: number): Promise<void> => {
      const ago = `interval '${hours} hours'`;
      await query(
        rollout.databaseUrl,
        `update review set asked_at = now() - ${ago}, due_at = now() - ${ago} + interval '24 hours'`,
      );
    };
    const word = (reads: RegExp) =>
      world.telegram.waitFor(
        () => world.telegram.messages().find(({ text, chatId }) => chatId < 0 && reads.test(text)),
        { timeoutMs: 30_000 },
      );
    await since(2);
    const first = await word(/is still owed/);
    expect(first.text).toContain("Otto");
    expect(first.text).not.toContain("Ada Vera");
    await rollout.say("operator", "/preflight break-glass-is-reviewed", /· GO/);
    await since(25);
    await word(/is overdue/);
    await rollout.say("operator", "/preflight break-glass-is-reviewed", /NO-GO/);
    await rollout.say("operator", `/review ${run} "short"`, /in 10 characters at least/);
    await rollout.say(
      "operator",
      `/review ${run} "looked at it: it was right, and I was asleep"`,
      /is reviewed by Otto/,
    );
    await rollout.say("operator", "/preflight break-glass-is-reviewed", /· GO/);
    await rollout.say("operator", `/review ${run} "and once more"`, /Otto has reviewed/);
    expect((await rollout.entries()).at(-1)).toMatchObject({ kind: "run.result" });
    const given = (await rollout.entries()).find(({ kind }) => kind === "review.given");
    expect(given).toMatchObject({ actor: { name: "Otto" }, facts: { run } });
  });
});
