import { setTimeout as sleep } from "node:timers/promises";

import { startTelegram, type Persona, type TelegramServer } from "../sandbox/telegram/server.ts";
import { startBareProcess } from "./bare-process.ts";
import type { Bench, Round } from "./bench.ts";
import { openInstallation } from "./installation.ts";
import type { NodeProcess } from "./node-process.ts";
import { quantile } from "./quantile.ts";

/**
 * A chat bears about one message a second, and Flightdeck holds itself to that. So many people ask in turn, each in a
 * private chat, that nobody's turn comes sooner.
 */
const CROWD = 60;
const ANSWERS_PER_ROUND = 200;
const WARM_UP_ANSWERS = CROWD;
const COMMAND = "/whoami";
/** Lets whoever has answered finish what it does afterwards, so that it does not take from the other's time. */
const BREATHER_MS = 30;
const ANSWER_TIMEOUT_MS = 30_000;
const BARE_TOKEN = "7000000002:a-bot-that-only-answers-and-keeps-nothing";

const people: readonly Persona[] = Array.from({ length: CROWD }, (_none, index) => ({
  id: 20_001 + index,
  firstName: `Person ${index + 1}`,
  username: `person_${index + 1}`,
  status: "member",
}));

export const firstAnswer: Bench = {
  name: "first-answer",
  summary: "how long an answer takes from the update's arrival at Telegram, beside a bare bot",
  usualRounds: 5,
  async measure({ rounds, signal }) {
    await using opened = new AsyncDisposableStack();
    const operators = people.map(({ id, firstName }) => ({
      name: firstName,
      telegram: id,
      role: "viewer",
    }));
    const installation = opened.use(await openInstallation({ signal, operators }));
    const bareTelegram = opened.use(await startTelegram({ botToken: BARE_TOKEN }));
    const flightdeck = opened.use(await installation.start());
    const bare = opened.use(
      await startBareProcess({
        script: "bench/bare-bot.ts",
        botToken: BARE_TOKEN,
        telegramUrl: bareTelegram.url,
        signal,
      }),
    );
    const ours = { telegram: installation.world.telegram, bot: flightdeck };
    const beside = { telegram: bareTelegram, bot: bare };

    await askInTurn(ours, beside, WARM_UP_ANSWERS);
    const medians: Round[] = [];
    const slowest: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const waits = await askInTurn(ours, beside, ANSWERS_PER_ROUND);
      const at = (share: number): Round => ({
        ours: quantile(waits.ours, share),
        beside: quantile(waits.beside, share),
      });
      medians.push(at(0.5));
      slowest.push(at(0.99));
    }
    const shared = { unit: "ms", besideName: "bare grammY bot" } as const;
    return [
      { ...shared, what: `update in → first answer out, p50`, rounds: medians },
      {
        ...shared,
        what: `update in → first answer out, p99`,
        rounds: slowest,
        goal: { of: "difference", atMost: 25 },
      },
    ];
  },
};

type Side = { readonly telegram: TelegramServer; readonly bot: NodeProcess };

/** One question to each in turn, so that both meet whatever else the machine is doing. */
async function askInTurn(
  ours: Side,
  beside: Side,
  answers: number,
): Promise<{ readonly ours: readonly number[]; readonly beside: readonly number[] }> {
  const waits = { ours: [] as number[], beside: [] as number[] };
  for (let answer = 0; answer < answers; answer += 1) {
    const person = people[answer % people.length];
    if (person === undefined) throw new Error("Nobody is there to ask.");
    waits.ours.push(await waitForAnswer(ours, person));
    waits.beside.push(await waitForAnswer(beside, person));
  }
  return waits;
}

async function waitForAnswer({ telegram, bot }: Side, person: Persona): Promise<number> {
  const lastCall = telegram.calls().at(-1)?.id ?? 0;
  const askedAtMs = performance.now();
  telegram.as(person).say(COMMAND, { chat: "private" });
  await bot.during(
    telegram.waitFor(
      () =>
        telegram
          .calls()
          .findLast(
            ({ id, method, params }) =>
              id > lastCall && method === "sendMessage" && params["chat_id"] === person.id,
          ),
      { timeoutMs: ANSWER_TIMEOUT_MS },
    ),
  );
  const waitedMs = performance.now() - askedAtMs;
  await sleep(BREATHER_MS);
  return waitedMs;
}
