import type { Update } from "grammy/types";
import { describe, expect, test } from "vitest";

import { intakeSchema, judge, type GateRules, type Intake } from "./gate.ts";

const OPS = -1_001_234_567_890;
const SENT_AT = 1_795_000_000;
const rules: GateRules = {
  chatIds: new Set([OPS]),
  botUsername: "Flightdeck_bot",
  operators: [{ telegram: 11 }, { telegram: 12 }, { telegram: 13 }],
};

/*
 * The matrix below says of every value along each axis whether it alone would keep an update out, and nothing else.
 * What comes in is what no axis keeps out. It shares no line with the gate.
 */
type Fields = Readonly<Record<string, unknown>>;

/** What keeps out: turned away and counted, or mere talk that is no business of ours. */
type Bar = "refused" | "ignored" | undefined;

const person = (id: number): Fields => ({ id, is_bot: false, first_name: "P" });
const identities: readonly { name: string; from?: Fields; extra?: Fields; bar?: Bar }[] = [
  { name: "a viewer", from: person(11) },
  { name: "an operator", from: person(12) },
  { name: "an approver", from: person(13) },
  { name: "a stranger", from: person(99), bar: "refused" },
  {
    name: "a stranger who calls himself like one of us",
    from: { ...person(98), username: "ada", first_name: "12" },
    bar: "refused",
  },
  { name: "another bot", from: { id: 55, is_bot: true, first_name: "B" }, bar: "refused" },
  {
    name: "a bot under an operator's id",
    from: { id: 12, is_bot: true, first_name: "B" },
    bar: "refused",
  },
  {
    name: "an anonymous admin",
    from: { id: 1_087_968_824, is_bot: true, first_name: "Group" },
    extra: { sender_chat: { id: OPS, type: "supergroup", title: "ops" } },
    bar: "refused",
  },
  {
    name: "a channel in place of a person",
    from: { id: 136_817_688, is_bot: true, first_name: "Channel" },
    extra: { sender_chat: { id: -1_009, type: "channel", title: "c" } },
    bar: "refused",
  },
  { name: "Telegram itself", from: person(777_000), bar: "refused" },
  { name: "nobody", bar: "refused" },
];

const chats: readonly {
  name: string;
  chat: Fields | "own";
  extra?: Fields;
  topicId?: number;
  bar?: Bar;
}[] = [
  { name: "the ops group", chat: { id: OPS, type: "supergroup", title: "ops" } },
  {
    name: "a topic of the ops group",
    chat: { id: OPS, type: "supergroup", title: "ops", is_forum: true },
    extra: { is_topic_message: true, message_thread_id: 4 },
    topicId: 4,
  },
  {
    name: "a reply thread that is no topic",
    chat: { id: OPS, type: "supergroup", title: "ops" },
    extra: { message_thread_id: 4 },
  },
  { name: "the private chat with the sender", chat: "own" },
  { name: "a private chat of somebody else", chat: { id: 14, type: "private" }, bar: "refused" },
  { name: "another group", chat: { id: -1_002, type: "supergroup", title: "x" }, bar: "refused" },
  {
    name: "a basic group with the sender's number",
    chat: { id: 12, type: "group", title: "x" },
    bar: "refused",
  },
  { name: "a channel", chat: { id: -1_003, type: "channel", title: "x" }, bar: "refused" },
];

const manners: readonly { name: string; extra: Fields; bar?: Bar }[] = [
  { name: "written by hand", extra: {} },
  { name: "a reply to something", extra: { reply_to_message: { message_id: 1 } } },
  { name: "forwarded", extra: { forward_origin: { type: "user", date: 1 } }, bar: "refused" },
  { name: "sent through an inline bot", extra: { via_bot: person(5) }, bar: "refused" },
  { name: "sent by a business bot", extra: { sender_business_bot: person(5) }, bar: "refused" },
  { name: "of a business connection", extra: { business_connection_id: "b" }, bar: "refused" },
  { name: "brought by a guest bot", extra: { guest_bot_caller_user: person(12) }, bar: "refused" },
  {
    name: "brought by a guest bot for a chat",
    extra: { guest_bot_caller_chat: { id: OPS } },
    bar: "refused",
  },
  { name: "summoning us as a guest", extra: { guest_query_id: "g" }, bar: "refused" },
  { name: "forwarded by a linked channel", extra: { is_automatic_forward: true }, bar: "refused" },
  { name: "scheduled", extra: { is_from_offline: true }, bar: "refused" },
  { name: "edited", extra: { edit_date: SENT_AT }, bar: "refused" },
];

