import { setTimeout as sleep } from "node:timers/promises";

import { startTelegram } from "../sandbox/telegram/server.ts";
import { startBareProcess } from "./bare-process.ts";
import type { Bench, Round } from "./bench.ts";
import { openInstallation } from "./installation.ts";
import { median } from "./quantile.ts";
import { residentMiB } from "./resident-memory.ts";

const IDLE_MS = 10_000;
const SAMPLES = 5;
const SAMPLE_EVERY_MS = 500;
const BARE_TOKEN = "7000000002:a-bot-with-a-queue-and-nothing-to-do-in-it";

export const idleMemory: Bench = {
  name: "idle-memory",
  summary:
    "what Flightdeck's process holds in memory while nobody asks, beside a bare bot with a queue",
  usualRounds: 3,
  async measure({ rounds, signal }) {
    await using opened = new AsyncDisposableStack();
    const installation = opened.use(await openInstallation({ signal }));
    const bareTelegram = opened.use(await startTelegram({ botToken: BARE_TOKEN }));

    const startBare = () =>
      startBareProcess({
        script: "bench/bare-bot-with-queue.ts",
        botToken: BARE_TOKEN,
        telegramUrl: bareTelegram.url,
        redisUrl: installation.stores.redisUrl,
        signal,
      });
    const residentOfBoth = async (): Promise<Round> => {
      // Both idle at the same time; memory, unlike time, is not taken from the other.
      await using flightdeck = await installation.start();
      await using bare = await startBare();
      const idle = (durationMs: number): Promise<unknown> =>
        flightdeck.during(bare.during(sleep(durationMs)));
      await idle(IDLE_MS);
      const [ours, beside]: [number[], number[]] = [[], []];
      for (let sample = 0; sample < SAMPLES; sample += 1) {
        ours.push(await residentMiB(flightdeck.pid));
        beside.push(await residentMiB(bare.pid));
        await idle(SAMPLE_EVERY_MS);
      }
      return { ours: median(ours), beside: median(beside) };
    };

    // The first start also migrates the database, which is no part of being idle.
    await residentOfBoth();
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) measured.push(await residentOfBoth());
    return [
      {
        what: `resident memory after ${IDLE_MS / 1_000} s of idling`,
        unit: "MiB",
        besideName: "bare grammY + BullMQ",
        rounds: measured,
        goal: { of: "ratio", atMost: 1.5 },
      },
    ];
  },
};
