import type { CheckResult } from "../../core/status.ts";
import { pass } from "../../core/trace.ts";
import { pause } from "../../core/waiting.ts";
import type { WatchedCheck } from "./watch.ts";

/** What a check said just now. */
export type TakenLook = {
  readonly target: string;
  readonly check: WatchedCheck;
  readonly result: CheckResult;
};

/** Returns once the look is kept and what follows from it is decided, or is lost because it could not be kept. */
export type TakeLook = (look: TakenLook) => Promise<void>;

/** Keeps looks that ended at about the same time, all or none. */
export type KeepLooks = (looks: readonly TakenLook[]) => Promise<void>;

export type LookDeskParts = {
  readonly keep: KeepLooks;
  readonly signal: AbortSignal;
  readonly onError: (error: unknown, during: string) => void;
};

/** Looks that end within a moment of each other are kept together. */
const GATHER_MS = 25;
/** No more, because whoever writes into the evidence meanwhile waits for the end of the transaction. */
const BATCH = 100;

/** Takes looks in and keeps them many at a time; those of one check stay in order because it is asked one at a time. */
export function createLookDesk({ keep, signal, onError }: LookDeskParts): TakeLook {
  type Waiting = { readonly look: TakenLook; readonly done: () => void };
  let waiting: Waiting[] = [];
  let working = false;

  async function work(): Promise<void> {
    working = true;
    await pause(GATHER_MS, signal);
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH);
      waiting = waiting.slice(BATCH);
      const looks = batch.map(({ look }) => look);
      // The next look tells the same; a look is no loss, an alert that was decided on would be.
      await keep(looks).catch((error: unknown) => onError(error, "keeping what the checks saw"));
      pass("looks.kept", looks.map(({ check }) => check.name).join(" "));
      for (const { done } of batch) done();
    }
    working = false;
  }

  return async (look) => {
    const kept = new Promise<void>((done) => waiting.push({ look, done }));
    if (!working) void work();
    return kept;
  };
}
