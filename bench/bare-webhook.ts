/** What a user would write without Flightdeck: a bot that Telegram brings its updates to, and which keeps none of them. */
import { createServer } from "node:http";

import { Bot, webhookCallback } from "grammy";

const bot = new Bot(process.env["BOT_TOKEN"] ?? "", {
  client: { apiRoot: process.env["TELEGRAM_URL"] ?? "" },
});
bot.on("callback_query:data", () => undefined);
await bot.init();
const answer = webhookCallback(bot, "http", { secretToken: process.env["WEBHOOK_SECRET"] ?? "" });
const server = createServer((request, response) => void answer(request, response));
server.listen(Number(process.env["WEBHOOK_PORT"]), "127.0.0.1");
process.once("SIGTERM", () => server.close());
