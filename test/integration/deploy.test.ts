import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { applicationOf } from "../../sandbox/coolify/faults.ts";
import { ids } from "../../sandbox/coolify/ids.ts";
import type { ReleaseName } from "../../sandbox/releases.ts";
import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { query } from "../support/records.ts";
import { startRollout, type Rollout } from "../support/rollout.ts";
import { asksCoolify } from "../support/sandbox-coolify.ts";

let rollout: Rollout;
let unsigned: ChatMessage;
const release = (name: ReleaseName): string => rollout.world.releases[name];
const short = (name: ReleaseName): string => release(name).slice(0, 7);
const firstLine = (text: string): string => text.split("\n")[0] ?? "";

/** What the world counted of a change since it was asked last. */
async function counting(): Promise<() => Promise<Readonly<Record<string, number>>>> {
  const before: Readonly<Record<string, number>> = await rollout.world.effects();
  return async () => {
    const after = await rollout.world.effects();
    const grown = Object.entries(after).filter(([name, count]) => count !== before[name]);
    return Object.fromEntries(grown.map(([name, count]) => [name, count - (before[name] ?? 0)]));
  };
}

beforeAll(async () => {
  rollout = await startRollout();
});
afterAll(async () => {
  await rollout[Symbol.asyncDispose]();
});
afterEach(async () => {
  await rollout.world.healAll();
});

describe("before anybody is asked", () => {
  test("shut gates stand on the card, the red ones first, and nothing is asked", async () => {
    const since = await counting();
    const card = await rollout.say("operator", "/deploy", /blocked/);
    const lines = card.text.split("\n");
    expect(lines[0]).toBe("🔴 sandbox · deploy blocked by preflight, backup");
    expect(lines.filter((line) => /^[✗✓] /.test(line)).map((line) => line[0])).toEqual([
      "✗",
      "✗",
      "✓",
      "✓",
    ]);
    expect(card.text).toContain(
      `/deploy ${release("current").slice(0, 12)} --override preflight,backup`,
    );
    expect(card.buttons.flat().map(({ label }) => label)).toEqual([
      "Preflight",
      "Back up now",
      "Ask again",
      "Details",
    ]);
    expect(await since()).not.toHaveProperty("rollbacks");
    const result = (await rollout.entries()).findLast(({ kind }) => kind === "run.result");
    expect(result).toMatchObject({ operation: "deploy", result: "BLOCKED" });
  });

  test.each([
    ["/deploy main", /is no commit; expected 7 to 40 digits/],
    ["/deploy 1234567 and more", /one word too many/],
    ['/deploy --override preflight --because "it is only a text"', /Only an approver may pass/],
    ["/deploy --override", /Which gate\? There is preflight, backup, alerts, runs/],
  ])("%s is refused with what would be right", async (line, words) => {
    expect((await rollout.say("operator", line, words)).buttons).toEqual([]);
  });

  test.each([
    ['/deploy --override prefligth --because "it is only a text"', /Did you mean preflight\?/],
    ["/deploy --override preflight --because no", /with 10 to 300 characters; it is recorded/],
  ])("%s is refused to an approver too", async (line, words) => {
    expect((await rollout.say("approver", line, words)).buttons).toEqual([]);
  });

  test("the beginning of a hash that nobody knows is no commit", async () => {
    const card = await rollout.say("operator", "/deploy abcdef1", /failed/);
    expect(card.text).toContain("abcdef1 is the beginning of no commit that is known");
  });
});

