import type { Operator } from "../../core/operator.ts";
import { pause } from "../../core/waiting.ts";
import { newestCallAbout } from "../../storage/call.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { chatsOutOfReach, wordsUnheard } from "../../storage/readings.ts";
import type { Caller } from "./calling.ts";

export type DeliveryWatchParts = {
  readonly database: Database;
  readonly caller: Pick<Caller, "call" | "callOff">;
  /** Whose name stands on the call: what cannot be delivered may be of several targets. */
  readonly target: string;
  readonly onCall: (now: Date) => readonly Operator[];
  readonly onError: (error: unknown, during: string) => void;
};

const LOOK_EVERY_MS = 2_000;
const MAY_WAIT_MS = 60_000;
const ABOUT = "delivery";

/**
 * Sees that what should sound does arrive. A word that is refused again and again, or that nobody could hear for a minute,
 * is told by the second path, once, and so is that it is over: whoever waits for a sound in the chat must learn that none
 * will come.
 */
export async function watchDeliveries(
  parts: DeliveryWatchParts,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await parts.database
      .transaction(async (tx, now) => judgeDeliveries(parts, tx, now))
      .catch((error: unknown) => parts.onError(error, "looking at what was not delivered"));
    await pause(LOOK_EVERY_MS, signal);
  }
}

export async function judgeDeliveries(
  { caller, target, onCall }: Omit<DeliveryWatchParts, "database" | "onError">,
  tx: Transaction,
  now: Date,
): Promise<void> {
  const unheard = await wordsUnheard(tx, now);
  const [oldest] = unheard;
  const outOfReach = await chatsOutOfReach(tx);
  // A busy chat may wait its turn; one that cannot be reached is not waited for.
  const isLate = unheard.some(
    ({ chatId, since }) =>
      outOfReach.includes(chatId) || now.getTime() - since.getTime() > MAY_WAIT_MS,
  );
  const called = await newestCallAbout(tx, ABOUT);
  const wasCalled = called?.kind === "fired" && called.state !== "withdrawn";
  if (isLate && !wasCalled) {
    const count = unheard.reduce((sum, one) => sum + one.count, 0);
    await caller.call(tx, now, {
      once: `${ABOUT}:${now.getTime()}`,
      about: ABOUT,
      kind: "fired",
      target,
      severity: "page",
      what: `Telegram takes no messages; ${count === 1 ? "an alert waits" : `${count} alerts wait`} to be heard`,
      people: onCall(now),
    });
  }
  if (oldest === undefined && wasCalled) await caller.callOff(tx, now, ABOUT);
}
