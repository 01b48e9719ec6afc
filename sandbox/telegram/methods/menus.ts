import { z } from "zod";

import { commandSchema, scopeSchema } from "../command-menus.ts";
import type { CommandScope } from "../command-menus.ts";
import type { TelegramState } from "../state.ts";
import { defineMethod } from "./api-method.ts";

const where = {
  scope: scopeSchema.optional(),
  language_code: z
    .string()
    .regex(/^[a-z]{2}$|^$/)
    .optional(),
};

export const setMyCommands = defineMethod(
  z.strictObject({ commands: z.array(commandSchema).max(100), ...where }),
  (state, { commands, scope, language_code: language = "" }) => {
    const checked = checkScope(state, scope);
    // The real server takes an empty list as the wish to have no menu.
    if (commands.length === 0) state.menus.delete(checked, language);
    else state.menus.set(checked, language, commands);
    state.changes.announce();
    return true;
  },
);

export const getMyCommands = defineMethod(
  z.strictObject(where),
  (state, { scope, language_code: language = "" }) =>
    state.menus.get(checkScope(state, scope), language),
);

export const deleteMyCommands = defineMethod(
  z.strictObject(where),
  (state, { scope, language_code: language = "" }) => {
    state.menus.delete(checkScope(state, scope), language);
    state.changes.announce();
    return true;
  },
);

/** A scope that names a chat must name one that the bot is in. */
function checkScope(state: TelegramState, scope: CommandScope = { type: "default" }): CommandScope {
  if ("chat_id" in scope) state.rooms.forBot(scope.chat_id);
  return scope;
}
