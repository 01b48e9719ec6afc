import type { Api } from "grammy";
import type { UserFromGetMe } from "grammy/types";
import { expect, test } from "vitest";

import { meetBot } from "./setup-bot.ts";

const closed = {
  id: 7,
  username: "deck_bot",
  can_join_groups: false,
  can_read_all_group_messages: false,
  supports_inline_queries: false,
  supports_guest_queries: false,
  can_connect_to_business: false,
  can_manage_bots: false,
};

function fakeApi(me: Partial<UserFromGetMe> = {}, url = "") {
  const calls: string[] = [];
  const api = {
    getMe: async () => ({ ...closed, ...me }),
    getWebhookInfo: async () => ({ url, pending_update_count: 3 }),
    deleteWebhook: async () => calls.push("deleteWebhook"),
  } as unknown as Api;
  return { api, calls };
}

test("a bot that can do no more than it needs gets no advice", async () => {
  const { api } = fakeApi();
  expect(await meetBot(api, { deleteWebhook: false })).toEqual({
    id: 7,
    username: "deck_bot",
    advice: [],
  });
});

test.each([
  ["can_join_groups", "/setjoingroups"],
  ["can_read_all_group_messages", "/setprivacy"],
  ["supports_inline_queries", "/setinline"],
  ["supports_guest_queries", "guest mode"],
  ["can_connect_to_business", "business mode"],
  ["can_manage_bots", "manage other bots"],
] as const)("%s brings advice on how to switch it off", async (flag, words) => {
  const { api } = fakeApi({ [flag]: true });
  const { advice } = await meetBot(api, { deleteWebhook: false });
  expect(advice).toHaveLength(1);
  expect(advice[0]).toContain(words);
});

test("a webhook that is there is named without its path, and only removed when that was asked for", async () => {
  const foreign = fakeApi({}, "https://hooks.example.com/7000001:AbCdEfGhIjKlMnOpQrStUvWxYz012345");
  const refused = meetBot(foreign.api, { deleteWebhook: false });
  await expect(refused).rejects.toThrow(
    "its updates go to https://hooks.example.com/… (3 waiting)",
  );
  await expect(refused).rejects.not.toThrow("AbCdEf");
  expect(foreign.calls).toEqual([]);
  await meetBot(foreign.api, { deleteWebhook: true });
  expect(foreign.calls).toEqual(["deleteWebhook"]);
});