const words: readonly { name: string; body: Fields; text?: string; bar?: Bar }[] = [
  { name: "a command", body: { text: "/preflight a b" }, text: "/preflight a b" },
  {
    name: "a command for us",
    body: { text: "/Preflight@flightdeck_BOT\na" },
    text: "/preflight\na",
  },
  {
    name: "a command of 512",
    body: { text: `/x ${"y".repeat(509)}` },
    text: `/x ${"y".repeat(509)}`,
  },
  { name: "a command of 513", body: { text: `/x ${"y".repeat(510)}` }, bar: "refused" },
  { name: "a command for another bot", body: { text: "/preflight@other_bot a" }, bar: "ignored" },
  {
    name: "a command for another bot, with a full stop",
    body: { text: "/preflight@other_bot." },
    bar: "ignored",
  },
  { name: "talk", body: { text: "let us /preflight" }, bar: "ignored" },
  { name: "a command that does not come first", body: { text: " /preflight" }, bar: "ignored" },
  {
    name: "a photo with a command as caption",
    body: { photo: [], caption: "/preflight" },
    bar: "ignored",
  },
  { name: "a service message", body: { new_chat_title: "/preflight" }, bar: "ignored" },
];

const messageCases = identities.flatMap((identity) =>
  chats.flatMap((where) =>
    manners.flatMap((manner) => words.map((word) => ({ identity, where, manner, word }))),
  ),
);

function chatOf(chat: Fields | "own", from: Fields | undefined): Fields {
  return chat === "own" ? { id: from?.["id"] ?? 0, type: "private" } : chat;
}

/** Whatever is refused on any axis is refused, be it talk or not; what is left may still be mere talk. */
function strongest(bars: readonly Bar[]): "admitted" | "refused" | "ignored" {
  if (bars.includes("refused")) return "refused";
  return bars.includes("ignored") ? "ignored" : "admitted";
}

const asUpdate = (members: Fields): Update => ({ update_id: 1, ...members });

describe("the gate judges messages by who, where, how and what", () => {
  test.each(identities)("from $name", (identity) => {
    const cases = messageCases.filter((one) => one.identity === identity);
    expect(cases.length).toBe(chats.length * manners.length * words.length);
    for (const { where, manner, word } of cases) {
      const message = {
        message_id: 7,
        date: SENT_AT,
        ...(identity.from === undefined ? {} : { from: identity.from }),
        chat: chatOf(where.chat, identity.from),
        ...identity.extra,
        ...where.extra,
        ...manner.extra,
        ...word.body,
      };
      const judgement = judge(asUpdate({ message }), rules);
      const what = `${identity.name}, ${where.name}, ${manner.name}, ${word.name}`;
      const kind = strongest([identity.bar, where.bar, manner.bar, word.bar]);
      expect([what, judgement.kind]).toEqual([what, kind]);
      if (judgement.kind !== "admitted") continue;
      const intake: Intake = {
        kind: "command",
        userId: Number(identity.from?.["id"]),
        chatId: Number(message.chat["id"]),
        ...(where.topicId === undefined ? {} : { topicId: where.topicId }),
        messageId: 7,
        sentAt: SENT_AT,
        text: word.text ?? "never admitted",
      };
      // Nothing but what a command needs is kept, and it is what the inbox can read again.
      expect(judgement.intake).toStrictEqual(intake);
      expect(intakeSchema.parse(JSON.parse(JSON.stringify(judgement.intake)))).toStrictEqual(
        intake,
      );
    }
  });

  test("in a matrix of thousands, of which only what the axes leave comes in", () => {
    const admitted = messageCases.filter(
      ({ identity, where, manner, word }) =>
        strongest([identity.bar, where.bar, manner.bar, word.bar]) === "admitted",
    );
    expect(messageCases.length).toBeGreaterThan(10_000);
    // Three people, four places, two manners, three commands.
    expect(admitted.length).toBe(3 * 4 * 2 * 3);
  });
});

