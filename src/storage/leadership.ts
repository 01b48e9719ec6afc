import { Client } from "pg";
import { z } from "zod";

import type { Secret } from "../core/secret.ts";
import { pause } from "../core/waiting.ts";
import { postgresOptions } from "../systems/postgres.ts";
import type { Transaction } from "./database.ts";

/** An arbitrary constant that names the lock; every process of one database must use the same. */
const LOCK = 70_171_313;
const RETRY_MS = 1_000;
const ANSWER_WITHIN_MS = 5_000;
const BEATS_PER_LEASE = 3;

/** What a leader does for as long as it leads: runs until the signal and lets go of everything before it returns. */
type Duties = (
  signal: AbortSignal,
  notified: (channel: string, listener: () => void) => void,
) => Promise<void>;

export type LeadershipOptions = {
  readonly url: Secret;
  readonly channels: readonly string[];
  /** How long a leader that gives no sign of life keeps the lock. */
  readonly leaseMs: number;
  readonly duties: Duties;
  /** What the last leader goes on doing while the database cannot be reached at all, until the signal. */
  readonly alone: (signal: AbortSignal) => Promise<void>;
  readonly onChange: (leads: boolean, error?: unknown) => void;
};

/**
 * Competes for the one leadership of a database until disposed: a session advisory lock on a connection of its own.
 * When that connection is lost the duties stop before anything else is tried.
 */
export function startLeadership(options: LeadershipOptions): AsyncDisposable {
  const stopping = new AbortController();
  const competing = compete(options, stopping.signal);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await competing;
    },
  };
}

async function compete(options: LeadershipOptions, signal: AbortSignal): Promise<void> {
  const solitude = createSolitude(options);
  while (!signal.aborted) {
    await leadOnce(options, solitude, signal).catch((error: unknown) => {
      solitude.begin(signal);
      options.onChange(false, error);
    });
    await pause(RETRY_MS, signal);
  }
  await solitude.end();
}

/** The time in which a leader has lost its database, and nobody else can have it either as far as he can see. */
type Solitude = {
  /** This process leads: it is the one that has to go on alone. */
  lead(): void;
  /** Nothing could be reached. */
  begin(signal: AbortSignal): void;
  /** The database answers, whoever leads now. */
  end(): Promise<void>;
};

function createSolitude({ alone, onChange }: LeadershipOptions): Solitude {
  let wasLeader = false;
  let isReached = false;
  let running: { readonly stop: AbortController; readonly done: Promise<void> } | undefined;
  return {
    lead() {
      wasLeader = true;
    },
    begin(signal) {
      // The attempt that lost a connection had one; only the next tells whether the database is away.
      const isAway = !isReached;
      isReached = false;
      if (!wasLeader || !isAway || running || signal.aborted) return;
      const stop = new AbortController();
      const done = alone(AbortSignal.any([signal, stop.signal])).catch((error: unknown) =>
        onChange(false, error),
      );
      running = { stop, done };
    },
    async end() {
      isReached = true;
      wasLeader = false;
      const ending = running;
      running = undefined;
      ending?.stop.abort();
      await ending?.done;
    },
  };
}

async function leadOnce(
  options: LeadershipOptions,
  solitude: Solitude,
  signal: AbortSignal,
): Promise<void> {
  const client = new Client({
    ...postgresOptions(options.url),
    connectionTimeoutMillis: ANSWER_WITHIN_MS,
    query_timeout: ANSWER_WITHIN_MS,
    keepAlive: true,
  });
  const lost = new AbortController();
  client.on("error", (error) => lost.abort(error));
  client.on("end", () => lost.abort());
  const listeners: { readonly channel: string; readonly listener: () => void }[] = [];
  client.on("notification", ({ channel }) => {
    for (const one of listeners) if (one.channel === channel) one.listener();
  });
  try {
    await client.connect();
    await solitude.end();
    if (!(await takeLock(client, options.leaseMs, signal))) return;
    solitude.lead();
    for (const channel of options.channels) await client.query(`listen ${channel}`);
    options.onChange(true);
    const leading = AbortSignal.any([signal, lost.signal]);
    const heartbeat = keepAlive(client, options.leaseMs / BEATS_PER_LEASE, lost, leading);
    try {
      await options.duties(
        leading,
        (channel, listener) => void listeners.push({ channel, listener }),
      );
    } finally {
      // A duty that failed must not leave the others at work without the lock.
      lost.abort();
      await heartbeat;
    }
    options.onChange(false);
  } finally {
    await client.end().catch(() => {});
  }
}

async function takeLock(client: Client, leaseMs: number, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const { rows } = await client.query<{ taken: boolean }>(
      `select pg_try_advisory_lock($1) as taken`,
      [LOCK],
    );
    if (rows[0]?.taken === true) return true;
    await endSilentLeader(client, leaseMs);
    await pause(RETRY_MS, signal);
  }
  return false;
}

/**
 * A leader that was paused keeps its connection, and so the lock, for as long as the pause lasts. One whose session has
 * not said a word for a whole lease loses it; when it wakes up it finds its connection gone and stops.
 */
async function endSilentLeader(client: Client, leaseMs: number): Promise<void> {
  await client.query(
    `select pg_terminate_backend(l.pid)
     from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted and l.objsubid = 1
       and (l.classid::bigint << 32) + l.objid::bigint = $1
       and l.database = (select oid from pg_database where datname = current_database())
       and a.state_change < clock_timestamp() - $2 * interval '1 millisecond'`,
    [LOCK, leaseMs],
  );
}

/** Whether some process leads at the moment. */
export async function hasLeader(tx: Transaction): Promise<boolean> {
  const rows = await tx.rows(
    z.object({ pid: z.number() }),
    `select pid from pg_locks
     where locktype = 'advisory' and granted and objsubid = 1 and (classid::bigint << 32) + objid::bigint = $1
       and database = (select oid from pg_database where datname = current_database())`,
    [LOCK],
  );
  return rows.length > 0;
}

/** A connection can die without a word; a leader that only thinks it leads must notice. */
async function keepAlive(
  client: Client,
  everyMs: number,
  lost: AbortController,
  leading: AbortSignal,
): Promise<void> {
  while (!leading.aborted) {
    await pause(everyMs, leading);
    if (leading.aborted) return;
    await client.query("select 1").catch((error: unknown) => lost.abort(error));
  }
}
