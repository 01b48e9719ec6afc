import type { Update } from "grammy/types";
import { expect, test } from "vitest";

import { createPairingListener } from "./pairing-listener.ts";

type Say = { readonly text: string; readonly user?: number; readonly chat?: object };

let updateId = 0;
const said = ({ text, user = 1003, chat }: Say): Update =>
  ({
    update_id: ++updateId,
    message: {
      message_id: updateId,
      date: 1_800_000_000,
      chat: chat ?? { id: -1001, type: "supergroup", title: "Ops" },
      from: { id: user, is_bot: false, first_name: `P${user}` },
      text,
    },
  }) as Update;

/** Hears these batches, then nothing for ever. */
function listening(batches: readonly (readonly Update[])[], codeLifetimeMs = 60_000) {
  const left = [...batches];
  const codes = ["AAAA-2222", "BBBB-3333", "CCCC-4444", "DDDD-5555"];
  const told: string[] = [];
  const listener = createPairingListener({
    updates: {
      skipBacklog: async () => {},
      confirm: async () => {},
      next: async (signal) =>
        left.shift() ??
        new Promise((resolve) => signal.addEventListener("abort", () => resolve([]))),
    },
    botUsername: "deck_bot",
    newCode: () => codes.shift() ?? "EEEE-6666",
    codeLifetimeMs,
    tell: (text) => told.push(text),
  });
  return { listener, told };
}

const never = new AbortController().signal;

test("a code is good once: the next person needs the next one", async () => {
  const { listener, told } = listening([
    [said({ text: "/pair AAAA-2222" }), said({ text: "/pair AAAA-2222", user: 1002 })],
    [said({ text: "/pair BBBB-3333", user: 1002 })],
  ]);
  expect((await listener.next(never))?.person.id).toBe(1003);
  expect(told.join("\n")).toContain("P1002 (1002) typed a wrong code in “Ops”: 1 of 5.");
  expect((await listener.next(never))?.person.id).toBe(1002);
});

test("five wrong codes end it, also when they come in one batch with others between", async () => {
  const guesses = [1, 2, 3, 4, 5].flatMap((n) => [
    said({ text: `/pair WRNG-000${n}`, user: 6000 + n }),
    said({ text: "hello" }),
  ]);
  const { listener } = listening([guesses.slice(0, 6), guesses.slice(6)]);
  await expect(listener.next(never)).rejects.toThrow("5 wrong codes were typed");
});

test("a code that nobody types is void after its time", async () => {
  const { listener } = listening([[said({ text: "hello" })]], 30);
  expect(await listener.next(never)).toBeUndefined();
});

test("a basic group is told how to go on, and the one who typed the code is paired when it moves", async () => {
  const basic = { id: -77, type: "group", title: "Ops" };
  const moved = said({ text: "", chat: basic });
  Object.assign(moved.message ?? {}, { migrate_to_chat_id: -1001, text: undefined });
  const { listener, told } = listening([[said({ text: "/pair AAAA-2222", chat: basic })], [moved]]);
  expect((await listener.next(never))?.person).toEqual({ id: 1003, name: "P1003" });
  expect(listener.group()).toEqual({ id: -1001, title: "Ops" });
  expect(told[0]).toContain("is a basic group");
  expect(told[1]).toBe("“Ops” is a supergroup now; its id is -1001.");
});
