import type { Api } from "grammy";

const KNOWN_FOR_MS = 60_000;
/** A failure to ask is remembered for a moment only, so that the next tap asks again. */
const UNKNOWN_FOR_MS = 2_000;
const ASK_TIMEOUT_MS = 3_000;
const REMEMBERED_AT_MOST = 1_000;

/** Who is a member of a chat right now, as Telegram says, remembered for a minute. */
export type Membership = {
  /** Undefined when it has to be asked; `unknown` when it was, and there was no answer. */
  recall(userId: number, chatId: number): "member" | "gone" | "unknown" | undefined;
  /** Asks Telegram, so that it can be recalled. Never throws. */
  ask(userId: number, chatId: number): Promise<void>;
};

export function createMembership(
  api: Pick<Api, "getChatMember">,
  monotonicMs: () => number = () => performance.now(),
): Membership {
  const remembered = new Map<string, { readonly is: Remembered; readonly untilMs: number }>();
  const keyOf = (userId: number, chatId: number): string => `${userId}:${chatId}`;
  return {
    recall(userId, chatId) {
      const found = remembered.get(keyOf(userId, chatId));
      return found && found.untilMs > monotonicMs() ? found.is : undefined;
    },
    async ask(userId, chatId) {
      const is = await askTelegram(api, userId, chatId);
      if (remembered.size >= REMEMBERED_AT_MOST) remembered.clear();
      const forMs = is === "unknown" ? UNKNOWN_FOR_MS : KNOWN_FOR_MS;
      remembered.set(keyOf(userId, chatId), { is, untilMs: monotonicMs() + forMs });
    },
  };
}

type Remembered = "member" | "gone" | "unknown";

async function askTelegram(
  api: Pick<Api, "getChatMember">,
  userId: number,
  chatId: number,
): Promise<Remembered> {
  try {
    const signal = AbortSignal.timeout(ASK_TIMEOUT_MS) as Parameters<Api["getChatMember"]>[2];
    const member = await api.getChatMember(chatId, userId, signal);
    if (member.status === "restricted") return member.is_member ? "member" : "gone";
    return member.status === "left" || member.status === "kicked" ? "gone" : "member";
  } catch {
    // Whoever cannot be looked up is not heard; the error would hold the token.
    return "unknown";
  }
}
