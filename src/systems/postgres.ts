import { Socket } from "node:net";

import { Client } from "pg";
import type { ClientConfig, QueryConfig } from "pg";

import { formatDuration } from "../core/duration.ts";
import { createScrubber } from "../core/redaction.ts";
import type { Secret } from "../core/secret.ts";
import { isTimeout } from "./deadline.ts";
import { SystemError, codeOf, safeCause } from "./system-error.ts";
import type { SystemErrorKind } from "./system-error.ts";

type PostgresQuery = {
  readonly url: Secret;
  /** One statement that reads. */
  readonly sql: string;
  readonly values?: readonly unknown[];
};

export type Postgres = {
  /** The rows of one statement, over a connection of its own so that nothing stale can answer. */
  query(query: PostgresQuery, signal: AbortSignal): Promise<readonly unknown[]>;
};

// Backstops for a caller whose signal comes late; the signal is the deadline.
const CONNECT_TIMEOUT_MS = 15_000;
const STATEMENT_TIMEOUT_MS = 15_000;

export function createPostgres(): Postgres {
  return { query: queryOnce };
}

async function queryOnce(
  { url, sql, values = [] }: PostgresQuery,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  return throughPostgres(url, "query", signal, async (client) => {
    // The role should be allowed to read only; the transaction is the second belt. Its settings travel as SQL because
    // poolers such as PgBouncer refuse them at the start of a session.
    await client.query(
      `begin transaction read only; set local statement_timeout = ${STATEMENT_TIMEOUT_MS}`,
    );
    const { rows } = await client.query<Record<string, unknown>>(
      // The extended protocol takes a single statement, so no value and no typing error can smuggle in a second.
      { text: sql, values: [...values], queryMode: "extended" } as QueryConfig,
    );
    await client.query("rollback");
    return rows;
  });
}

/** Works over a connection of its own, which ends with the work; every failure of it is one of the system. */
export async function throughPostgres<Result>(
  url: Secret,
  verb: string,
  signal: AbortSignal,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const startedAt = performance.now();
  const socket = new Socket();
  const client = createClient(url, socket);
  // What befalls the connection rejects the query too; an error event that nobody hears would be fatal.
  client.on("error", () => {});
  // A frozen server reads no farewell, so only the socket's end frees us in time.
  const hangUp = (): void => void socket.destroy();
  signal.addEventListener("abort", hangUp, { once: true });
  try {
    await client.connect();
    const result = await work(client);
    await client.end();
    return result;
  } catch (error) {
    const place = `PostgreSQL at ${client.host}:${client.port}`;
    if (!signal.aborted) throw postgresError("postgres", `${verb} ${place}`, error, url);
    if (!isTimeout(signal)) throw signal.reason;
    const waited = formatDuration(performance.now() - startedAt);
    throw new SystemError("postgres", "timeout", `${place} did not answer within ${waited}`, {
      cause: safeCause(error, createScrubber([url])),
    });
  } finally {
    signal.removeEventListener("abort", hangUp);
    socket.destroy();
  }
}

function createClient(url: Secret, socket: Socket): Client {
  const options = postgresOptions(url);
  try {
    return new Client({
      ...options,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      stream: () => socket,
    });
  } catch (error) {
    // The URL may name files, such as sslrootcert, which are read here.
    const cause = safeCause(error, createScrubber([url]));
    const message = `the database URL cannot be used: ${cause.message}`;
    throw new SystemError("postgres", "rejected", message, { cause, code: codeOf(error) });
  }
}

/** The options that every connection to a PostgreSQL shares. */
export function postgresOptions(url: Secret): ClientConfig {
  const revealed = url.reveal();
  const problem = postgresUrlProblem(revealed);
  if (problem !== undefined) throw new SystemError("postgres", "rejected", problem);
  return {
    // SQLAlchemy names its driver in the scheme; to everybody else it is the same address.
    connectionString: revealed.replace(/^postgres(?:ql)?(?:\+\w+)?:/, "postgresql:"),
    application_name: "flightdeck",
    keepAlive: true,
  };
}

/** What is wrong with the form of a database URL, if anything; quotes none of it. */
export function postgresUrlProblem(url: string): string | undefined {
  if (!/^postgres(?:ql)?(?:\+\w{1,32})?:\/\//.test(url)) {
    return "expected an address such as postgresql://user:password@host:5432/database";
  }
  // An @ behind the host means that a / ? or # of the password has ended the host early.
  if (/^[^:]+:\/\/[^/?#]*[/?#][^?]*@/.test(url)) {
    return "a special character of the password is not encoded; expected %2F for /, %3F for ?, %23 for #";
  }
  // The host may be missing, as it is in the address of a socket.
  if (!URL.canParse(url.replace("@/", "@socket/"))) return "expected a valid port and host";
  const sslMode = /[?&]sslmode=([^&]*)/.exec(url)?.[1];
  // What the modes between mean changes from one version of the client to the next.
  if (sslMode !== undefined && sslMode !== "disable" && sslMode !== "verify-full") {
    return "expected sslmode=verify-full or sslmode=disable";
  }
  return undefined;
}

/** A client's error as ours. `attempt` is a verb and its object: `read the head of the log`. */
export function postgresError(
  system: string,
  attempt: string,
  error: unknown,
  url?: Secret,
): SystemError {
  if (error instanceof SystemError) return error;
  const scrub = createScrubber(url === undefined ? [] : [url]);
  const code = codeOf(error);
  const cause = safeCause(error, scrub);
  return new SystemError(
    system,
    kindOf(code, cause.message),
    `cannot ${attempt}: ${reasonOf(code, cause)}`,
    {
      cause,
      code,
    },
  );
}

const KINDS: Readonly<Record<string, SystemErrorKind>> = {
  "28P01": "unauthorized",
  "28000": "unauthorized",
  "42501": "unauthorized",
  "53300": "rate-limited",
  "57014": "timeout",
  "55P03": "timeout",
  "57P01": "unreachable",
  "57P02": "unreachable",
  "57P03": "unreachable",
  ETIMEDOUT: "timeout",
};

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the server closed the connection",
  ENOTFOUND: "the name of the host cannot be resolved",
  EAI_AGAIN: "the name of the host cannot be resolved now",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "no route to the network",
  ENOENT: "the server's socket does not exist",
  ETIMEDOUT: "no connection in time",
};

function kindOf(code: string | undefined, message: string): SystemErrorKind {
  if (code === undefined) {
    // The client gives its own troubles no code.
    if (/timeout/i.test(message)) return "timeout";
    return /connection|ssl/i.test(message) ? "unreachable" : "malformed";
  }
  if (KINDS[code] !== undefined) return KINDS[code];
  // Five characters are an SQLSTATE, and class 08 is the connection; everything else is the network.
  if (/^[0-9A-Z]{5}$/.test(code)) return code.startsWith("08") ? "unreachable" : "rejected";
  return "unreachable";
}

function reasonOf(code: string | undefined, cause: Error): string {
  return (code === undefined ? undefined : REASONS[code]) ?? cause.message;
}
