import { setTimeout as sleep } from "node:timers/promises";

import { describe, expect, test } from "vitest";

import { Interruption } from "../../core/interruption.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { holdLease } from "./lease.ts";

const LEASE_MS = 240;
const claim = { runId: "1", epoch: 1 };

/** A database whose renewals say what they are told to, or never say anything. */
function databaseThat(says: () => Promise<readonly { readonly cancelled: boolean }[]>): Database {
  const tx = { rows: says, change: async () => 0 } as unknown as Transaction;
  return {
    transaction: async (work) => work(tx, new Date()),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

const kept = databaseThat(async () => [{ cancelled: false }]);

describe("a lease that is held", () => {
  test("is good for an effect as long as it is renewed", async () => {
    await using lease = holdLease(kept, claim, LEASE_MS, () => undefined);
    await sleep(2 * LEASE_MS);
    expect(() => lease.confirm()).not.toThrow();
    expect(lease.lost.aborted).toBe(false);
  });

  test("is too old for one when the process stood still since its last sign of life", async () => {
    await using lease = holdLease(kept, claim, LEASE_MS, () => undefined);
    const until = performance.now() + LEASE_MS;
    // As a pause does it: no timer and no answer gets its turn meanwhile.
    while (performance.now() < until);
    expect(() => lease.confirm()).toThrow(Interruption);
  });

  test("is lost when a renewal hangs, not when it finally fails", async () => {
    const { promise: never } = Promise.withResolvers<readonly { readonly cancelled: boolean }[]>();
    const hanging = databaseThat(async () => never);
    const lease = holdLease(hanging, claim, LEASE_MS, () => undefined);
    await sleep(LEASE_MS / 2);
    expect(lease.lost.aborted).toBe(false);
    await sleep(LEASE_MS);
    expect(lease.lost.reason).toMatchObject({ because: "fenced" });
  });

  test("is lost as soon as somebody else has it, and told of a cancel", async () => {
    await using taken = holdLease(
      databaseThat(async () => []),
      claim,
      LEASE_MS,
      () => undefined,
    );
    await using cancelled = holdLease(
      databaseThat(async () => [{ cancelled: true }]),
      claim,
      LEASE_MS,
      () => undefined,
    );
    await sleep(LEASE_MS / 2);
    expect(taken.lost.reason).toMatchObject({ because: "fenced" });
    expect(cancelled.cancelled.reason).toMatchObject({ because: "cancelled" });
    expect(cancelled.lost.aborted).toBe(false);
  });
});
