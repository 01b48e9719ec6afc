import { setTimeout as sleep } from "node:timers/promises";

import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { runName } from "../../src/core/run-name.ts";
import { query } from "../support/records.ts";
import { approvers, cast, operators, type Name } from "./cast.ts";
import type { Deed, Reply } from "./schedule.ts";
import type { Stage } from "./stage.ts";

/** What somebody did in the chat, and whether the bot owes an answer to it. */
export type Said = {
  readonly updateId: number;
  readonly who: Name;
  readonly what: "typed" | "late" | "edited" | "forged" | "tapped";
  readonly text: string;
  /** The message that was typed, or under which was tapped. */
  readonly messageId: number;
  readonly queryId: string | undefined;
  readonly at: Date;
};

/** The people of the group: they say what the schedule says, and answer what they are asked. */
export type Company = {
  act(deed: Deed): Promise<void>;
  /** Answers every question and every doubt that comes up, until the signal. */
  answerQuestions(signal: AbortSignal): Promise<void>;
  said(): readonly Said[];
};

const LATE_MS = 15 * 60_000;
const LOOK_EVERY_MS = 250;
const TAP_TRIES = 12;
const CLOSED_AFTER_MS = 8_000;
const QUESTION = "Approve";
const DOUBT = "It happened";

export function createCompany(stage: Stage, replies: readonly Reply[]): Company {
  const { telegram } = stage.world;
  const all: Said[] = [];
  const actorOf = (who: Name) => telegram.as(cast[who]);
  const say = (who: Name, text: string, what: "typed" | "late"): Said => {
    const date = what === "late" ? new Date(Date.now() - LATE_MS) : undefined;
    const { updateId, messageId } = actorOf(who).say(text, { date });
    const one: Said = { updateId, who, what, text, messageId, queryId: undefined, at: new Date() };
    all.push(one);
    return one;
  };
  const tap = (
    who: Name,
    target: { readonly messageId: number; readonly label: string },
  ): string => {
    const { updateId, queryId } = actorOf(who).tap(target);
    const { messageId, label: text } = target;
    all.push({ updateId, who, what: "tapped", text, messageId, queryId, at: new Date() });
    return queryId;
  };

  /** Taps as somebody who has read what they tap on, and taps again when told that this was too fast. */
  const tapAfterReading = async (who: Name, messageId: number, label: string): Promise<void> => {
    for (let tries = 0; tries < TAP_TRIES; tries += 1) {
      if (!labelsOf(messageOf(messageId)).includes(label)) return;
      const queryId = tap(who, { messageId, label });
      await sleep(1_500);
      const answer = telegram.callbackAnswers().find((one) => one.queryId === queryId);
      if (answer && !/faster than anybody reads|tap again/.test(answer.text)) return;
    }
  };
  const messageOf = (id: number): ChatMessage | undefined =>
    telegram.messages().find((message) => message.id === id);

  /** In the end somebody says no, so that a question which nobody may answer so keeps no run from its end. */
  const closeQuestion = async (messageId: number, who: Name): Promise<void> => {
    await sleep(CLOSED_AFTER_MS);
    for (let tries = 0; tries < TAP_TRIES; tries += 1) {
      await tapAfterReading(who, messageId, "Deny");
      if (!labelsOf(messageOf(messageId)).includes("Deny")) return;
      await sleep(CLOSED_AFTER_MS);
    }
  };

  const answerQuestion = async (
    message: ChatMessage,
    { afterMs, how, who }: Reply,
  ): Promise<void> => {
    const asker = all.find(({ messageId }) => messageId === message.replyTo?.id)?.who ?? "Otto";
    const other = approvers.find((one) => one !== who) ?? who;
    const second = who === asker ? other : who;
    await sleep(afterMs);
    switch (how) {
      case "yes":
        await tapAfterReading(second, message.id, QUESTION);
        break;
      case "yes-by-two":
        await Promise.all([
          tapAfterReading(who, message.id, QUESTION),
          tapAfterReading(other, message.id, QUESTION),
        ]);
        break;
      case "own-yes":
        await tapAfterReading(asker, message.id, QUESTION);
        await tapAfterReading("Vera", message.id, QUESTION);
        break;
      case "no":
        await tapAfterReading(second, message.id, "Deny");
        break;
      case "withdraw":
        await tapAfterReading(asker, message.id, "Withdraw");
        break;
      case "nobody":
        break;
    }
    await closeQuestion(message.id, second);
  };

  /** Looks for himself, as the card asks him to, and says what he found. */
  const answerDoubt = async (message: ChatMessage, who: Name): Promise<void> => {
    await sleep(1_000);
    const name = /R-[0-9A-Z]+/.exec(message.text)?.[0] ?? "";
    const [row] = await rows<{ key: string; operation: string }>(
      `select s.idempotency_key as key, r.operation from run r join run_step s on s.run_id = r.id
       where r.state = 'unknown' and s.state = 'unknown' order by r.id desc limit 1`,
    );
    if (!row || name === "") return;
    const isOurs = row.operation === "mark" || row.operation === "change";
    const found = (stage.mark.marks().get(row.key) ?? 0) > 0 ? DOUBT : "It did not: retry";
    await tapAfterReading(who, message.id, isOurs ? found : "Give up");
  };

  const rows = async <Row extends Record<string, unknown>>(sql: string): Promise<readonly Row[]> =>
    query<Row>(stage.stores.databaseUrl, sql).then(
      (result) => result.rows,
      () => [],
    );

  const newest = async (who: Name, command: string): Promise<string> => {
    if (command === "cancel" || command === "runs") {
      const [run] = await rows<{ id: string }>("select id::text from run order by id desc limit 1");
      return `/${command} ${runName(run?.id ?? "1")}`;
    }
    const [alert] = await rows<{ check_name: string }>(
      "select check_name from alert where state <> 'pending' order by id desc limit 1",
    );
    const check = alert?.check_name ?? "api-is-live";
    return command === "silence"
      ? `/silence ${check} 1m ${who} looks into it --set`
      : `/${command} ${check}`;
  };

  // Telegram lets a bot write in private only to whoever has written to it first, and whoever is called has done so.
  for (const who of [...operators, ...approvers]) {
    const text = "/whoami";
    const { updateId, messageId } = actorOf(who).say(text, { chat: "private" });
    all.push({ updateId, who, what: "typed", text, messageId, queryId: undefined, at: new Date() });
  }

  return {
    said: () => all,
    async act(deed) {
      switch (deed.kind) {
        case "say":
          say(deed.who, deed.line, "typed");
          return;
        case "say-late":
          say(deed.who, deed.line, "late");
          return;
        case "say-again": {
          const { updateId } = say(deed.who, deed.line, "typed");
          for (let copy = 0; copy < deed.copies; copy += 1) {
            await sleep(300);
            telegram.redeliver(updateId);
          }
          return;
        }
        case "edit": {
          const { messageId } = say(deed.who, "good morning", "typed");
          const { updateId } = actorOf(deed.who).edit(messageId, deed.line);
          all.push({
            updateId,
            who: deed.who,
            what: "edited",
            text: deed.line,
            messageId,
            queryId: undefined,
            at: new Date(),
          });
          return;
        }
        case "forge": {
          const target = telegram.messages().findLast(({ from }) => from.isBot);
          if (!target) return;
          const { updateId, queryId } = actorOf(deed.who).tap({
            data: deed.data,
            messageId: target.id,
          });
          all.push({
            updateId,
            who: deed.who,
            what: "forged",
            text: deed.data,
            messageId: target.id,
            queryId,
            at: new Date(),
          });
          return;
        }
        case "of-newest":
          say(deed.who, await newest(deed.who, deed.command), "typed");
          return;
      }
    },
    async answerQuestions(signal) {
      const seen = new Set<string>();
      const under = new Set<Promise<void>>();
      let questions = 0;
      while (!signal.aborted) {
        for (const message of telegram.messages()) {
          const labels = labelsOf(message);
          const isQuestion = labels.includes(QUESTION);
          const isDoubt = labels.includes(DOUBT);
          // A message may ask more than once: a doubt comes with a turn of its own.
          const once = `${message.id} ${isDoubt ? JSON.stringify(message.buttons) : isQuestion}`;
          if ((!isQuestion && !isDoubt) || seen.has(once)) continue;
          seen.add(once);
          const reply = replies[questions % replies.length];
          if (!reply) continue;
          if (isQuestion) questions += 1;
          const work = isQuestion
            ? answerQuestion(message, reply)
            : answerDoubt(message, operators[seen.size % operators.length] ?? "Otto");
          under.add(work);
          void work.catch(() => undefined).finally(() => under.delete(work));
        }
        await sleep(LOOK_EVERY_MS);
      }
      await Promise.allSettled(under);
    },
  };
}

function labelsOf(message: ChatMessage | undefined): readonly string[] {
  return message?.buttons.flat().map(({ label }) => label) ?? [];
}
