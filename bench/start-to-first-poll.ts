import { startTelegram } from "../sandbox/telegram/server.ts";
import { startBareProcess } from "./bare-process.ts";
import type { Bench, Round } from "./bench.ts";
import { openInstallation } from "./installation.ts";
import type { NodeProcess } from "./node-process.ts";

const POLL_TIMEOUT_MS = 60_000;

export const startToFirstPoll: Bench = {
  name: "start-to-first-poll",
  summary: "how long it takes from starting the process until it asks Telegram for updates",
  usualRounds: 7,
  async measure({ rounds, signal }) {
    await using installation = await openInstallation({ signal });
    const botToken = installation.world.environment["FLIGHTDECK_BOT_TOKEN"] ?? "";
    const startFlightdeck = (telegramUrl: string) =>
      installation.start({ SANDBOX_TELEGRAM_URL: telegramUrl });
    const startBare = (telegramUrl: string) =>
      startBareProcess({ script: "bench/bare-bot.ts", botToken, telegramUrl, signal });

    // The first start migrates the database, and reads every file from the disk.
    await firstPollMs(botToken, startFlightdeck);
    await firstPollMs(botToken, startBare);
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const ours = await firstPollMs(botToken, startFlightdeck);
      const beside = await firstPollMs(botToken, startBare);
      measured.push({ ours, beside });
    }
    return [
      {
        what: "start → first poll, with outside databases",
        unit: "ms",
        besideName: "bare grammY bot",
        rounds: measured,
        goal: { of: "value", atMost: 2_000 },
      },
    ];
  },
};

/** A Telegram of its own for every start, so that the first poll that it sees is the one that is meant. */
async function firstPollMs(
  botToken: string,
  start: (telegramUrl: string) => Promise<NodeProcess>,
): Promise<number> {
  await using telegram = await startTelegram({ botToken });
  // A poll is known when it has been answered, and something to fetch answers it at once.
  telegram.as("operator").say("good morning");
  const startedAtMs = Date.now();
  await using bot = await start(telegram.url);
  const { at } = await bot.during(
    telegram.waitFor(() => telegram.calls().find(({ method }) => method === "getUpdates"), {
      timeoutMs: POLL_TIMEOUT_MS,
    }),
  );
  return at.getTime() - startedAtMs;
}