describe("the gate judges taps by who and where alone", () => {
  const messages: readonly { name: string; extra: Fields; bar?: Bar }[] = [
    { name: "under our message", extra: { date: SENT_AT, from: { id: 1, is_bot: true } } },
    { name: "under a message too old to be seen", extra: { date: 0 } },
    { name: "under a message that was forwarded", extra: { date: 1, forward_origin: {} } },
  ];
  const payloads: readonly { name: string; extra: Fields; data?: string; bar?: Bar }[] = [
    { name: "data", extra: { data: "c:preflight" }, data: "c:preflight" },
    { name: "empty data", extra: { data: "" }, data: "" },
    { name: "a game", extra: { game_short_name: "g" }, bar: "refused" },
    { name: "an inline message", extra: { data: "c:x", inline_message_id: "i" }, bar: "refused" },
  ];

  test.each(identities)("by $name", (identity) => {
    for (const where of chats) {
      for (const under of messages) {
        for (const payload of payloads) {
          const chat = chatOf(where.chat, identity.from);
          const callback_query = {
            id: "4382",
            chat_instance: "1",
            ...(identity.from === undefined ? {} : { from: identity.from }),
            message: { message_id: 7, chat, ...where.extra, ...under.extra },
            ...payload.extra,
          };
          const judgement = judge(asUpdate({ callback_query }), rules);
          const what = `${identity.name}, ${where.name}, ${under.name}, ${payload.name}`;
          const kind = strongest([identity.bar, where.bar, under.bar, payload.bar]);
          expect([what, judgement.kind]).toEqual([what, kind]);
          if (judgement.kind !== "admitted") continue;
          const intake: Intake = {
            kind: "tap",
            userId: Number(identity.from?.["id"]),
            chatId: Number(chat["id"]),
            ...(where.topicId === undefined ? {} : { topicId: where.topicId }),
            messageId: 7,
            callbackId: "4382",
            data: payload.data ?? "never admitted",
            ...(under.extra["date"] === 0 ? { isInaccessible: true } : {}),
          };
          expect(judgement.intake).toStrictEqual(intake);
          expect(intakeSchema.parse(judgement.intake)).toStrictEqual(intake);
        }
      }
    }
  });

  test("without a message there is no chat, so nobody gets in", () => {
    const callback_query = { id: "1", from: person(12), chat_instance: "1", data: "c:preflight" };
    expect(judge(asUpdate({ callback_query }), rules)).toEqual({
      kind: "refused",
      reason: "foreign-chat",
    });
  });
});

describe("the gate lets no other kind of update in, whoever is behind it", () => {
  const message = {
    message_id: 7,
    date: SENT_AT,
    from: person(12),
    chat: { id: OPS, type: "supergroup", title: "ops" },
    text: "/preflight",
  };
  test.each([
    ["edited_message", "edited"],
    ["channel_post", "update-kind"],
    ["edited_channel_post", "update-kind"],
    ["business_connection", "update-kind"],
    ["business_message", "update-kind"],
    ["edited_business_message", "update-kind"],
    ["deleted_business_messages", "update-kind"],
    ["guest_message", "update-kind"],
    ["stopped_message_generation", "update-kind"],
    ["message_reaction", "update-kind"],
    ["message_reaction_count", "update-kind"],
    ["inline_query", "update-kind"],
    ["chosen_inline_result", "update-kind"],
    ["shipping_query", "update-kind"],
    ["pre_checkout_query", "update-kind"],
    ["purchased_paid_media", "update-kind"],
    ["poll", "update-kind"],
    ["poll_answer", "update-kind"],
    ["my_chat_member", "update-kind"],
    ["chat_member", "update-kind"],
    ["chat_join_request", "update-kind"],
    ["chat_boost", "update-kind"],
    ["removed_chat_boost", "update-kind"],
    ["managed_bot", "update-kind"],
    ["subscription", "update-kind"],
    ["a_kind_of_next_year", "update-kind"],
  ])("%s", (kind, reason) => {
    expect(judge(asUpdate({ [kind]: message }), rules)).toEqual({ kind: "refused", reason });
    expect(judge(asUpdate({ message }), rules).kind).toBe("admitted");
  });

  test("not even an empty one", () => {
    expect(judge(asUpdate({}), rules)).toEqual({ kind: "refused", reason: "update-kind" });
  });
});

