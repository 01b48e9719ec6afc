import { randomBytes } from "node:crypto";

import { armor, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import type { World } from "../../sandbox/world.ts";
import { query } from "../support/records.ts";
import { startRollout, type Rollout } from "../support/rollout.ts";
import { approveByCode, variableIn } from "../support/rotation.ts";

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
afterEach(async () => {
  await rollout.letHoursPass();
});

const PRIVATE = { chat: "private" } as const;

/** Says something in private and waits for what the bot says next there. */
async function confide(text: string, reads: RegExp, who: "operator" | "viewer" = "operator") {
  const actor = world.as(who);
  const before = new Set(actor.messages("private").map(({ id }) => id));
  const { messageId } = actor.say(text, PRIVATE);
  const answer = await world.telegram.waitFor(
    () => actor.messages("private").find((one) => !before.has(one.id) && reads.test(one.text)),
    { timeoutMs: 30_000 },
  );
  return { answer, messageId };
}

async function sealedFor(recipient: string, secret: string): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return armor.encode(await encrypter.encrypt(`${secret}\n`));
}

const stranger = async () => identityToRecipient(await generateX25519Identity());

describe("a secret that is pasted in private", () => {
  test("in the clear is deleted, refused and called compromised, and stands nowhere afterwards", async () => {
    const pasted = randomBytes(20).toString("hex");
    const { answer, messageId } = await confide(`here: ${pasted}`, /That looked like a secret/);
    expect(answer.text).toContain("compromised");
    await world.telegram.waitFor(
      () =>
        world
          .as("operator")
          .messages("private")
          .every(({ id }) => id !== messageId) || undefined,
      { timeoutMs: 20_000 },
    );
    expect(answer.buttons.flat().map(({ label }) => label)).toContain(
      "Rotate todoist-token: exposed",
    );
    const { rows } = await query<{ text: string }>(
      rollout.databaseUrl,
      "select i::text as text from inbox i union all select o::text from outbox o",
    );
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter(({ text }) => text.includes(pasted))).toEqual([]);
    expect(JSON.stringify(await rollout.entries())).not.toContain(pasted);
    expect(rollout.log()).not.toContain(pasted);
  });

  test.each([
    ["private", "deleted too"],
    // The bot is an administrator of the group, and one that may delete nothing of others.
    ["group", "refused, and whoever typed it is told to delete it"],
  ] as const)(
    "typed behind /rotate supply in the %s chat is %s, and stands nowhere afterwards",
    async (chat, _what) => {
      const typed = randomBytes(20).toString("hex");
      const otto = world.as("operator");
      const before = new Set(otto.messages(chat).map(({ id }) => id));
      const { messageId } = otto.say(`/rotate supply todoist-token ${typed}`, { chat });
      const answer = await world.telegram.waitFor(
        () =>
          otto
            .messages(chat)
            .find(({ id, text }) => !before.has(id) && /That looked like a secret/.test(text)),
        { timeoutMs: 30_000 },
      );
      expect(answer.text).toContain("compromised");
      expect(answer.text).toContain("Where you still see it, delete it.");
      await world.telegram.waitFor(
        () =>
          world.telegram
            .calls()
            .some(
              ({ method, params }) =>
                method === "deleteMessage" && params["message_id"] === messageId,
            ) || undefined,
        { timeoutMs: 20_000 },
      );
      const isLeft = otto.messages(chat).some(({ id }) => id === messageId);
      expect(isLeft).toBe(chat === "group");
      const { rows } = await query<{ text: string }>(
        rollout.databaseUrl,
        "select i::text as text from inbox i union all select o::text from outbox o",
      );
      expect(rows.filter(({ text }) => text.includes(typed))).toEqual([]);
      expect(rollout.log()).not.toContain(typed);
    },
  );

  test("is deleted too when a viewer pastes it, and talk is left alone", async () => {
    world.as("viewer").say("is there anything new?", PRIVATE);
    await confide(randomBytes(20).toString("hex"), /That looked like a secret/, "viewer");
    const left = world.as("viewer").messages("private");
    expect(left.map(({ text }) => text)).toContain("is there anything new?");
  });

  test("goes nowhere while nothing waits for one", async () => {
    const sealed = await sealedFor(await stranger(), "x".repeat(40));
    const { answer } = await confide(sealed, /Nothing waits for a secret/);
    expect(answer.text).toContain("went nowhere");
  });

  test("sealed for us is what a rotation waits for, and sealed for others it is none", async () => {
    const card = await rollout.say("operator", "/rotate todoist-token", /rotate todoist-token\?/);
    await approveByCode(rollout, card);
    await rollout.until(card, /issue a new API token/);
    const { answer: guide } = await confide("/rotate supply", /waits for the new todoist-token/);
    const recipient = /age1[0-9a-z]+/.exec(guide.text)?.[0] ?? "";
    const minted = world.todoist.regenerate();
    await confide(await sealedFor(await stranger(), minted), /It cannot be opened/);
    const sealed = await sealedFor(recipient, minted);
    await confide(sealed, /needs the role operator/, "viewer");
    await confide(sealed, /has the new todoist-token and goes on/);
    await rollout.until(card, /todoist-token rotated/);
    expect(variableIn(world, "worker", "TODOIST_TOKEN").production).toBe(minted);
    const kept = (await rollout.entries()).find(({ kind }) => kind === "secret.supplied");
    expect(kept).toMatchObject({ actor: { name: "Otto" }, facts: { secret: "todoist-token" } });
  });
});
