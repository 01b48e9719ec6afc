import type { Update } from "grammy/types";
import { expect, test } from "vitest";

import { takeIn, type IntakeParts } from "./intake.ts";

const OPS = -1001;
const from = { id: 1003, is_bot: false, first_name: "Ada" };
const chat = { id: OPS, type: "supergroup", title: "ops" };
const message = { message_id: 7, date: 1_795_000_000, chat, from, text: "/status" };

/** What becomes of updates, told in words. */
async function taken(updates: readonly object[]): Promise<readonly string[]> {
  const told: string[] = [];
  const parts = {
    database: {
      transaction: async (work: (tx: unknown, now: Date) => unknown) => work({}, new Date()),
    },
    inbox: {
      async receive(_tx: unknown, _now: Date, received: readonly { readonly updateId: number }[]) {
        told.push(...received.map(({ updateId }) => `stored ${updateId}`));
      },
    },
    tally: { count: (reason: string) => told.push(reason) },
    onMoved: async (one: number, other: number) => void told.push(`moved ${one} ${other}`),
    onForeignChat: (id: number) => void told.push(`foreign ${id}`),
  } as unknown as IntakeParts;
  const rules = {
    chatIds: new Set([OPS]),
    botUsername: "flightdeck_bot",
    operators: [{ telegram: 1003 }],
  };
  await takeIn(parts, rules, updates as readonly Update[]);
  return told;
}

test.each([
  ["a message without a chat", { message: { ...message, chat: undefined } }],
  ["a message that is none", { message: 5 }],
  ["a text that is none", { message: { ...message, text: 5 } }],
  ["a number that is none", { message: { ...message, message_id: true } }],
  ["half a number", { message: { ...message, message_id: 7.5 } }],
  ["a move from nowhere", { message: { migrate_to_chat_id: -1002 } }],
])("%s is counted as malformed, and keeps no other update out", async (_what, update) => {
  expect(
    await taken([
      { update_id: 1, ...update },
      { update_id: 2, message },
    ]),
  ).toEqual(["malformed", "stored 2"]);
});

test("a membership that is none keeps no other update out", async () => {
  expect(
    await taken([
      { update_id: 1, my_chat_member: {} },
      { update_id: 2, message },
    ]),
  ).toEqual(["update-kind", "stored 2"]);
});

test("a move of our own chat and an invitation into another are heard", async () => {
  const new_chat_member = { status: "member", user: from };
  const told = await taken([
    { update_id: 1, message: { ...message, text: undefined, migrate_to_chat_id: -1002 } },
    { update_id: 2, my_chat_member: { chat: { ...chat, id: -1003 }, new_chat_member } },
    { update_id: 3, message: { ...message, chat: { ...chat, id: -1002 } } },
  ]);
  expect(told).toEqual(["moved -1001 -1002", "foreign -1003", "update-kind", "stored 3"]);
});
