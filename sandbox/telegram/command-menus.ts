import { z } from "zod";

const chatId = z.union([z.int(), z.string()]);

export const scopeSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("default") }),
  z.strictObject({ type: z.literal("all_private_chats") }),
  z.strictObject({ type: z.literal("all_group_chats") }),
  z.strictObject({ type: z.literal("all_chat_administrators") }),
  z.strictObject({ type: z.literal("chat"), chat_id: chatId }),
  z.strictObject({ type: z.literal("chat_administrators"), chat_id: chatId }),
  z.strictObject({ type: z.literal("chat_member"), chat_id: chatId, user_id: z.int() }),
]);
export type CommandScope = z.output<typeof scopeSchema>;

export const commandSchema = z.strictObject({
  command: z.string().refine((name) => /^[a-z0-9_]{1,32}$/.test(name), {
    error: "a command is 1–32 of a–z, 0–9 and _",
    params: { refusal: "BOT_COMMAND_INVALID" },
  }),
  description: z.string().refine((text) => text.length >= 1 && text.length <= 256, {
    error: "a description holds 1–256 characters",
    params: { refusal: "BOT_COMMAND_DESCRIPTION_INVALID" },
  }),
  is_ephemeral: z.boolean().optional(),
});
export type BotCommand = z.output<typeof commandSchema>;

/** The menus that the bot set, each for a scope and a language. */
export type CommandMenus = {
  set(scope: CommandScope, language: string, commands: readonly BotCommand[]): void;
  get(scope: CommandScope, language: string): readonly BotCommand[];
  delete(scope: CommandScope, language: string): void;
  /** What a person sees in a chat: the menu of the narrowest scope that has one. */
  shownTo(
    person: { readonly id: number; readonly isAdmin: boolean },
    chatId: number,
  ): readonly BotCommand[];
};

export function createCommandMenus(): CommandMenus {
  const menus = new Map<string, readonly BotCommand[]>();
  const keyOf = (scope: CommandScope, language: string) =>
    [
      language,
      scope.type,
      "chat_id" in scope ? scope.chat_id : "",
      "user_id" in scope ? scope.user_id : "",
    ].join(" ");

  return {
    set: (scope, language, commands) => menus.set(keyOf(scope, language), commands),
    get: (scope, language) => menus.get(keyOf(scope, language)) ?? [],
    delete: (scope, language) => menus.delete(keyOf(scope, language)),
    shownTo: (person, chatId) => {
      const found = narrowToWide(person, chatId).map((scope) => menus.get(keyOf(scope, "")));
      return found.find((menu) => menu !== undefined) ?? [];
    },
  };
}

function narrowToWide(
  person: { readonly id: number; readonly isAdmin: boolean },
  chatId: number,
): readonly CommandScope[] {
  const chat = { type: "chat", chat_id: chatId } as const;
  if (chatId > 0) return [chat, { type: "all_private_chats" }, { type: "default" }];
  const forAdmins: readonly CommandScope[] = person.isAdmin
    ? [{ type: "chat_administrators", chat_id: chatId }]
    : [];
  const forAllAdmins: readonly CommandScope[] = person.isAdmin
    ? [{ type: "all_chat_administrators" }]
    : [];
  return [
    { type: "chat_member", chat_id: chatId, user_id: person.id },
    ...forAdmins,
    chat,
    ...forAllAdmins,
    { type: "all_group_chats" },
    { type: "default" },
  ];
}
