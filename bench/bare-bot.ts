/** What a user would write without Flightdeck: a bot that answers, stores nothing and asks nobody who is asking. */
import { Bot } from "grammy";

const bot = new Bot(process.env["BOT_TOKEN"] ?? "", {
  client: { apiRoot: process.env["TELEGRAM_URL"] ?? "" },
});
bot.command("whoami", (context) => context.reply(`You are ${context.from?.first_name}.`));
process.once("SIGTERM", () => void bot.stop());
await bot.start();
