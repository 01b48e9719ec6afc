import type { Api } from "grammy";
import type { UserFromGetMe } from "grammy/types";

import { shownUrl } from "../core/shown-url.ts";
import { failureOrThrow, SetupError } from "./setup-error.ts";
import { describeFailure } from "./telegram.ts";

export type SetupBot = {
  readonly id: number;
  readonly username: string;
  /** What to switch off in BotFather, one sentence each. */
  readonly advice: readonly string[];
};

/**
 * Proves the token and looks whether the bot is free.
 *
 * @throws {SetupError} when the token is refused, Telegram cannot be reached, or the bot has a webhook
 */
export async function meetBot(
  api: Pick<Api, "getMe" | "getWebhookInfo" | "deleteWebhook">,
  options: { readonly deleteWebhook: boolean },
): Promise<SetupBot> {
  const me = await asked(async () => api.getMe());
  const { url, pending_update_count: waiting } = await asked(async () => api.getWebhookInfo());
  if (url !== undefined && url !== "") {
    if (!options.deleteWebhook) {
      throw new SetupError(
        `@${me.username} has a webhook already: its updates go to ${shownUrl(url)} (${waiting} waiting). If a program ` +
          "of yours uses this bot, make another bot with BotFather, for Flightdeck needs one of its own. If nothing " +
          "needs that webhook any more, start again with --delete-webhook at the end.",
      );
    }
    await asked(async () => api.deleteWebhook());
  }
  return { id: me.id, username: me.username, advice: postureAdvice(me) };
}

/** A bot for operations should be able to do nothing that it does not need. */
function postureAdvice(me: UserFromGetMe): readonly string[] {
  const settings: readonly (readonly [boolean | undefined, string])[] = [
    [me.can_join_groups, "Anybody can add it to a group: send BotFather /setjoingroups, Disable."],
    [
      me.can_read_all_group_messages,
      "It reads all that is said in its groups: send BotFather /setprivacy, Enable.",
    ],
    [
      me.supports_inline_queries,
      "It can be asked inline from any chat: send BotFather /setinline, /empty.",
    ],
    [
      me.supports_guest_queries,
      "It can be called as a guest from any chat: switch guest mode off in BotFather, Bot Settings.",
    ],
    [
      me.can_connect_to_business,
      "It can be connected to business accounts: switch business mode off in BotFather, Bot Settings.",
    ],
    [me.can_manage_bots, "It can manage other bots: switch that off in BotFather, Bot Settings."],
  ];
  return settings.filter(([isOpen]) => isOpen === true).map(([, advice]) => advice);
}

async function asked<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    const failure = failureOrThrow(error);
    throw new SetupError(
      `Telegram gave no usable answer (${describeFailure(failure)}). ` +
        "Look whether this machine reaches it, and start again.",
    );
  }
}
