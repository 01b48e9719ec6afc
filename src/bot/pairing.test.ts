import type { Message, Update } from "grammy/types";
import { describe, expect, test } from "vitest";

import { hear, type Expectation } from "./pairing.ts";

const GROUP = { id: -1001, title: "Ops" };
const expected: Expectation = {
  botUsername: "deck_bot",
  code: "K7M2-9QXD",
  group: undefined,
  upgrading: undefined,
};

const supergroup = { id: -1001, type: "supergroup", title: "Ops" } as const;
const basicGroup = { id: -77, type: "group", title: "Ops" } as const;
const ada = { id: 1003, is_bot: false, first_name: "Ada", last_name: "L" } as const;

function message(text: string, more: Partial<Message> = {}): Update {
  const base = { message_id: 5, date: 1_800_000_000, chat: supergroup, from: ada };
  return { update_id: 1, message: { ...base, text, ...more } as Message & Update.NonChannel };
}

describe("the right code", () => {
  test("pairs whoever types it with the supergroup it is typed in", () => {
    expect(hear(message("/pair K7M2-9QXD"), expected)).toEqual({
      kind: "paired",
      person: { id: 1003, name: "Ada L" },
      group: GROUP,
      topicId: undefined,
    });
  });

  test.each(["/pair k7m2 9qxd", "/PAIR K7M29QXD", "/pair@deck_bot K7M2-9QXD"])(
    "counts as typed by a phone: %s",
    (text) => {
      expect(hear(message(text), expected).kind).toBe("paired");
    },
  );

  test("tells the topic it was typed in", () => {
    const inTopic = { message_thread_id: 9, is_topic_message: true } as const;
    expect(hear(message("/pair K7M2-9QXD", inTopic), expected)).toMatchObject({ topicId: 9 });
  });

  test("in a basic group waits for the supergroup that it becomes", () => {
    expect(hear(message("/pair K7M2-9QXD", { chat: basicGroup }), expected)).toMatchObject({
      kind: "basic-group",
      group: { id: -77 },
    });
  });

  test.each([
    ["in private", { ...expected }, { id: 1003, type: "private", first_name: "Ada" }],
    [
      "in another group than the first",
      { ...expected, group: GROUP },
      { ...supergroup, id: -1002 },
    ],
  ] as const)("is not spent %s", (_where, expecting, chat) => {
    expect(hear(message("/pair K7M2-9QXD", { chat }), expecting).kind).toBe("elsewhere");
  });

  test.each<[string, Partial<Message>]>([
    [
      "an anonymous administrator",
      { from: { ...ada, id: 1_087_968_824, is_bot: true }, sender_chat: supergroup },
    ],
    ["a channel", { sender_chat: { id: -1009, type: "channel", title: "News" } }],
    ["a forwarder", { forward_origin: { type: "hidden_user", sender_user_name: "x", date: 1 } }],
    ["another bot", { from: { ...ada, is_bot: true } }],
    ["a scheduled message", { is_from_offline: true }],
  ])("pairs nobody when it comes from %s", (_who, more) => {
    expect(hear(message("/pair K7M2-9QXD", more), expected).kind).toBe("disguised");
  });
});

describe("anything else", () => {
  test("that looks like a code is a wrong one, whoever sends it", () => {
    expect(hear(message("/pair AAAA-AAAA"), expected)).toEqual({
      kind: "wrong-code",
      person: { id: 1003, name: "Ada L" },
      where: "“Ops”",
    });
    const bot = message("/pair AAAA", { from: { ...ada, is_bot: true } });
    expect(hear(bot, expected).kind).toBe("wrong-code");
  });

  test.each(["hello", "/pair", "/pairing K7M2-9QXD", "/pair@other_bot K7M2-9QXD", "K7M2-9QXD"])(
    "such as %j means nothing",
    (text) => {
      expect(hear(message(text), expected).kind).toBe("nothing");
    },
  );

  test("is not heard when it was edited into the code", () => {
    const { message: edited } = message("/pair K7M2-9QXD");
    const update = { update_id: 1, edited_message: { ...edited, edit_date: 2 } } as Update;
    expect(hear(update, expected).kind).toBe("nothing");
  });

  test("shows no hidden characters of a name", () => {
    const rtl = message("/pair AAAA", { from: { ...ada, first_name: "Ada\u202E", last_name: "" } });
    expect(hear(rtl, expected)).toMatchObject({ person: { name: "Ada⟨U+202E⟩" } });
  });
});

describe("a group that becomes a supergroup", () => {
  const upgrading = { ...expected, upgrading: { id: -77, title: "Ops" } };
  const service = (more: Partial<Message>): Update => {
    const base = { message_id: 6, date: 1_800_000_000, from: ada };
    return { update_id: 2, message: { ...base, ...more } as Message & Update.NonChannel };
  };

  test.each([
    ["its own last message", { chat: basicGroup, migrate_to_chat_id: -1001 }],
    ["the first message of the new one", { chat: supergroup, migrate_from_chat_id: -77 }],
  ])("is followed by %s", (_which, more) => {
    expect(hear(service(more), upgrading)).toEqual({ kind: "migrated", from: -77, group: GROUP });
  });

  test("is not followed when it is another one", () => {
    const other = service({ chat: { ...basicGroup, id: -78 }, migrate_to_chat_id: -1001 });
    expect(hear(other, upgrading).kind).toBe("nothing");
  });
});

describe("topics", () => {
  const known = { ...expected, group: GROUP };
  const inTopic = { message_thread_id: 9, is_topic_message: true } as const;

  test("are learnt when they are made, and when somebody talks in them", () => {
    const made = message("x", {
      ...inTopic,
      forum_topic_created: { name: "Alerts", icon_color: 0x6fb9f0 },
    });
    expect(hear(made, known)).toEqual({ kind: "topic", topic: { id: 9, name: "Alerts" } });
    expect(hear(message("hello", inTopic), known)).toEqual({
      kind: "topic",
      topic: { id: 9, name: undefined },
    });
  });

  test("of other groups are nobody's business", () => {
    const chat = { ...supergroup, id: -1002 };
    expect(hear(message("hello", { ...inTopic, chat }), known).kind).toBe("nothing");
  });
});
