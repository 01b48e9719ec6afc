import { createHash } from "node:crypto";

import type { Call, CallAttempt } from "../../core/call.ts";
import type { Operator } from "../../core/operator.ts";
import { scrub } from "../../core/redaction.ts";
import { pass } from "../../core/trace.ts";
import { shortened, visibleText } from "../../core/visible-text.ts";
import { pause, together } from "../../core/waiting.ts";
import {
  callFailed,
  callsToEnd,
  callSent,
  openCall,
  takeCalls,
  withdrawCalls,
  type KeptCall,
} from "../../storage/call.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import type { CallPath } from "../../systems/second-path.ts";
import { SystemError } from "../../systems/system-error.ts";

/** What somebody is to be called for. */
export type WantedCall = {
  /** Names this very call: the same one twice is one call, on every path. */
  readonly once: string;
  /** What it is about, such as `alert:12`; that may be over later. */
  readonly about: string;
  readonly kind: "fired" | "test";
  readonly target: string;
  readonly severity: "page" | "warn";
  /** A title: it may stand on a locked screen. */
  readonly what: string;
  readonly people: readonly Operator[];
};

/** How one direct call went. */
type CallOutcome = { readonly path: CallPath["name"]; readonly error: string | undefined };

export type Caller = {
  /** The ways to call somebody; none when no second path is configured. */
  readonly paths: readonly CallPath["name"][];
  /** Makes a call due with what it is about, in one transaction; the leader sees to it that it is made. */
  call(tx: Transaction, now: Date, wanted: WantedCall): Promise<void>;
  /** Somebody has it: who was not reached yet need not be. */
  withdraw(tx: Transaction, about: string): Promise<void>;
  /** It is over: who was not reached yet need not be, and who was, or may have been, is told. */
  callOff(tx: Transaction, now: Date, about: string): Promise<void>;
  /** Calls at once and keeps nothing, for when there is no database to keep it in. Never throws. */
  callNow(wanted: WantedCall, now: Date, signal: AbortSignal): Promise<readonly CallOutcome[]>;
};

const TITLE_LIMIT = 200;
const TRY_TAKES_AT_MOST_MS = 20_000;
/** Longer than a try may take, so that nobody else tries meanwhile. */
const LEASE_MS = TRY_TAKES_AT_MOST_MS + 10_000;
const LOOK_EVERY_MS = 1_000;
const AT_ONCE = 4;
/** Ten tries in half an hour; who cannot be reached by then has another trouble. */
const RETRY_AFTER_MS = [5, 15, 30, 60, 120, 300, 300, 300, 600].map((seconds) => seconds * 1_000);

export function createCaller(
  paths: readonly CallPath[],
  scrubText: (text: string) => string,
): Caller {
  return {
    paths: paths.map(({ name }) => name),
    async call(tx, now, wanted) {
      for (const { path, address, key } of destinations(paths, wanted)) {
        await openCall(tx, now, { ...described(wanted, scrubText), key, path: path.name, address });
      }
    },
    withdraw: withdrawCalls,
    async callOff(tx, now, about) {
      await withdrawCalls(tx, about);
      for (const call of await callsToEnd(tx, about)) {
        await openCall(tx, now, { ...call, key: `${call.key}:over`, kind: "over" });
      }
    },
    async callNow(wanted, now, signal) {
      const told = described(wanted, scrubText);
      return Promise.all(
        destinations(paths, wanted).map(async ({ path, address, key }) => {
          const call = { ...told, id: callId(key), at: now };
          const attempt = { call, resent: false };
          const error = await tryOnce(path, attempt, address, now, signal);
          return { path: path.name, error: error?.message };
        }),
      );
    },
  };
}

export type CallingParts = {
  readonly database: Database;
  readonly paths: readonly CallPath[];
  readonly onError: (error: unknown, during: string) => void;
  /** How long to wait after each failed try; a test may be less patient. */
  readonly retryAfterMs?: readonly number[];
};

