import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { plainCard } from "../../src/core/card.ts";
import { openAlert } from "../../src/storage/alert.ts";
import { moveChat } from "../../src/storage/chat-move.ts";
import type { Database } from "../../src/storage/database.ts";
import {
  abandon,
  answer,
  dueChats,
  forgetSent,
  markSending,
  markSent,
  nextDue,
  openSubject,
  progressMade,
  putOff,
  stateChanged,
  type DueMessage,
} from "../../src/storage/outbox.ts";
import { openOwnDatabase } from "../support/own-database.ts";
import { query } from "../support/records.ts";

const opened = new AsyncDisposableStack();
let database: Database;
let url: string;

beforeAll(async () => {
  ({ database, url } = opened.use(await openOwnDatabase()));
});
afterAll(async () => {
  await opened.disposeAsync();
});

const placeIn = (chatId: number) => ({ chatId, topicId: undefined, replyTo: undefined });

async function say(subject: string, chatId: number): Promise<void> {
  await database.transaction(async (tx, now) =>
    answer(tx, now, subject, placeIn(chatId), plainCard(subject)),
  );
}

const next = async (chatId: number) =>
  database.transaction(async (tx, now) => nextDue(tx, now, chatId));

const send = async (message: DueMessage | undefined): Promise<boolean> =>
  database.transaction(async (tx, now) => markSending(tx, now, message!));

describe("what is due in a chat", () => {
  test("is first what was not tried yet: a message that fails again and again silences nobody", async () => {
    await say("reply:a", -1);
    await say("reply:b", -1);
    const failing = await next(-1);
    expect(failing?.subject).toBe("reply:a");
    await database.transaction(async (tx, now) =>
      putOff(tx, now, failing?.id ?? "", { waitMs: 0, surelyNotSent: true }),
    );
    expect((await next(-1))?.subject).toBe("reply:b");
  });

  test("comes back after it was given up, when its subject changes", async () => {
    await say("reply:c", -2);
    const given = await next(-2);
    await database.transaction(async (tx) => abandon(tx, given?.id ?? "", "too long"));
    expect(await next(-2)).toBeUndefined();
    await database.transaction(async (tx, now) => stateChanged(tx, now, "reply:c"));
    expect((await next(-2))?.subject).toBe("reply:c");
  });

  test("is in doubt when a send was begun and not ended, and then it is the second", async () => {
    await say("reply:d", -3);
    await send(await next(-3));
    const again = await next(-3);
    expect(again).toMatchObject({ sendingSince: expect.any(Date), resent: false });
    expect(await send(again)).toBe(true);
    expect((await next(-3))?.resent).toBe(true);
  });

  test("is sent by one of two senders that have read the same, or its repeat would not say that it is one", async () => {
    await say("reply:e", -4);
    const read = await next(-4);
    expect(await send(read)).toBe(true);
    // Whoever was paused behind his reading finds a doubt that is not in what he has read.
    expect(await send(read)).toBe(false);
    const doubted = await next(-4);
    const sent = { id: read!.id, version: read!.wantedVersion, messageId: 7 };
    await database.transaction(async (tx, now) =>
      markSent(tx, now, { ...sent, messageKind: "text" }),
    );
    // Nor is it repeated when it has come to stand in the chat meanwhile.
    expect(await send(doubted)).toBe(false);
  });
});

describe("when the clock is set back by an hour", () => {
  const HOUR_MS = 60 * 60_000;
  const nextThen = async (chatId: number) =>
    database.transaction(async (tx, now) => nextDue(tx, new Date(now.getTime() - HOUR_MS), chatId));

  test("what was due is due", async () => {
    await say("reply:before", -20);
    const chats = await database.transaction(async (tx, now) =>
      dueChats(tx, new Date(now.getTime() - HOUR_MS)),
    );
    expect(chats).toContain(-20);
    expect((await nextThen(-20))?.subject).toBe("reply:before");
  });

  test("what was put off is put off no longer, and from then on by that clock", async () => {
    await say("reply:put-off", -21);
    const wait = { waitMs: 30_000, surelyNotSent: true };
    const put = async (backMs: number) =>
      database.transaction(async (tx, now) => {
        const message = await nextDue(tx, new Date(now.getTime() - backMs), -21);
        await putOff(tx, new Date(now.getTime() - backMs), message?.id ?? "", wait);
      });
    await put(0);
    expect(await next(-21)).toBeUndefined();
    expect((await nextThen(-21))?.subject).toBe("reply:put-off");
    await put(HOUR_MS);
    expect(await nextThen(-21)).toBeUndefined();
  });

  test("a card that makes progress waits for its turn by that clock", async () => {
    await say("run:progress", -22);
    const sent = await next(-22);
    await database.transaction(async (tx, now) => {
      const { id = "" } = sent ?? {};
      await markSent(tx, now, { id, version: 1, messageId: 8, messageKind: "text" });
      await progressMade(tx, new Date(now.getTime() - HOUR_MS), "run:progress");
    });
    expect(await nextThen(-22)).toBeUndefined();
    const later = await database.transaction(async (tx, now) =>
      nextDue(tx, new Date(now.getTime() - HOUR_MS + 11_000), -22),
    );
    expect(later?.subject).toBe("run:progress");
  });
});

test("nothing is put off for longer than a minute, for then its chat rests", async () => {
  await say("reply:long", -23);
  const first = await next(-23);
  const wait = { waitMs: 3_600_000, surelyNotSent: true };
  await database.transaction(async (tx, now) => putOff(tx, now, first?.id ?? "", wait));
  expect(await next(-23)).toBeUndefined();
  const later = await database.transaction(async (tx, now) =>
    nextDue(tx, new Date(now.getTime() + 61_000), -23),
  );
  expect(later?.subject).toBe("reply:long");
});

