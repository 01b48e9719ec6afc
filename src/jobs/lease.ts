import { Interruption } from "../core/interruption.ts";
import { pause } from "../core/waiting.ts";
import type { Database } from "../storage/database.ts";
import { renewLease, type Lease } from "../storage/run.ts";

/** A claim on a run that is kept alive for as long as it is held. */
export type HeldLease = AsyncDisposable & {
  /** Aborts when the claim is lost: whatever this process still does must not be recorded. */
  readonly lost: AbortSignal;
  /** Aborts when a person cancels the run. */
  readonly cancelled: AbortSignal;
};

const BEATS_PER_LEASE = 3;

export function holdLease(
  database: Database,
  lease: Lease,
  leaseMs: number,
  onError: (error: unknown) => void,
): HeldLease {
  const lost = new AbortController();
  const cancelled = new AbortController();
  const released = new AbortController();
  const beating = beat();

  async function beat(): Promise<void> {
    let aliveUntil = performance.now() + leaseMs;
    while (!released.signal.aborted && !lost.signal.aborted) {
      await pause(leaseMs / BEATS_PER_LEASE, released.signal);
      if (released.signal.aborted) return;
      try {
        const state = await database.transaction(async (tx, now) =>
          renewLease(tx, now, lease, leaseMs),
        );
        if (state === "lost") lost.abort(new Interruption("fenced", "another process took over"));
        if (state === "cancelled") {
          cancelled.abort(new Interruption("cancelled", "cancelled by an operator"));
        }
        aliveUntil = performance.now() + leaseMs;
      } catch (error) {
        onError(error);
        // Without a database nobody can tell whether the lease still stands, so it is taken as lost when it would be.
        if (performance.now() > aliveUntil) {
          lost.abort(new Interruption("fenced", "the lease could not be renewed"));
        }
      }
    }
  }

  return {
    lost: lost.signal,
    cancelled: cancelled.signal,
    async [Symbol.asyncDispose]() {
      released.abort();
      await beating;
    },
  };
}
