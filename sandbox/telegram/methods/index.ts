import {
  answerCallbackQuery,
  pinChatMessage,
  setMessageReaction,
  unpinChatMessage,
} from "./answering.ts";
import type { ApiMethod } from "./api-method.ts";
import {
  closeForumTopic,
  createForumTopic,
  editForumTopic,
  getChat,
  getChatAdministrators,
  getChatMember,
  getMe,
  leaveChat,
  reopenForumTopic,
} from "./chats.ts";
import {
  deleteEphemeralMessage,
  deleteMessage,
  deleteMessages,
  editEphemeralMessageText,
  editMessageCaption,
  editMessageReplyMarkup,
  editMessageText,
} from "./editing.ts";
import { getFile } from "./files.ts";
import { deleteMyCommands, getMyCommands, setMyCommands } from "./menus.ts";
import { sendChatAction, sendDocument, sendMessage, sendPhoto } from "./sending.ts";
import { deleteWebhook, getUpdates, getWebhookInfo, setWebhook } from "./transport.ts";

/** The methods that the sandbox knows, which are those that an operations bot needs. */
const methods = {
  answerCallbackQuery,
  closeForumTopic,
  createForumTopic,
  deleteEphemeralMessage,
  deleteMessage,
  deleteMessages,
  deleteMyCommands,
  deleteWebhook,
  editEphemeralMessageText,
  editForumTopic,
  editMessageCaption,
  editMessageReplyMarkup,
  editMessageText,
  getChat,
  getChatAdministrators,
  getChatMember,
  getFile,
  getMe,
  getMyCommands,
  getUpdates,
  getWebhookInfo,
  leaveChat,
  pinChatMessage,
  reopenForumTopic,
  sendChatAction,
  sendDocument,
  sendMessage,
  sendPhoto,
  setMessageReaction,
  setMyCommands,
  setWebhook,
  unpinChatMessage,
} satisfies Readonly<Record<string, ApiMethod>>;

/** The real server does not care about the case of a method's name. */
const byLowerCase = new Map(
  Object.entries(methods).map(([name, method]) => [name.toLowerCase(), { name, method }]),
);

export function findMethod(
  name: string,
): { readonly name: string; readonly method: ApiMethod } | undefined {
  return byLowerCase.get(name.toLowerCase());
}
