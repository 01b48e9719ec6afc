import { Interruption } from "../../core/interruption.ts";
import { pause } from "../../core/waiting.ts";
import type { Database } from "../../storage/database.ts";
import { renewLease, type Lease } from "../../storage/run.ts";

/** A claim on a run that is kept alive for as long as it is held. */
export type HeldLease = AsyncDisposable & {
  /** Aborts when the claim is lost: whatever this process still does must not be recorded. */
  readonly lost: AbortSignal;
  /** Aborts when a person cancels the run. */
  readonly cancelled: AbortSignal;
  /**
   * Called right before an effect: a process that was paused since its last sign of life may have been replaced already.
   *
   * @throws {Interruption} fenced, in the second half of the lease
   */
  confirm(): void;
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
  // Counted from before each renewal, because the database counts from somewhere within it.
  let renewedAt = performance.now();
  let expiry = expireAt(renewedAt + leaseMs);
  const beating = beat();

  /** Without a renewal the lease is taken as lost when it would be, even while one is still hanging. */
  function expireAt(deadline: number): NodeJS.Timeout {
    return setTimeout(
      () => lost.abort(new Interruption("fenced", "the lease could not be renewed")),
      // A renewal may have taken longer than the lease that it brought.
      Math.max(0, deadline - performance.now()),
    );
  }

  async function beat(): Promise<void> {
    while (!released.signal.aborted && !lost.signal.aborted) {
      await pause(leaseMs / BEATS_PER_LEASE, AbortSignal.any([released.signal, lost.signal]));
      if (released.signal.aborted || lost.signal.aborted) return;
      const startedAt = performance.now();
      try {
        const state = await database.transaction(async (tx, now) =>
          renewLease(tx, now, lease, leaseMs),
        );
        if (state === "lost") {
          lost.abort(new Interruption("fenced", "another process took over"));
          return;
        }
        if (state === "cancelled") {
          cancelled.abort(new Interruption("cancelled", "cancelled by an operator"));
        }
        renewedAt = startedAt;
        clearTimeout(expiry);
        expiry = expireAt(renewedAt + leaseMs);
      } catch (error) {
        onError(error);
      }
    }
  }

  return {
    lost: lost.signal,
    cancelled: cancelled.signal,
    confirm() {
      lost.signal.throwIfAborted();
      if (performance.now() - renewedAt > leaseMs / 2) {
        throw new Interruption("fenced", "the lease is too old for an effect");
      }
    },
    async [Symbol.asyncDispose]() {
      released.abort();
      clearTimeout(expiry);
      await beating;
    },
  };
}
