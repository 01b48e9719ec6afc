import { Redis as Client } from "ioredis";
import type { RedisOptions } from "ioredis";

import { formatDuration } from "../core/duration.ts";
import { createScrubber } from "../core/redaction.ts";
import type { Secret } from "../core/secret.ts";
import { untilAborted } from "../core/waiting.ts";
import { isTimeout } from "./deadline.ts";
import { SystemError, codeOf, safeCause } from "./system-error.ts";
import type { SystemErrorKind } from "./system-error.ts";

/** Commands that only look; they need no more than `+@read +ping +info` from an ACL. */
export type RedisRead = readonly [
  name: "ping" | "info" | "type" | "llen" | "lindex" | "lrange" | "zcard" | "hexists" | "exists",
  ...values: (string | number)[],
];

/** What one command said. A refusal of one, such as WRONGTYPE, says something about the data and spoils no other. */
export type RedisReply =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: string };

export type Redis = {
  /** The replies of all commands, asked in one pipeline over a connection of its own. */
  read(
    request: { readonly url: Secret; readonly commands: readonly RedisRead[] },
    signal: AbortSignal,
  ): Promise<readonly RedisReply[]>;
};

// Backstops for a caller whose signal comes late; the signal is the deadline.
const CONNECT_TIMEOUT_MS = 15_000;
const COMMAND_TIMEOUT_MS = 15_000;

export function createRedis(): Redis {
  return {
    read: async ({ url, commands }, signal) =>
      throughRedis(url, "read", signal, async (client) => ask(client, commands)),
  };
}

/** Works over a connection of its own, which ends with the work; every failure of it is one of the system. */
export async function throughRedis<Result>(
  url: Secret,
  verb: string,
  signal: AbortSignal,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const startedAt = performance.now();
  const client = new Client(redisAddress(url), PROBE_OPTIONS);
  // The promise of connect() only says that the connection is closed; why, this event alone knows.
  let lastError: unknown;
  client.on("error", (error) => (lastError = error));
  const connected = async (): Promise<Result> => {
    await client.connect();
    return work(client);
  };
  try {
    return await untilAborted(connected(), signal);
  } catch (error) {
    const place = placeOf(client.options);
    if (!signal.aborted) throw redisError(`${verb} ${place}`, lastError ?? error, url);
    if (!isTimeout(signal)) throw signal.reason;
    const waited = formatDuration(performance.now() - startedAt);
    throw new SystemError("redis", "timeout", `${place} did not answer within ${waited}`, {
      cause: safeCause(lastError ?? error, createScrubber([url])),
    });
  } finally {
    client.disconnect();
  }
}

async function ask(client: Client, commands: readonly RedisRead[]): Promise<RedisReply[]> {
  const replies = await client.pipeline(commands.map((command) => [...command])).exec();
  return (replies ?? []).map(([error, value]) => {
    if (error === null) return { ok: true, value };
    const code = redisCode(error);
    // Only the data itself may refuse a single command; everything else concerns the whole look.
    if (code !== "WRONGTYPE") throw error;
    return { ok: false, code };
  });
}

/** One attempt, nothing queued, nothing repeated: a probe must fail where a worker would be patient. */
const PROBE_OPTIONS = {
  lazyConnect: true,
  retryStrategy: () => null,
  maxRetriesPerRequest: 0,
  enableReadyCheck: false,
  enableOfflineQueue: false,
  connectTimeout: CONNECT_TIMEOUT_MS,
  commandTimeout: COMMAND_TIMEOUT_MS,
  // By default the client waits 2 s for a hung server to say goodbye.
  disconnectTimeout: 50,
  disableClientInfo: true,
} satisfies RedisOptions;

/** What is wrong with the form of a Redis URL, if anything; quotes none of it. */
export function redisUrlProblem(url: string): string | undefined {
  const isUrl = /^rediss?:\/\//.test(url) && URL.canParse(url);
  const isSocket = url.startsWith("/");
  return isUrl || isSocket
    ? undefined
    : "expected an address such as redis://:password@host:6379/0";
}

function redisAddress(url: Secret): string {
  const problem = redisUrlProblem(url.reveal());
  if (problem !== undefined) throw new SystemError("redis", "rejected", problem);
  return url.reveal();
}

function placeOf(options: RedisOptions): string {
  return `Redis at ${options.path ?? `${options.host}:${options.port}`}`;
}

/** A client's error as ours. `attempt` is a verb and its object. */
function redisError(attempt: string, error: unknown, url?: Secret): SystemError {
  if (error instanceof SystemError) return error;
  const cause = safeCause(error, createScrubber(url === undefined ? [] : [url]));
  const code = redisCode(error);
  const { kind, reason } = verdictOn(code, cause);
  return new SystemError("redis", kind, `cannot ${attempt}: ${reason}`, { cause, code });
}

/** Redis spells its codes as the first word of the message. */
function redisCode(error: unknown): string | undefined {
  const word = error instanceof Error ? /^[A-Z]{3,}(?= )/.exec(error.message)?.[0] : undefined;
  return codeOf(error) ?? word;
}

type Verdict = { readonly kind: SystemErrorKind; readonly reason: string };

function verdictOn(code: string | undefined, { name, message }: Error): Verdict {
  const known = code === undefined ? undefined : VERDICTS[code];
  if (known !== undefined) return known;
  if (name === "ParserError") return { kind: "malformed", reason: "the answer is not of Redis" };
  return { kind: /timed out/i.test(message) ? "timeout" : "unreachable", reason: message };
}

const VERDICTS: Readonly<Record<string, Verdict>> = {
  NOAUTH: { kind: "unauthorized", reason: "it demands a password" },
  WRONGPASS: { kind: "unauthorized", reason: "it refuses the user or the password" },
  NOPERM: { kind: "unauthorized", reason: "the user may not run this command" },
  LOADING: { kind: "unreachable", reason: "it is still loading its data" },
  OOM: { kind: "rejected", reason: "its memory is full, and it refuses to write" },
  WRONGTYPE: { kind: "malformed", reason: "a key holds something else than expected" },
  BUSY: { kind: "unreachable", reason: "it is busy with a script" },
  ECONNREFUSED: { kind: "unreachable", reason: "connection refused" },
  ECONNRESET: { kind: "unreachable", reason: "the connection was cut" },
  ENOTFOUND: { kind: "unreachable", reason: "the name of the host cannot be resolved" },
  EAI_AGAIN: { kind: "unreachable", reason: "the name of the host cannot be resolved now" },
  ENOENT: { kind: "unreachable", reason: "the server's socket does not exist" },
  ETIMEDOUT: { kind: "timeout", reason: "no connection in time" },
};
