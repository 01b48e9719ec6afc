import { pause, untilAborted } from "../../core/waiting.ts";
import type { Database } from "../../storage/database.ts";
import { noteHeartbeat } from "../../storage/heartbeat.ts";
import { readLogs, targetsNotLookedAt } from "../../storage/readings.ts";

/** Something without which Flightdeck would only seem to work. What is thrown says what is missing. */
export type Proof = {
  readonly name: string;
  prove(signal: AbortSignal): Promise<void>;
};

export type HeartbeatParts = {
  readonly everyMs: number;
  readonly proofs: readonly Proof[];
  readonly ping: (signal: AbortSignal) => Promise<void>;
  readonly onError: (error: unknown, during: string) => void;
};

const PROOF_TAKES_AT_MOST_MS = 10_000;
const PING_TAKES_AT_MOST_MS = 10_000;

/**
 * Gives a sign of life to the outside after a full loop has proved itself, until the signal. When anything is missing
 * there is none: silence is the one alarm that no error of ours can swallow, and how long it may last is for the other
 * side to judge.
 */
export async function keepHeartbeat(parts: HeartbeatParts, signal: AbortSignal): Promise<void> {
  let tookMs = 0;
  while (!signal.aborted) {
    // Whoever has just begun has proved nothing yet.
    await pause(Math.max(0, parts.everyMs - tookMs), signal);
    if (signal.aborted) return;
    const startedAt = performance.now();
    await beat(parts, signal);
    tookMs = performance.now() - startedAt;
  }
}

async function beat(parts: HeartbeatParts, signal: AbortSignal): Promise<void> {
  const deadline = within(PROOF_TAKES_AT_MOST_MS, signal);
  const proved = await Promise.all(
    parts.proofs.map(async ({ name, prove }) =>
      untilAborted(prove(deadline), deadline).then(
        () => true,
        (error: unknown) => {
          if (!signal.aborted) parts.onError(error, `proving for the heartbeat: ${name}`);
          return false;
        },
      ),
    ),
  );
  if (signal.aborted || proved.includes(false)) return;
  await parts.ping(within(PING_TAKES_AT_MOST_MS, signal)).catch((error: unknown) => {
    if (!signal.aborted) parts.onError(error, "giving a sign of life");
  });
}

function within(limitMs: number, signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
}

/** How far the file of a log may be behind before it is trouble. */
const FILE_MAY_LAG_MS = 60_000;
const LOOKS_MAY_LAG_MS = 3 * 60_000;

export type ProofParts = {
  readonly database: Database;
  readonly instance: string;
  /** Asks Redis something. */
  readonly askRedis: () => Promise<unknown>;
  /** Resolves when Telegram answered us, now or a moment ago. */
  readonly askTelegram: (signal: AbortSignal) => Promise<void>;
  /** What the watch looks at; none when it is switched off. */
  readonly watched: readonly {
    readonly target: string;
    readonly checks: readonly { readonly everyMs: number }[];
  }[];
};

/** What has to be true before anybody is told that all is well. */
export function fullLoop(parts: ProofParts): readonly Proof[] {
  const { database, instance, askRedis, askTelegram, watched } = parts;
  return [
    {
      name: "PostgreSQL takes a write",
      prove: async () => database.transaction(async (tx, now) => noteHeartbeat(tx, now, instance)),
    },
    {
      name: "Redis answers",
      prove: async () => {
        await askRedis();
      },
    },
    { name: "Telegram answers", prove: askTelegram },
    {
      name: "the evidence log's file keeps up",
      prove: async () => {
        const late = await database.transaction(async (tx, now) =>
          (await readLogs(tx)).filter(
            ({ trouble, behindSince }) =>
              trouble !== undefined || lagMs(behindSince, now) > FILE_MAY_LAG_MS,
          ),
        );
        if (late.length === 0) return;
        const names = late.map(({ log, trouble }) => `${log} (${trouble ?? "behind"})`).join(", ");
        throw new Error(`The file of the evidence log does not keep up: ${names}.`);
      },
    },
    {
      name: "the watch looks",
      prove: async () => {
        const unwatched = await database.transaction(async (tx, now) => {
          const late: string[] = [];
          for (const { target, checks } of watched) {
            // A target is looked at as often as its most frequent check.
            const everyMs = Math.min(...checks.map((check) => check.everyMs));
            const since = new Date(now.getTime() - Math.max(LOOKS_MAY_LAG_MS, 2 * everyMs));
            late.push(...(await targetsNotLookedAt(tx, [target], since)));
          }
          return late;
        });
        if (unwatched.length === 0) return;
        throw new Error(`The watch does not look at ${unwatched.join(", ")}.`);
      },
    },
  ];
}

function lagMs(since: Date | undefined, now: Date): number {
  return since === undefined ? 0 : now.getTime() - since.getTime();
}
