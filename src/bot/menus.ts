import type { Api } from "grammy";
import type { BotCommandScope } from "grammy/types";

import type { Command } from "../commands/command.ts";
import type { ServedTarget } from "../commands/served-target.ts";
import { mayActAs, type Role } from "../core/operator.ts";
import { pause } from "../core/waiting.ts";
import { failureOf, telegramError } from "./telegram.ts";

const RETRY_MS = 30_000;

export type MenuParts = {
  readonly api: Api;
  readonly commands: readonly Command[];
  readonly targets: readonly ServedTarget[];
  readonly onError: (error: unknown, during: string) => void;
};

/**
 * Shows everybody the commands of their role, in the group and in private, and tries again until all are shown. A menu
 * is a courtesy and no permission; a stranger's menu stays empty.
 */
export async function keepMenus(parts: MenuParts, signal: AbortSignal): Promise<void> {
  const left = new Set(scopesOf(parts));
  while (!signal.aborted && left.size > 0) {
    for (const menu of left) {
      try {
        await showMenu(parts, menu);
        left.delete(menu);
      } catch (error) {
        const failure = failureOf(error);
        // Most often a person who never wrote to the bot and so has no private chat with it; the next start tries again.
        if (failure.kind === "refused") left.delete(menu);
        else parts.onError(telegramError(failure), "showing a menu");
      }
    }
    if (left.size > 0) await pause(RETRY_MS, signal);
  }
}

async function showMenu({ api, commands }: MenuParts, { scope, role }: MenuScope): Promise<void> {
  const wanted = commands
    .filter((command) => command.listed && mayActAs(role, command.role))
    .map(({ name, summary }) => ({ command: name, description: summary }));
  const shown = await api.getMyCommands({ scope });
  const same =
    shown.length === wanted.length &&
    shown.every(
      ({ command, description }, index) =>
        command === wanted[index]?.command && description === wanted[index].description,
    );
  if (!same) await api.setMyCommands(wanted, { scope });
}

type MenuScope = { readonly scope: BotCommandScope; readonly role: Role };

/** In a group that talks about several targets, and in private, people see what their highest role may do. */
function scopesOf({ targets }: MenuParts): readonly MenuScope[] {
  const chats = Map.groupBy(targets, ({ chatId }) => chatId);
  return [
    ...[...chats].flatMap(([chatId, here]): MenuScope[] => [
      { scope: { type: "chat", chat_id: chatId }, role: "viewer" },
      ...highestRoles(here).map(([userId, role]): MenuScope => ({
        scope: { type: "chat_member", chat_id: chatId, user_id: userId },
        role,
      })),
    ]),
    ...highestRoles(targets).map(([userId, role]): MenuScope => ({
      scope: { type: "chat", chat_id: userId },
      role,
    })),
  ];
}

function highestRoles(targets: readonly ServedTarget[]): readonly (readonly [number, Role])[] {
  const roles = new Map<number, Role>();
  for (const { telegram, role } of targets.flatMap(({ context }) => context.operators)) {
    const known = roles.get(telegram);
    if (known === undefined || mayActAs(role, known)) roles.set(telegram, role);
  }
  return [...roles];
}
