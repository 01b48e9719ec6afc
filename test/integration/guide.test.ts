import { randomBytes } from "node:crypto";

import { armor, Encrypter } from "age-encryption";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import type { World } from "../../sandbox/world.ts";
import { query } from "../support/records.ts";
import { startRollout, type Rollout } from "../support/rollout.ts";
import { approveByCode } from "../support/rotation.ts";
import { tapped } from "../support/tapping.ts";

const opened = new AsyncDisposableStack();
let rollout: Rollout;
let world: World;

beforeAll(async () => {
  // Without a management key xAI's console is a person's, too.
  const tune = (text: string): string => text.replace(/^ {4}managementKey: .*$/m, "");
  rollout = opened.use(await startRollout({ tune }));
  ({ world } = rollout);
});
afterAll(async () => {
  await opened.disposeAsync();
});
afterEach(async () => {
  await query(rollout.databaseUrl, "delete from conversation");
  await rollout.letHoursPass();
});

const WAIT_MS = 30_000;
const otto = () => world.as("operator");

/** Says something in private and waits for what the bot says next there. */
async function confide(text: string, reads: RegExp): Promise<ChatMessage> {
  const before = new Set(
    otto()
      .messages("private")
      .map(({ id }) => id),
  );
  otto().say(text, { chat: "private" });
  return world.telegram.waitFor(
    () =>
      otto()
        .messages("private")
        .find((one) => !before.has(one.id) && reads.test(one.text)),
    { timeoutMs: WAIT_MS },
  );
}

/** Taps and waits until the message reads so. */
async function tapUntil(message: ChatMessage, label: string, reads: RegExp): Promise<ChatMessage> {
  expect(await tapped(world, "operator", { messageId: message.id, label })).toBe("");
  return world.telegram.waitFor(
    () =>
      otto()
        .messages("private")
        .find(({ id, text }) => id === message.id && reads.test(text)),
    { timeoutMs: WAIT_MS },
  );
}

async function sealedFor(recipient: string, secret: string): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return armor.encode(await encrypter.encrypt(`${secret}\n`));
}

async function keptOfGuides(): Promise<string> {
  const { rows } = await query<{ text: string }>(
    rollout.databaseUrl,
    "select coalesce(string_agg(c::text, ' '), '') as text from conversation c",
  );
  return rows[0]?.text ?? "";
}

