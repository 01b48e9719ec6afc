import { setTimeout as sleep } from "node:timers/promises";

import { startHttpServer } from "../sandbox/http-server.ts";
import type { TelegramServer } from "../sandbox/telegram/server.ts";
import type { Bench, Round } from "./bench.ts";
import { openInstallation } from "./installation.ts";
import type { NodeProcess } from "./node-process.ts";

const EVERY_SECONDS = 5;
const FOR_SECONDS = 5;
/** Asked so often, and wrong for so long, before anybody is to hear of it. */
const DUE_MS = (EVERY_SECONDS + FOR_SECONDS) * 1_000;
const TOLD_WITHIN_MS = 120_000;
/** For the chat to have room again: what comes close behind one alarm may be told together with it. */
const QUIET_MS = 5_000;

export const alertDelay: Bench = {
  name: "alert-delay",
  summary: "from the moment at which something breaks until the chat hears of it",
  usualRounds: 5,
  async measure({ rounds, signal }) {
    await using opened = new AsyncDisposableStack();
    const names = Array.from({ length: rounds }, (_none, round) => `answer-${round}-is-good`);
    const broken = new Set<string>();
    const looked = new Set<string>();
    const watched = opened.use(
      await startHttpServer(async ({ url }) => {
        const name = new URL(url).pathname.slice(1);
        looked.add(name);
        return new Response("", { status: broken.has(name) ? 500 : 200 });
      }),
    );
    const installation = opened.use(
      await openInstallation({
        signal,
        // One for each round, so that every alarm is the first of its own.
        checks: Object.fromEntries(
          names.map((name) => [
            name,
            {
              kind: "http",
              url: `${watched.url}/${name}`,
              every: `${EVERY_SECONDS}s`,
              for: `${FOR_SECONDS}s`,
              severity: "page",
            },
          ]),
        ),
      }),
    );
    const bot = opened.use(await installation.start());
    const { telegram } = installation.world;
    while (looked.size < names.length) await bot.during(sleep(100));
    const measured: Round[] = [];
    for (const [round, name] of names.entries()) {
      signal.throwIfAborted();
      // Anywhere between two looks, the same distance further in each round.
      await sleep(QUIET_MS + (EVERY_SECONDS * 1_000 * round) / rounds);
      broken.add(name);
      const brokeAtMs = Date.now();
      const told = await alarm(telegram, bot, name);
      measured.push({ ours: told - brokeAtMs, beside: DUE_MS });
    }
    return [
      {
        what: "from something's breaking until its alarm is in the chat",
        unit: "ms",
        besideName: `its "for" of ${FOR_SECONDS} s and one interval of ${EVERY_SECONDS} s`,
        rounds: measured,
        goal: { of: "difference", atMost: 2_000 },
      },
    ];
  },
};

/** When the chat was told that it fails, by the clock of the chat. */
async function alarm(telegram: TelegramServer, bot: NodeProcess, name: string): Promise<number> {
  const message = await bot.during(
    telegram.waitFor(
      () =>
        telegram
          .messages()
          .find(({ silent, text }) => !silent && text.startsWith("🔴") && text.includes(name)),
      { timeoutMs: TOLD_WITHIN_MS },
    ),
  );
  return message.sentAt.getTime();
}
