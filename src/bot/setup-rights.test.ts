import { GrammyError, type Api } from "grammy";
import { expect, test } from "vitest";

import { tryPrivateChat, tryRights } from "./setup-rights.ts";

const refusal = (code: number, description: string, parameters = {}): GrammyError =>
  new GrammyError("call failed", { ok: false, error_code: code, description, parameters }, "x", {});

/** Accepts every call but those that a test makes refuse; notes which chat each was for. */
function fakeApi(
  refusing: Readonly<Record<string, (chatId: number) => GrammyError | undefined>> = {},
) {
  const calls: string[] = [];
  const call =
    (name: string, result: unknown) =>
    async (chatId: number): Promise<unknown> => {
      calls.push(`${name} ${chatId}`);
      const error = refusing[name]?.(chatId);
      if (error) throw error;
      return result;
    };
  const api = {
    getChatMember: call("getChatMember", { status: "administrator" }),
    sendMessage: call("sendMessage", { message_id: 7 }),
    editMessageText: call("editMessageText", true),
    pinChatMessage: call("pinChatMessage", true),
    unpinChatMessage: call("unpinChatMessage", true),
    sendChatAction: call("sendChatAction", true),
  } as unknown as Api;
  return { api, calls };
}

const place = { botId: 7, group: { id: -1001, title: "Ops" }, topicId: undefined };

test("a bot with all rights passes every trial, and leaves nothing pinned", async () => {
  const { api, calls } = fakeApi();
  const { trials } = await tryRights(api, place);
  expect(trials.map(({ what, ok }) => [what, ok])).toEqual([
    ["send a message", true],
    ["edit it", true],
    ["pin it", true],
    ["be an administrator", true],
  ]);
  expect(calls).toContain("unpinChatMessage -1001");
});

test("a missing right is named with Telegram's words and what to do", async () => {
  const { api } = fakeApi({
    pinChatMessage: () =>
      refusal(400, "Bad Request: not enough rights to manage pinned messages in the chat"),
  });
  const { trials } = await tryRights(api, place);
  expect(trials.filter(({ ok }) => !ok)).toEqual([
    {
      what: "pin it",
      ok: false,
      advice: expect.stringMatching(
        /not enough rights.*administrator of the group with the right to pin/s,
      ),
    },
  ]);
});

test("without the right to send nothing else is tried on a message that is not there", async () => {
  const { api, calls } = fakeApi({
    sendMessage: () =>
      refusal(400, "Bad Request: not enough rights to send text messages to the chat"),
  });
  const { trials } = await tryRights(api, place);
  expect(trials.map(({ what }) => what)).toEqual(["send a message", "be an administrator"]);
  expect(calls.some((call) => call.startsWith("editMessageText"))).toBe(false);
});

test("a group that becomes a supergroup in the middle is followed", async () => {
  const moved = (chatId: number) =>
    chatId === -77
      ? refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", {
          migrate_to_chat_id: -1001,
        })
      : undefined;
  const { api } = fakeApi({ editMessageText: moved });
  const { trials, group } = await tryRights(api, { ...place, group: { id: -77, title: "Ops" } });
  expect(group).toEqual({ id: -1001, title: "Ops" });
  expect(trials.every(({ ok }) => ok)).toBe(true);
});

test("a revoked token ends the set-up rather than failing a trial", async () => {
  const { api } = fakeApi({ editMessageText: () => refusal(401, "Unauthorized") });
  await expect(tryRights(api, place)).rejects.toThrow("does not accept this bot token (401)");
});

test("a person whom the bot may not write to learns which link to open", async () => {
  const { api } = fakeApi({
    sendChatAction: () => refusal(403, "Forbidden: bot can't initiate conversation with a user"),
  });
  const trial = await tryPrivateChat(api, "deck_bot", { id: 1001, name: "Vera" });
  expect(trial).toMatchObject({ what: "write to Vera", ok: false });
  expect(trial.advice).toContain("Vera opens https://t.me/deck_bot and presses Start");
});
