import { pause } from "../../core/waiting.ts";
import type { Database, Transaction } from "../../storage/database.ts";

const EVERY_MS = 60 * 60 * 1000;

/** Something that may be forgotten by now. */
export type Chore = (tx: Transaction, now: Date) => Promise<void>;

/** Lets go once an hour of what nobody needs any more, until the signal. */
export async function keepHouse(
  database: Database,
  chores: readonly Chore[],
  onError: (error: unknown, during: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const chore of chores) {
      await database.transaction(chore).catch((error: unknown) => onError(error, "housekeeping"));
    }
    await pause(EVERY_MS, signal);
  }
}
