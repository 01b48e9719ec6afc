const MOST_ENTRIES = 50;
const LONGEST_WAIT_MS = 15 * 60 * 1000;

/** Where a log stands, as far as it matters to when it is signed. */
export type UncheckedEntries = {
  readonly count: number;
  /** When the first entry was recorded that no checkpoint vouches for. */
  readonly oldestAt: Date | undefined;
};

/**
 * Whether a log is to be signed now. What was recorded stays without a witness for a bounded time and a bounded number
 * of entries; a log in which nothing is new has nothing to sign, and is shown again to the chat each day instead.
 */
export function checkpointDue({ count, oldestAt }: UncheckedEntries, now: Date): boolean {
  if (count <= 0) return false;
  if (count >= MOST_ENTRIES) return true;
  return oldestAt !== undefined && now.getTime() - oldestAt.getTime() >= LONGEST_WAIT_MS;
}
