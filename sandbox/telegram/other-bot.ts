import type { BotProfile } from "./bot-profile.ts";
import type { Bot } from "./bot.ts";
import type { Persona } from "./personas.ts";
import { keptText, post } from "./posts.ts";
import { userOf } from "./user.ts";
import type { User } from "./user.ts";
import type { Webhook } from "./webhook.ts";

/** A bot beside the one in the ops group. People write to it in private. */
export type OtherBot = {
  readonly user: User;
  readonly profile: BotProfile;
  readonly webhook: Pick<Webhook, "set" | "remove" | "status">;
  say(who: Persona, text: string): void;
  /** How many updates wait for it. */
  pending(): number;
};

export function otherBotOf({ state }: Bot): OtherBot {
  return {
    user: state.bot,
    profile: state.profile,
    webhook: state.webhook,
    say: (who, text) => {
      const from = userOf(who);
      const room = state.rooms.openPrivate(from);
      state.emit({ message: post(state, room, { from, ...keptText(text) }) });
    },
    pending: () => state.updates.pending().length,
  };
}
