import {
  conversations,
  createConversation,
  type Conversation,
  type ConversationData,
  type ConversationFlavor,
  type VersionedState,
} from "@grammyjs/conversations";
import { Composer, Context } from "grammy";
import type { Update, UserFromGetMe } from "grammy/types";

import type { GuideView } from "../commands/rotate-guide-card.ts";
import {
  guideSteps,
  type GuideName,
  type GuideTurn,
  type GuideWord,
} from "../commands/rotate-guide.ts";
import { rotationGuides, type GuideSight } from "../commands/rotate-guides.ts";
import { digestOf } from "../core/digest.ts";
import { closedApi } from "./closed-api.ts";

/** What a guide asks of the world. It is asked once a turn, and what it says is kept with the turn. */
export type GuideDesk = {
  /** Shows where he is now. */
  show(view: GuideView): void;
  /** Whether it is so, and in which run it was seen; `run` is where it was seen before. */
  look(sight: GuideSight, run: string | undefined): Promise<Sighting>;
};

export type Sighting = { readonly isSo: boolean; readonly run?: string | undefined };

/** Where the plugin keeps what it replays; the transaction of the update is around all of it. */
export type GuideStorage = {
  read(key: string): Promise<VersionedState<ConversationData> | undefined>;
  write(key: string, state: VersionedState<ConversationData>): Promise<void>;
  delete(key: string): Promise<void>;
};

type Outside = ConversationFlavor<Context> & { readonly desk: GuideDesk };
type Guide = Conversation<Outside>;

/** Says what somebody said to his guide. False: it stands elsewhere, or is over. */
export async function turnGuide(
  turn: GuideTurn,
  by: { readonly userId: number; readonly updateId: string },
  desk: GuideDesk,
  storage: GuideStorage,
): Promise<boolean> {
  let isMissed = false;
  const composer = new Composer<Outside>();
  composer.use(
    conversations<Outside, Context>({
      storage: {
        type: "key",
        version: GUIDE_VERSION,
        getStorageKey: ({ chatId, from }) => `${chatId}:${from?.id}`,
        adapter: storage,
      },
    }),
  );
  composer.use(
    createConversation<Outside, Context>(lead, {
      id: GUIDE,
      parallel: true,
      maxMillisecondsToWait: WAITS_FOR_MS,
    }),
  );
  composer.use(async (context) => {
    if (turn.word.kind !== "show") {
      isMissed = true;
      return;
    }
    const { target, secret, kind } = turn;
    await context.conversation.enter(GUIDE, { target, secret, kind } satisfies GuideName);
  });
  const context = Object.assign(new Context(saidTo(turn, by), closedApi(), NOBODY), { desk });
  await composer.middleware()(context as Outside, async () => {});
  return !isMissed;
}

const GUIDE = "rotation-guide";
const WAITS_FOR_MS = 24 * 60 * 60 * 1000;

/** To be raised when `lead` changes; other words of the guides raise it by themselves. What was begun before is dropped. */
const LEAD_VERSION = 1;
const GUIDE_VERSION = `${LEAD_VERSION}-${digestOf(
  Object.entries(rotationGuides).map(([kind, steps]) => [kind, steps("")]),
)}`;

/**
 * The guide itself, which the plugin replays at every turn from what it keeps. So nothing in here may come out otherwise the
 * next time: what is shown and what is seen goes through `external`, and no context is ever asked to call Telegram.
 */
async function lead(guide: Guide, _context: Context, name: GuideName): Promise<void> {
  const hear = async (at: number): Promise<GuideWord["kind"]> => {
    const heard = await guide.waitUntil((context) => {
      const said = wordOf(context, name);
      return said !== undefined && (said.kind === "show" || said.at === at);
    });
    return wordOf(heard, name)?.kind ?? "show";
  };
  const show = async (view: GuideView): Promise<void> =>
    guide.external(({ desk }) => desk.show(view));

  let run: string | undefined;
  for (const [at, { until }] of (guideSteps(name.kind, name.secret) ?? []).entries()) {
    let view: GuideView = { kind: "step", at };
    for (;;) {
      await show(view);
      const word = await hear(at);
      if (word === "stop") return show({ kind: "stopped", at });
      view = word === "fails" ? { kind: "step", at, fails: true } : { kind: "step", at };
      if (word !== "next") continue;
      if (until === undefined) break;
      const before = run;
      const seen = await guide.external(async ({ desk }) => desk.look(until, before));
      run = seen.run ?? run;
      if (seen.isSo) break;
      view = { kind: "step", at, notYet: true };
    }
  }
  await show({ kind: "over" });
}

/** All that the plugin gets to see and to keep of an update: which button it was. Nothing that anybody types comes here. */
function saidTo(
  { target, secret, word }: GuideTurn,
  { userId, updateId }: { readonly userId: number; readonly updateId: string },
): Update {
  const from = { id: userId, is_bot: false, first_name: "" };
  const at = word.kind === "show" ? "" : word.at;
  return {
    update_id: Number(updateId),
    callback_query: {
      id: updateId,
      from,
      chat_instance: "",
      data: [target, secret, word.kind, at].join(" "),
      message: { chat: { id: userId, type: "private", first_name: "" }, message_id: 0, date: 0 },
    },
  };
}

function wordOf({ callbackQuery }: Context, of: GuideName): GuideWord | undefined {
  const [target, secret, kind, at] = (callbackQuery?.data ?? "").split(" ");
  if (target !== of.target || secret !== of.secret) return undefined;
  if (kind === "show") return { kind };
  if (kind !== "next" && kind !== "fails" && kind !== "stop") return undefined;
  return { kind, at: Number(at) };
}

/** Who the bot is does not matter to a guide. */
const NOBODY: UserFromGetMe = {
  id: 0,
  is_bot: true,
  first_name: "",
  username: "",
  can_join_groups: false,
  can_read_all_group_messages: false,
  supports_inline_queries: false,
  can_connect_to_business: false,
  has_main_web_app: false,
  has_topics_enabled: false,
  allows_users_to_create_topics: false,
  can_manage_bots: false,
  supports_join_request_queries: false,
};