describe("the guide to a secret that a person makes", () => {
  test("leads an operator through a rotation in one message, believes what it sees, and never gets to see the secret", async () => {
    const pasted = randomBytes(20).toString("hex");
    const guide = await confide("/rotate guide todoist-token", /step 1 of 4/);
    expect(guide.text).toContain("dead at once");
    await tapUntil(guide, "Done, next", /Not seen yet/);
    const card = await rollout.say("operator", "/rotate todoist-token", /rotate todoist-token\?/);
    await approveByCode(rollout, card);
    await rollout.until(card, /issue a new API token/);
    await tapUntil(guide, "Done, next", /step 2 of 4/);
    await tapUntil(guide, "What if it fails", /If it fails[^]*lost it/);
    const minted = world.todoist.regenerate();
    await tapUntil(guide, "Done, next", /step 3 of 4[^]*age -a -r age1/);
    await tapUntil(guide, "Done, next", /Not seen yet\. No new one/);
    // Whatever is typed or pasted in the middle goes its own way.
    await confide(`is it this: ${pasted}`, /That looked like a secret/);
    const [recipient = ""] = /age1[0-9a-z]+/.exec(textOf(guide)) ?? [];
    const sealed = await sealedFor(recipient, minted);
    await confide(sealed, /has the new todoist-token and goes on/);
    const kept = await keptOfGuides();
    expect(kept).toContain("sandbox todoist-token next 1");
    for (const secret of [pasted, minted, sealed.split("\n")[2]!]) {
      expect(kept).not.toContain(secret);
    }
    await rollout.until(card, /todoist-token rotated/);
    await tapUntil(guide, "Done, next", /step 4 of 4/);
    await tapUntil(guide, "Done", /you are through/);
    expect(await keptOfGuides()).toBe("");
    // One message from its beginning to its end, and every word of it by the sender.
    const guides = otto()
      .messages("private")
      .filter(({ text }) => text.includes("guide to a new"));
    expect(guides.map(({ id }) => id)).toEqual([guide.id]);
    expect(world.telegram.violations()).toEqual([]);
  });

  test("sends him to xAI's console twice, each time when it is his turn, and believes xAI that he was there", async () => {
    const guide = await confide("/rotate guide xai-key", /step 1 of 6/);
    const card = await rollout.say("operator", "/rotate xai-key", /rotate xai-key\?/);
    await rollout.tap("approver", card, "Approve");
    await rollout.until(card, /Make a key with the same permissions/);
    await tapUntil(guide, "Done, next", /step 2 of 6[^]*api-key:model/);
    const [old] = world.xai.console.list();
    const minted = world.xai.console.create("made by hand");
    const handOver = await tapUntil(guide, "Done, next", /step 3 of 6/);
    const [recipient = ""] = /age1[0-9a-z]+/.exec(handOver.text) ?? [];
    await confide(await sealedFor(recipient, minted), /has the new xai-key and goes on/);
    await rollout.until(card, /Disable the old key in xAI's console/);
    await tapUntil(guide, "Done, next", /step 4 of 6/);
    await tapUntil(guide, "Done, next", /step 5 of 6[^]*do not delete it/);
    await tapUntil(guide, "Done, next", /Not seen yet[^]*still accepts the old one/);
    world.xai.console.setDisabled(old?.id ?? "", true);
    const asksAnew = await rollout.until(card, /A yes of another/);
    await tapUntil(guide, "Done, next", /step 6 of 6[^]*delete the disabled key/);
    await approveByCode(rollout, asksAnew);
    await rollout.until(card, /xai-key rotated/);
    await tapUntil(guide, "Done", /you are through/);
    expect(await keptOfGuides()).toBe("");
    expect(world.xai.accepted()).toEqual(["made by hand"]);
  });

  test("is for one person in private: in the group it is not begun", async () => {
    const refused = await rollout.say("operator", "/rotate guide todoist-token", /in private/);
    expect(refused.buttons).toEqual([]);
    expect(await keptOfGuides()).toBe("");
  });

  test("is nobody else's: of two who are led, each goes on by himself", async () => {
    const his = await confide("/rotate guide todoist-token", /step 1 of 4/);
    const ada = world.as("approver");
    ada.say("/rotate guide todoist-token", { chat: "private" });
    await world.telegram.waitFor(
      () => ada.messages("private").find(({ text }) => /step 1 of 4/.test(text)),
      { timeoutMs: WAIT_MS },
    );
    await tapUntil(his, "Stop", /stopped at step 1/);
    expect(ada.messages("private").findLast(({ text }) => /guide/.test(text))?.text).toMatch(
      /step 1 of 4/,
    );
    const { rows } = await query<{ key: string }>(
      rollout.databaseUrl,
      "select key from conversation",
    );
    expect(rows.map(({ key }) => key)).toEqual(["1003:1003"]);
  });

  test("refuses a viewer, who may rotate nothing either", async () => {
    const vera = world.as("viewer");
    vera.say("/rotate guide todoist-token", { chat: "private" });
    await world.telegram.waitFor(
      () => vera.messages("private").find(({ text }) => /needs the role operator/.test(text)),
      { timeoutMs: WAIT_MS },
    );
    expect(await keptOfGuides()).toBe("");
  });

  test("counts a doubled tap once, and says that the step is over", async () => {
    await rollout.letHoursPass();
    const guide = await confide("/rotate guide todoist-token", /step 1 of 4/);
    const data = `c:guide @sandbox todoist-token 1 stop`;
    const taps = [1, 2].map(() => otto().tap({ messageId: guide.id, data }));
    const answers = await Promise.all(
      taps.map(({ queryId }) =>
        world.telegram.waitFor(
          () => world.telegram.callbackAnswers().find((one) => one.queryId === queryId),
          { timeoutMs: WAIT_MS },
        ),
      ),
    );
    expect(answers.map(({ text }) => text ?? "").toSorted()).toEqual([
      "",
      "This step is over. Where the guide stands: /rotate guide todoist-token",
    ]);
  });

  test("is forgotten after a day, and begins anew then", async () => {
    await confide("/rotate guide todoist-token", /step 1 of 4/);
    const { rows } = await query<{ hours: number }>(
      rollout.databaseUrl,
      "select round(extract(epoch from expires_at - now()) / 3600)::int as hours from conversation",
    );
    expect(rows).toEqual([{ hours: 24 }]);
    await query(rollout.databaseUrl, "update conversation set expires_at = now()");
    const again = await confide("/rotate guide todoist-token", /step 1 of 4/);
    await tapUntil(again, "Stop", /stopped at step 1/);
  });
});

/** The message as it stands now. */
function textOf({ id }: ChatMessage): string {
  return (
    otto()
      .messages("private")
      .find((one) => one.id === id)?.text ?? ""
  );
}
