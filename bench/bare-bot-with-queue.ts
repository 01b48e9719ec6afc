/** A bot with a queue for what takes longer, which is how most bots that do work are built. */
import { Queue, Worker } from "bullmq";
import { Bot } from "grammy";
import { Redis } from "ioredis";

const url = process.env["REDIS_URL"] ?? "";
const connections = [new Redis(url), new Redis(url, { maxRetriesPerRequest: null })] as const;
const queue = new Queue("work", { connection: connections[0] });
const worker = new Worker("work", async () => "done", { connection: connections[1] });

const bot = new Bot(process.env["BOT_TOKEN"] ?? "", {
  client: { apiRoot: process.env["TELEGRAM_URL"] ?? "" },
});
bot.command("work", async (context) => {
  await queue.add("work", {});
  await context.reply("Will do.");
});
process.once("SIGTERM", () => void bot.stop());
await queue.waitUntilReady();
await worker.waitUntilReady();
await bot.start();
await worker.close();
await queue.close();
for (const connection of connections) connection.disconnect();