test.each([
  ["foreign-chat", { chat: { id: -5, type: "group", title: "x" } }],
  ["no-sender", { from: undefined }],
  ["bot", { from: { ...person(12), is_bot: true } }],
  ["not-a-person", { from: person(777_000) }],
  ["not-a-person", { sender_chat: { id: OPS } }],
  ["stranger", { from: person(99) }],
  ["forwarded", { forward_origin: {} }],
  ["via-bot", { via_bot: person(5) }],
  ["automatic", { is_automatic_forward: true }],
  ["scheduled", { is_from_offline: true }],
  ["edited", { edit_date: 1 }],
  ["too-long", { text: `/${"x".repeat(512)}` }],
])("the gate says why: %s", (reason, change) => {
  const message = {
    message_id: 7,
    date: SENT_AT,
    from: person(12),
    chat: { id: OPS, type: "supergroup", title: "ops" },
    text: "/preflight",
    ...change,
  };
  expect(judge(asUpdate({ message }), rules)).toEqual({ kind: "refused", reason });
});

describe("the gate lets secrets in from operators who are alone with us, and from nobody else", () => {
  const armored = "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n";
  const token = "0123456789abcdef0123456789abcdef01234567";
  const given = {
    message_id: 7,
    date: SENT_AT,
    from: person(12),
    chat: { id: 12, type: "private" },
    text: token,
  };
  const judged = (change: Fields) => judge(asUpdate({ message: { ...given, ...change } }), rules);
  const intake = { kind: "handed-over", userId: 12, chatId: 12, messageId: 7, sentAt: SENT_AT };

  test("of one in the clear nothing is kept but where it stands", () => {
    const judgement = judged({});
    expect(judgement).toStrictEqual({ kind: "admitted", intake });
    expect(JSON.stringify(judgement)).not.toContain(token);
    expect(intakeSchema.parse(intake)).toStrictEqual(intake);
  });

  test("of a sealed one the sealed file, and nothing that stands beside it", () => {
    expect(judged({ text: `it was ${token}\n${armored}` })).toStrictEqual({
      kind: "admitted",
      intake: { ...intake, sealed: armored },
    });
  });

  test("of one that somebody types behind /rotate as little, in the group and its topics too", () => {
    const text = `/rotate@flightdeck_bot supply todoist-token ${token}`;
    expect(judged({ text })).toStrictEqual({ kind: "admitted", intake });
    const chat = { id: OPS, type: "supergroup", title: "ops" };
    const inTopic = { is_topic_message: true, message_thread_id: 4 };
    expect(judged({ text: `/rotate ${token}`, chat, ...inTopic })).toStrictEqual({
      kind: "admitted",
      intake: { ...intake, chatId: OPS, topicId: 4 },
    });
    const long = `/rotate supply todoist-token ${"long ".repeat(200)}`;
    expect(judged({ text: long, chat })).toMatchObject({ intake: { kind: "handed-over" } });
    expect(judged({ text: `/rotate@other_bot supply x ${token}` }).kind).toBe("ignored");
  });

  test.each([
    ["talk", { text: "I have made the new one, what now?" }, "ignored"],
    ["in the group", { chat: { id: OPS, type: "supergroup", title: "ops" } }, "ignored"],
    ["from a stranger", { from: person(99), chat: { id: 99, type: "private" } }, "refused"],
    ["in the private chat of somebody else", { chat: { id: 13, type: "private" } }, "refused"],
    ["forwarded", { forward_origin: {} }, "refused"],
    ["edited", { edit_date: 1 }, "refused"],
    ["from a bot", { from: { ...person(12), is_bot: true } }, "refused"],
  ])("but not %s", (_name, change, kind) => {
    expect(judged(change).kind).toBe(kind);
  });
});