/**
 * Makes the calls that are due, until the signal. A path that hangs delays no other. Every call is made at least once,
 * and by an id that stays the same, so that whoever gets it twice can tell.
 */
export async function makeCalls(parts: CallingParts, signal: AbortSignal): Promise<void> {
  await together(
    signal,
    parts.paths.map((path) => async (until: AbortSignal) => {
      while (!until.aborted) {
        const made = await makeDueCalls(parts, path, until).catch((error: unknown) => {
          parts.onError(error, `calling by ${path.name}`);
          return 0;
        });
        if (made < AT_ONCE) await pause(LOOK_EVERY_MS, until);
      }
    }),
  );
}

async function makeDueCalls(
  parts: CallingParts,
  path: CallPath,
  signal: AbortSignal,
): Promise<number> {
  const { due, now } = await parts.database.transaction(async (tx, now) => ({
    due: await takeCalls(tx, now, {
      path: path.name,
      leaseMs: LEASE_MS,
      putOffAtMostMs: Math.max(LEASE_MS, ...RETRY_AFTER_MS),
      limit: AT_ONCE,
    }),
    now,
  }));
  await Promise.all(due.map(async (kept) => makeCall(parts, path, kept, now, signal)));
  return due.length;
}

async function makeCall(
  parts: CallingParts,
  path: CallPath,
  kept: KeptCall,
  now: Date,
  signal: AbortSignal,
): Promise<void> {
  pass("call.sending", kept.key);
  const call: Call = { ...kept, id: callId(kept.key), at: kept.calledAt };
  const attempt = { call, resent: kept.inDoubt };
  const error = await tryOnce(path, attempt, kept.address, now, signal);
  if (error === undefined) pass("call.accepted", kept.key);
  // Cut short by our own stopping: the next leader tries again, and says that it may be the second time.
  else if (signal.aborted) return;
  await parts.database.transaction(async (tx, now) => {
    if (error === undefined) return callSent(tx, now, kept.id);
    const waits = parts.retryAfterMs ?? RETRY_AFTER_MS;
    const waitMs = waits[kept.attempts];
    return callFailed(tx, kept.id, {
      error: scrub(error.message),
      nextTryAt: waitMs === undefined ? undefined : new Date(now.getTime() + waitMs),
      surelyNotSent: isRefusal(error),
    });
  });
  if (error === undefined) pass("call.recorded", kept.key);
  else parts.onError(error, `calling by ${path.name}`);
}

async function tryOnce(
  path: CallPath,
  attempt: CallAttempt,
  address: string,
  now: Date,
  signal: AbortSignal,
): Promise<Error | undefined> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(TRY_TAKES_AT_MOST_MS)]);
  return path.send(attempt, address, now, deadline).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
}

type Destination = {
  readonly path: CallPath;
  readonly address: string;
  readonly key: string;
};

function destinations(
  paths: readonly CallPath[],
  { once, people }: Pick<WantedCall, "once" | "people">,
): readonly Destination[] {
  return paths.flatMap((path) =>
    path
      .addressesOf(people)
      .map((address) => ({ path, address, key: `${once}:${path.name}:${address}` })),
  );
}

/** No secret, no line break and no end in sight may stand on a locked screen. */
function described(wanted: WantedCall, scrubText: (text: string) => string) {
  const { about, kind, target, severity, what, people } = wanted;
  const title = shortened(visibleText(scrubText(what)), TITLE_LIMIT);
  return { about, kind, target, severity, what: title, people: people.map(({ name }) => name) };
}

/** The same for the stored and for the direct call: whoever gets both can tell that they are one. */
function callId(key: string): string {
  return `call-${createHash("sha256").update(key).digest("hex").slice(0, 24)}`;
}

/** A refusal is a certain answer; anything else may have come through. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof SystemError &&
    ["rejected", "unauthorized", "rate-limited"].includes(error.kind)
  );
}
