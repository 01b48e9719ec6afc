import type { User } from "./user.ts";

/** What BotFather lets a bot do. A careful team switches all of it off. */
const NO_POWERS = {
  can_join_groups: false,
  can_read_all_group_messages: false,
  supports_guest_queries: false,
  supports_inline_queries: false,
  can_connect_to_business: false,
  has_main_web_app: false,
  has_topics_enabled: false,
  allows_users_to_create_topics: false,
  can_manage_bots: false,
  supports_join_request_queries: false,
};

type Self = User & typeof NO_POWERS;

/** What a bot is told when it asks who it is. */
export type BotProfile = {
  self(): Self;
  /** Somebody changes it at BotFather, or mixes tokens up, until it is disposed. */
  change(part: Partial<Self>): Disposable;
};

export function createBotProfile(bot: User): BotProfile {
  const changes = new Set<Partial<Self>>();
  return {
    self: () => Object.assign({ ...bot, ...NO_POWERS }, ...changes) as Self,
    change: (part) => {
      const own = { ...part };
      changes.add(own);
      return { [Symbol.dispose]: () => void changes.delete(own) };
    },
  };
}
