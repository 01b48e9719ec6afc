import { startNodeProcess, type NodeProcess } from "./node-process.ts";

export type BareProcessOptions = {
  readonly script: "bench/bare-bot.ts" | "bench/bare-bot-with-queue.ts" | "bench/bare-webhook.ts";
  readonly botToken: string;
  readonly telegramUrl: string;
  readonly redisUrl?: string;
  readonly webhook?: { readonly port: number; readonly secret: string };
  readonly signal: AbortSignal;
};

/** Starts what a user would have instead of Flightdeck, in the same way as Flightdeck. */
export function startBareProcess(options: BareProcessOptions): Promise<NodeProcess> {
  const { script, botToken, telegramUrl, redisUrl = "", webhook, signal } = options;
  return startNodeProcess({
    command: [script],
    environment: {
      BOT_TOKEN: botToken,
      TELEGRAM_URL: telegramUrl,
      REDIS_URL: redisUrl,
      WEBHOOK_PORT: String(webhook?.port ?? ""),
      WEBHOOK_SECRET: webhook?.secret ?? "",
    },
    signal,
  });
}
