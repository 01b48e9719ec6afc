import type { Message, Update } from "./objects.ts";
import type { Room } from "./rooms.ts";
import type { User } from "./user.ts";

type Body = Omit<Update, "update_id">;

/**
 * Whether the server tells the bot of this at all. A bot that is not in the chat hears nothing of it, save that it was
 * thrown out; one that is no administrator hears only what is meant for it, because group privacy is on.
 */
export function hears(room: Room | undefined, bot: User, body: Body): boolean {
  if (room === undefined || body.my_chat_member !== undefined) return true;
  const status = room.members.get(bot.id)?.status ?? "left";
  if (status === "left" || status === "kicked") return false;
  if (status !== "member" || room.chat.type === "private") return true;
  if (body.message_reaction !== undefined || body.chat_member !== undefined) return false;
  const message = body.message ?? body.edited_message;
  return message === undefined || isMeantFor(bot, message);
}

/** The chat in which an update happens. */
export function chatOf(body: Body): number | undefined {
  const about =
    body.message ??
    body.edited_message ??
    body.callback_query?.message ??
    body.message_reaction ??
    body.my_chat_member ??
    body.chat_member;
  return about?.chat.id;
}

function isMeantFor(bot: User, message: Message): boolean {
  if (message.reply_to_message?.from?.id === bot.id) return true;
  const text = message.text ?? message.caption ?? "";
  const entities = message.entities ?? message.caption_entities ?? [];
  return entities.some(({ type, offset, length }) => {
    const [word, name] = text.slice(offset, offset + length).split("@");
    const isForBot = name === undefined || name === bot.username;
    return isForBot && (type === "bot_command" || (type === "mention" && word === ""));
  });
}
