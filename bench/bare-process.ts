import { startNodeProcess, type NodeProcess } from "./node-process.ts";

export type BareProcessOptions = {
  readonly script: "bench/bare-bot.ts" | "bench/bare-bot-with-queue.ts";
  readonly botToken: string;
  readonly telegramUrl: string;
  readonly redisUrl?: string;
  readonly signal: AbortSignal;
};

/** Starts what a user would have instead of Flightdeck, in the same way as Flightdeck. */
export function startBareProcess(options: BareProcessOptions): Promise<NodeProcess> {
  const { script, botToken, telegramUrl, redisUrl = "", signal } = options;
  return startNodeProcess({
    command: [script],
    environment: { BOT_TOKEN: botToken, TELEGRAM_URL: telegramUrl, REDIS_URL: redisUrl },
    signal,
  });
}
