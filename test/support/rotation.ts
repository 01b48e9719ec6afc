import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "vitest";

import { ids } from "../../sandbox/coolify/ids.ts";
import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import type { World } from "../../sandbox/world.ts";
import { answersTo } from "./bot-in-world.ts";
import type { Rollout } from "./rollout.ts";
import type { Bot } from "./spawn-bot.ts";
import { tapped } from "./tapping.ts";

export type Load = AsyncDisposable & {
  /** What was not answered as it should be since the last time. */
  take(): readonly string[];
  readonly answered: () => number;
};

/** Somebody who uses the product all the time, and notes whatever is not answered as it should be. */
export function startLoad(ask: () => Promise<string | undefined>, everyMs = 25): Load {
  let wrong: string[] = [];
  let answered = 0;
  const over = new AbortController();
  const asking = (async () => {
    while (!over.signal.aborted) {
      const problem = await ask().catch((error: unknown) => String(error));
      if (problem === undefined) answered += 1;
      else wrong.push(problem);
      await sleep(everyMs);
    }
  })();
  return {
    take() {
      const taken = wrong;
      wrong = [];
      return taken;
    },
    answered: () => answered,
    async [Symbol.asyncDispose]() {
      over.abort();
      await asking;
    },
  };
}

/** A production variable of the API or the worker as Coolify has it, and its twin for previews. */
export function variableIn(
  world: World,
  application: "api" | "worker",
  key: string,
): { readonly production: string | undefined; readonly preview: string | undefined } {
  const { variables } = world.coolify.state;
  const of = (isPreview: boolean): string | undefined =>
    variables.find(
      (row) =>
        row.application === ids[application] && row.key === key && row.is_preview === isPreview,
    )?.value ?? undefined;
  return { production: of(false), preview: of(true) };
}

/** Says the second yes as people do: reads the code of the card, taps Approve, and chooses it. */
export async function approveByCode(rollout: Rollout, card: ChatMessage): Promise<void> {
  const code = /code (\w{4})/.exec(card.text)?.[1];
  expect(code).toBeDefined();
  await rollout.tap("approver", card, "Approve");
  await rollout.tap("approver", card, code!);
}

/** Asks for a rotation and says yes to it; gives back the card as it asks anew, before what cannot be undone. */
export async function askedAnew(rollout: Rollout, line: string): Promise<ChatMessage> {
  const card = await rollout.say("operator", line, /rotate [\w-]+\?/);
  await rollout.tap("approver", card, "Approve");
  return rollout.until(card, /is in force, .* is refused[^]*A yes of another/);
}

/** Says yes twice; gives back the card as it ends. */
export async function rotated(rollout: Rollout, line: string, ends: RegExp): Promise<ChatMessage> {
  const card = await askedAnew(rollout, line);
  await approveByCode(rollout, card);
  return rollout.until(card, ends);
}

const PRESSED_WITHIN_MS = 90_000;

/** Says yes to whatever is asked, by its code where it wants one, until the card reads so or the bot is struck. */
export async function pressYes(
  world: World,
  messageId: number,
  { bot, reads }: { readonly bot: Pick<Bot, "exited" | "log">; readonly reads?: RegExp },
): Promise<void> {
  const deadline = AbortSignal.timeout(PRESSED_WITHIN_MS);
  const ended = bot.exited.then(() => "ended" as const);
  for (;;) {
    const card = answersTo(world, messageId).at(-1);
    if (card && reads?.test(card.text)) return;
    if ((await Promise.race([ended, sleep(300)])) === "ended") return;
    if (deadline.aborted) {
      throw new Error(`No ${reads ?? "end"}:\n${card?.text}\nThe bot's log:\n${bot.log()}`);
    }
    const label = card && yesOf(card);
    if (!card || label === undefined) continue;
    // Nobody is heard before a question could have been read; who was heard may have struck the bot by it.
    const tapping = tapped(world, "approver", { messageId: card.id, label }).catch(() => "");
    await Promise.race([tapping, ended]);
  }
}

function yesOf({ text, buttons }: ChatMessage): string | undefined {
  const code = /code (\w{4})/.exec(text)?.[1];
  return buttons
    .flat()
    .map(({ label }) => label)
    .find((label) => label === "Approve" || label === code);
}