describe("a release", () => {
  test("goes from its request to its signature, every effect once", async () => {
    const { world } = rollout;
    await rollout.openGates();
    world.push("migrates");
    for (const uuid of [ids.api, ids.worker]) {
      applicationOf(world.coolify.state, uuid).settings.is_auto_deploy_enabled = true;
    }
    const since = await counting();

    const card = await rollout.say("operator", "/deploy", /deploy\?/);
    expect(firstLine(card.text)).toBe("✋ sandbox · deploy?");
    // All forty digits, the subject, and what is done in which order; no backup, for there is a fresh one.
    expect(card.text).toContain(release("migrates"));
    expect(card.text).toContain("Let thoughts be urgent · 1 commit more");
    expect(card.text).toContain(
      "freeze → api → schema → ready → jobs → worker → a job → smoke → watch",
    );
    expect(card.text).toContain("Not undone: what migrations change");
    // Where the branch goes after the question was asked changes nothing.
    world.coolify.push(release("good"), []);
    await rollout.tap("approver", card, "Approve");
    const end = await rollout.until(card, /to be signed|failed/);
    expect(firstLine(end.text)).toBe(`🟢 sandbox · deployed ${short("migrates")} · to be signed`);
    expect(end.text.length).toBeLessThan(1_500);

    expect([world.deployed("api"), world.deployed("worker")]).toEqual([
      release("migrates"),
      release("migrates"),
    ]);
    expect(await since()).toMatchObject({
      rollbacks: 2,
      tasksWritten: 1,
      tasksExecuted: 1,
      migrationsApplied: 1,
      autoDeployChanged: 2,
    });
    expect(await since()).not.toHaveProperty("jobsLost");

    // Otto asked for it, so Otto does not review it.
    expect(await rollout.tap("operator", end, "Reviewed: complete")).toContain(
      "Whoever asked for a rollout does not review it",
    );
    await rollout.tap("approver", end, "Reviewed: complete");
    const signed = await rollout.until(end, /signed, reviewed by Ada/);
    expect(signed.text).toContain("Complete after review by Ada");
    const signatures = (await rollout.entries()).filter(({ kind }) => kind === "rollout.signed");
    expect(signatures).toMatchObject([
      {
        actor: { name: "Ada" },
        operation: "deploy",
        result: "complete",
        facts: {
          operator: "Otto",
          release: release("migrates"),
          timestamp: expect.stringMatching(/^2\d{3}-/) as string,
          backup: expect.stringMatching(/^yes: the newest is from/) as string,
          migration: "yes: now at a1c4e7d2f9b3",
          api: expect.stringMatching(/^yes: api-is-live, api-is-ready/) as string,
          worker: "yes: the flow ended GO",
          smoke: "yes: the flow ended GO",
          rollback: expect.stringContaining(short("current")) as string,
          "reviewed-by": "Ada",
        },
      },
    ]);
    // A second signature is none.
    const again = await rollout.say(
      "approver",
      `/sign ${runIn(signed.text)} complete`,
      /is signed/,
    );
    expect(again.text).toContain("The sign-off of");
  });

  test("that is there already is deployed anew, and finds its schema at its head", async () => {
    const since = await counting();
    const card = await rollout.deploy(`/deploy ${release("migrates").slice(0, 9)}`);
    unsigned = await rollout.until(card, /to be signed|failed/);
    expect(firstLine(unsigned.text)).toContain(`deployed ${short("migrates")}`);
    expect(unsigned.text).toContain("migration: at a1c4e7d2f9b3 already");
    const grown = await since();
    expect(grown).toMatchObject({ rollbacks: 2, tasksExecuted: 1 });
    // Its task was there, and as it has to be.
    expect(grown).not.toHaveProperty("tasksWritten");
    expect(grown).not.toHaveProperty("migrationsApplied");
  });

  test("is not signed any more once another one was deployed, or it was rolled back", async () => {
    const card = await rollout.deploy(`/deploy ${release("migrates")}`);
    const next = await rollout.until(card, /to be signed|failed/);
    const line = `/sign ${runIn(unsigned.text)} complete`;
    await rollout.say("approver", line, /The sign-off of R-\w+ is superseded/);
    const left = await rollout.until(unsigned, /Not signed before the next rollout/);
    expect(left.buttons.flat().map(({ label }) => label)).toEqual(["Details"]);

    const { rows } = await query<{ id: string }>(
      rollout.databaseUrl,
      `insert into run (target, operation, input, mutating, cause, actor, config_hash, state, created_at, ended_at)
       values ('sandbox', 'rollback', '{}', true, 'test-rollback', '{"via":"flightdeck","name":"test"}', '', 'failed', now(), now())
       returning id`,
    );
    await query(
      rollout.databaseUrl,
      `insert into run_step (run_id, n, name, kind, state, epoch, idempotency_key, started_at)
       values ($1, 0, 'the api is deployed', 'act', 'done', 1, gen_random_uuid(), now())`,
      [rows[0]!.id],
    );
    const again = `/sign ${runIn(next.text)} complete`;
    await rollout.say("approver", again, /\(rollback\) has changed sandbox since/);
  });
});

describe("a question", () => {
  test("is stale when what runs is no longer what was seen, and nothing is done", async () => {
    const { world } = rollout;
    await rollout.letHoursPass();
    const card = await rollout.say("operator", `/deploy ${release("good")}`, /deploy\?/);
    const coolify = asksCoolify(world);
    await coolify.deploy("worker", release("current"));
    const since = await counting();
    await rollout.tap("approver", card, "Approve");
    const end = await rollout.until(card, /things changed/);
    expect(end.text).toContain("worker");
    expect(end.text).toContain("Nothing was done.");
    expect(await since()).not.toHaveProperty("rollbacks");
    expect(world.deployed("api")).toBe(release("migrates"));
  });

  test("is stale when a gate has shut meanwhile", async () => {
    const card = await rollout.say("operator", `/deploy ${release("good")}`, /deploy\?/);
    await rollout.world.break("xai-key-revoked");
    await rollout.say("operator", "/preflight xai-key-works", /NO-GO/);
    await rollout.tap("approver", card, "Approve");
    const end = await rollout.until(card, /things changed/);
    expect(end.text).toContain("gate-preflight");
  });

  test("is not asked while Coolify deploys something, whoever asked for that", async () => {
    const { world } = rollout;
    await rollout.say("operator", "/preflight", /· GO/);
    await world.break("deployments-hang");
    await asksCoolify(world).ask("POST", `/deploy?uuid=${ids.api}`);
    const card = await rollout.say("operator", "/deploy", /blocked/);
    expect(firstLine(card.text)).toBe("🔴 sandbox · deploy blocked by runs");
    expect(card.text).toMatch(/✗ runs: deployment \w+ of api in Coolify/);
  });
});

/** The name of the run that a card's last line begins with. */
function runIn(text: string): string {
  return /R-[0-9A-Z]+/.exec(text.split("\n").at(-1) ?? "")?.[0] ?? "";
}
