import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, inject, test } from "vitest";

import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { configText } from "../support/config.ts";
import { HASTE, startRollout, type Rollout } from "../support/rollout.ts";

const root = join(import.meta.dirname, "../..");
const opened = new AsyncDisposableStack();
let rollout: Rollout;
let file: string;

beforeAll(async () => {
  rollout = opened.use(await startRollout({ world: { empty: true } }));
  const { path } = opened.use(await temporaryDirectory("first-rollout"));
  file = join(path, "config.yaml");
  const more = "database: ${env:OWN_DATABASE}\nredis: ${env:OWN_REDIS}";
  await writeFile(file, configText({ data: join(path, "data"), more }));
}, 120_000);
afterAll(async () => {
  await opened.disposeAsync();
});

/** What Otto types at a terminal, with what he is asked there. */
async function flightdeck(args: readonly string[], input = ""): Promise<string> {
  const child = spawn(process.execPath, ["src/main.ts", ...args, "--config", file], {
    cwd: root,
    env: {
      PATH: process.env["PATH"] ?? "",
      ...rollout.world.environment,
      ...HASTE,
      OWN_DATABASE: rollout.databaseUrl,
      OWN_REDIS: inject("redisUrl"),
      USER: userInfo().username,
    },
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text: Buffer) => (said += text.toString()));
  }
  child.stdin.end(input);
  return new Promise((resolve) => child.once("close", () => resolve(said)));
}

/** The list as it stands once everything was looked at afresh. */
const look = async (reads: RegExp): Promise<ChatMessage> =>
  rollout.say("operator", "/checklist rollout", new RegExp(`^(?!⏳)[^\n]*${reads.source}`));

/** Says something and waits for what came of it. */
const done = async (text: string, reads: RegExp): Promise<ChatMessage> =>
  rollout.say("operator", text, reads);

/** Ticks what waits for a person where the list stands. */
async function tick(card: ChatMessage, words: string): Promise<ChatMessage> {
  const button = card.buttons.flat().find(({ label }) => label.includes(words.slice(0, 20)));
  if (!button) throw new Error(`Nobody can tick "${words}" of ${card.text}`);
  rollout.world.as("operator").tap({ messageId: card.id, label: button.label });
  return rollout.until(card, new RegExp(`☑ ${words}`));
}

test("an empty production is brought from its first secret to its signature, gate by gate", async () => {
  const { world, say, tap, until } = rollout;
  const begun = await look(/gate 1 of 5: preflight/);
  expect(begun.text).toMatch(/^🔴 /);
  expect(begun.text).toContain("✗ Every variable that the product needs is set: failed");
  expect(begun.text).toContain("✗ Telegram knows where the product is to be found: failed");
  expect(begun.text).toContain("then deploy, smoke, rollback, sign-off");
  expect((await world.effects())["variablesWritten"]).toBe(0);

  const database = world.product.databaseUrl.replace(/^postgres(?:ql)?:/, "postgresql+asyncpg:");
  const typed = `${database}\n${world.product.redisUrl}\n`;
  expect(await flightdeck(["secrets", "init"], typed)).toContain("GO: all 13 are set");
  const hook = await done("/webhook set", /^✋/);
  await tap("approver", hook, "Approve");
  expect((await until(hook, /webhook UNKNOWN/)).text).toContain("? door:");
  await done("/backup", /backup SAVED/);

  const before = await look(/gate 1 of 5: preflight/);
  expect(before.text).toMatch(/^🟡 [^\n]*\n☐ The commit is chosen/);
  const early = await say("operator", `/checklist tick ${runOf(before)} message`, /comes after/);
  expect(early.text).toContain("The gate smoke comes after preflight, where commit is still open.");
  expect((await tick(before, "The commit is chosen")).text).toContain("gate 2 of 5: deploy");

  await done("/preflight", /NO-GO/);
  const asked = await done("/deploy", /deploy\?/);
  await tap("approver", asked, "Approve");
  const deployed = await until(asked, /to be signed|failed/);
  expect(deployed.text).toMatch(/to be signed/);
  expect(world.deployed("api")).toBe(world.deployed("worker"));
  const smoking = await look(/gate 3 of 5: smoke/);
  expect(smoking.text).toContain("? The smoke flow ends well: no smoke yet");

  await tick(smoking, "The product's own bot answered");
  await done("/smoke", /smoke\S* GO|· GO/);
  await done("/preflight api-is-live", /^🟢/);
  expect((await look(/gate 3 of 5: smoke/)).text).toMatch(
    /\? The whole preflight [^\n]*: R-\w+ GO, of some checks alone/,
  );
  await done("/preflight", /^🟢/);
  const watching = await look(/gate 4 of 5: rollback/);
  expect((await tick(watching, "Capture and query answer")).text).toContain(
    "gate 5 of 5: sign-off",
  );

  await done("/backup", /backup SAVED/);
  await done("/drill", /VERIFIED/);
  await done("/evidence verify", /SOUND/);
  const last = await look(/gate 5 of 5: sign-off/);
  expect(last.text).toMatch(/\n\? All nine fields [^\n]*: R-\w+ not signed yet/);
  await sign(deployed);
  const signed = await look(/complete/);
  expect(signed.text).toMatch(/^🟢 sandbox · rollout checklist · complete/);

  const entries = await rollout.entries();
  const ended = entries.findLast(({ kind }) => kind === "checklist.closed");
  expect(ended).toMatchObject({ result: "complete", facts: { checklist: "rollout" } });
  const signature = entries.find(({ kind }) => kind === "rollout.signed");
  expect(signature).toMatchObject({ result: "complete", actor: { name: "Ada" } });
  // API and worker once each, every migration of an empty database once, and every variable where it is needed.
  const {
    deployments = 0,
    rollbacks = 0,
    migrationsApplied,
    variablesWritten,
  } = await world.effects();
  expect([deployments + rollbacks, migrationsApplied, variablesWritten]).toEqual([2, 4, 23]);
}, 240_000);

/** The run of a card, as its last line names it. */
function runOf(card: ChatMessage): string {
  return /\n(R-\w+) · (?:asked by )?Otto/.exec(card.text)?.[1] ?? "";
}

/** Whoever asked answers what the bot could not see, and somebody else reviews the whole. */
async function sign(card: ChatMessage): Promise<void> {
  const name = runOf(card);
  const open = card.buttons.flat().filter(({ label }) => label.endsWith(": yes"));
  expect(open.length).toBeGreaterThan(0);
  for (const { label } of open) {
    rollout.world.as("operator").tap({ messageId: card.id, label });
    await rollout.until(card, new RegExp(`☑ ${label.replace(": yes", "")} · Otto`));
  }
  const own = await rollout.say("operator", `/sign ${name} complete`, /somebody else/);
  expect(own.text).toContain("Whoever asked for a rollout does not review it");
  rollout.world.as("approver").say(`/sign ${name} complete`);
  await rollout.until(card, /signed/);
}
