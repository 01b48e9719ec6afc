import {
  conversations,
  createConversation,
  type ConversationFlavor,
} from "@grammyjs/conversations";
import { Composer, Context } from "grammy";
import { expect, test } from "vitest";

import { closedApi } from "./closed-api.ts";

test("lets no plugin call Telegram, not by a client of its own making either", async () => {
  const composer = new Composer<ConversationFlavor<Context>>();
  composer.use(conversations<Context, Context>());
  composer.use(
    createConversation<Context, Context>(
      async (_conversation, context) => context.reply("psst"),
      "talk",
    ),
  );
  composer.use(async (context) => context.conversation.enter("talk"));
  const from = { id: 7, is_bot: false, first_name: "" };
  const chat = { id: 7, type: "private" as const, first_name: "" };
  const update = { update_id: 1, message: { message_id: 1, date: 0, chat, from, text: "hi" } };
  const me = { id: 0, is_bot: true as const, first_name: "", username: "nobody" };
  const context = new Context(update, closedApi(), me as Context["me"]);
  const said = composer.middleware()(context as ConversationFlavor<Context>, async () => {});
  await expect(said).rejects.toThrow("Network request for 'sendMessage' failed");
  await expect(closedApi().sendMessage(7, "psst")).rejects.toMatchObject({
    error: { message: expect.stringContaining("past the sender") },
  });
});