describe("what is more important", () => {
  const openAt = async (chatId: number, severity: "page" | "warn"): Promise<string> =>
    database.transaction(async (tx, now) => {
      const alert = {
        since: now,
        lookedAt: now,
        trouble: { kind: "down" as const, seen: "status 500" },
        goodSince: undefined,
        relapses: 0,
        behind: undefined,
        state: "firing" as const,
        firedAt: now,
        toldAt: now,
        owesWord: false,
      };
      const check = `${severity}${chatId}`;
      const id = await openAlert(tx, { target: "sandbox", check, severity }, alert);
      await openSubject(tx, now, `alert:${id}`, placeIn(chatId), { silent: true });
      return id;
    });
  const sent = async (chatId: number): Promise<string> =>
    database.transaction(async (tx, now) => {
      const message = await nextDue(tx, now, chatId);
      if (!message) return "";
      const { id, wantedVersion: version } = message;
      await markSent(tx, now, { id, version, messageId: Number(id), messageKind: "text" });
      return message.subject;
    });

  test("goes first: answers, then pages with their words behind them, then warnings", async () => {
    const warning = await openAt(-6, "warn");
    const page = await openAt(-6, "page");
    await database.transaction(async (tx, now) => {
      const manner = { replyToSubject: `alert:${page}` };
      const word = `word:alert:${page}:fired:1`;
      await answer(tx, now, word, placeIn(-6), plainCard("fires"), manner);
    });
    await say("reply:asked", -6);
    const order = [await sent(-6), await sent(-6), await sent(-6), await sent(-6)];
    const subjects = ["reply:asked", `alert:${page}`, `word:alert:${page}:fired:1`];
    expect(order).toEqual([...subjects, `alert:${warning}`]);
  });

  test("is a page that has let others go before it for a while, however many go on asking", async () => {
    const page = await openAt(-9, "page");
    await openAt(-9, "warn");
    await say("reply:first", -9);
    expect((await next(-9))?.subject).toBe("reply:first");
    await query(
      url,
      "update outbox set created_at = created_at - interval '11 seconds' where chat_id = -9",
    );
    expect(await sent(-9)).toBe(`alert:${page}`);
    expect(await sent(-9)).toBe("reply:first");
  });

  test("may leave alerts out, when only answers are borne", async () => {
    const page = await openAt(-7, "page");
    const due = async (alertsToo: boolean) =>
      database.transaction(async (tx, now) => nextDue(tx, now, -7, { alertsToo }));
    expect(await due(false)).toBeUndefined();
    expect((await due(true))?.subject).toBe(`alert:${page}`);
    await say("reply:asked-too", -7);
    expect((await due(false))?.subject).toBe("reply:asked-too");
  });

  test("does not let a reply go before what it answers, unless that fails again and again", async () => {
    const page = await openAt(-8, "page");
    const word = `word:alert:${page}:fired:1`;
    await database.transaction(async (tx, now) => {
      const manner = { replyToSubject: `alert:${page}` };
      await answer(tx, now, word, placeIn(-8), plainCard("fires"), manner);
    });
    const card = await next(-8);
    expect(card?.subject).toBe(`alert:${page}`);
    const fail = async () =>
      database.transaction(async (tx, now) => {
        await putOff(tx, now, card?.id ?? "", { waitMs: 60_000, surelyNotSent: true });
      });
    await fail();
    expect(await next(-8)).toBeUndefined();
    await fail();
    await fail();
    expect((await next(-8))?.subject).toBe(word);
  });
});

describe("a chat that goes on under another id", () => {
  test("takes along what was due, what changes later, and what is still said to the old one", async () => {
    await say("reply:due", -4);
    await say("reply:sent", -4);
    await database.transaction(async (tx, now) => {
      const { rows } = await query<{ id: string }>(
        url,
        "select id from outbox where subject = 'reply:sent'",
      );
      const id = rows[0]?.id ?? "";
      await markSent(tx, now, { id, version: 1, messageId: 7, messageKind: "text" });
    });
    expect(await database.transaction(async (tx, now) => moveChat(tx, now, -4, -40))).toBe(true);
    expect(await database.transaction(async (tx, now) => moveChat(tx, now, -4, -40))).toBe(false);
    await database.transaction(async (tx, now) => stateChanged(tx, now, "reply:sent"));
    await say("reply:late", -4);
    const { rows } = await query<{ chat_id: string; message_id: string | null }>(
      url,
      "select chat_id, message_id from outbox where subject in ('reply:due', 'reply:sent', 'reply:late')",
    );
    expect(rows).toEqual(Array.from({ length: 3 }, () => ({ chat_id: "-40", message_id: null })));
    expect(await database.transaction(dueChats)).not.toContain(-4);
  });
});

describe("what was said long ago", () => {
  test("is forgotten once it is settled, and never before", async () => {
    await say("reply:old", -5);
    await say("reply:unsent", -5);
    await query(
      url,
      `update outbox set sent_version = wanted_version, sent_at = now() - interval '31 days'
       where subject = 'reply:old'`,
    );
    await database.transaction(forgetSent);
    const { rows } = await query<{ subject: string }>(
      url,
      "select subject from outbox where chat_id = -5",
    );
    expect(rows).toEqual([{ subject: "reply:unsent" }]);
  });
});
