import { lookup } from "node:dns";
import { BlockList, isIP } from "node:net";
import type { LookupFunction } from "node:net";
import { pipeline } from "node:stream";
import type { Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";

import { Agent, request } from "undici";

import { formatDuration } from "../core/duration.ts";
import { createScrubber } from "../core/redaction.ts";
import { Secret } from "../core/secret.ts";
import { isTimeout } from "./deadline.ts";
import { SystemError, codeOf, safeCause } from "./system-error.ts";
import type { SystemErrorKind } from "./system-error.ts";

export type HttpRequest = {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string | Secret>>;
  readonly body?: string;
  readonly maximumBytes?: number;
};

export type HttpAnswer = {
  readonly status: number;
  /** By small-letter name; repeated headers are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyText: string;
  /** The body was larger than allowed and was not read to its end. */
  readonly truncated: boolean;
  /** From the first step to the last byte read, name resolution and handshakes included. */
  readonly durationMs: number;
};

export type HttpApi = {
  /** One request over a connection of its own. Redirects are an answer like any other and are not followed. */
  request(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
  close(): Promise<void>;
};

const MAXIMUM_BYTES = 1024 * 1024;
// Backstops for a caller whose signal comes late; they tick in steps of up to a second, so the signal is the deadline.
const CONNECT_TIMEOUT_MS = 15_000;
const ANSWER_TIMEOUT_MS = 60_000;

export function createHttpApi(): HttpApi {
  const agent = new Agent({
    connect: { timeout: CONNECT_TIMEOUT_MS, lookup: guardedLookup },
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: ANSWER_TIMEOUT_MS,
    // A connection that is kept may be dead by the next look, and would then say something about the past.
    pipelining: 0,
  });
  return {
    request: async (wanted, signal) => ask(agent, wanted, signal),
    close: async () => agent.destroy(),
  };
}

async function ask(agent: Agent, wanted: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  signal.throwIfAborted();
  const startedAt = performance.now();
  try {
    const url = new URL(wanted.url);
    refuseLinkLocal(url.hostname.replace(/^\[|\]$/g, ""));
    const answer = await request(url, {
      dispatcher: agent,
      method: wanted.method,
      headers: { "accept-encoding": "identity", ...revealed(wanted.headers) },
      body: wanted.body ?? null,
      signal,
    });
    const headers = joined(answer.headers);
    const maximumBytes = wanted.maximumBytes ?? MAXIMUM_BYTES;
    const body = await readBody(answer.body, headers["content-encoding"], maximumBytes);
    const durationMs = performance.now() - startedAt;
    return { status: answer.statusCode, headers, ...body, durationMs };
  } catch (error) {
    if (signal.aborted && !isTimeout(signal)) throw signal.reason;
    const waitedMs = performance.now() - startedAt;
    throw httpError(wanted, error, signal.aborted ? waitedMs : undefined);
  }
}

function revealed(headers: HttpRequest["headers"] = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      value instanceof Secret ? value.reveal() : value,
    ]),
  );
}

function joined(headers: Readonly<Record<string, string | string[] | undefined>>) {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]),
  );
}

async function readBody(
  body: Readable,
  encoding: string | undefined,
  maximumBytes: number,
): Promise<{ readonly bodyText: string; readonly truncated: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  const plain = decoded(body, encoding);
  try {
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      chunks.push(chunk.subarray(0, maximumBytes - size));
      size += chunk.length;
      // What is counted is what comes out of the decoder, so a small bomb is as large as it unfolds.
      if (size > maximumBytes) break;
    }
  } finally {
    plain.destroy();
    body.destroy();
  }
  return { bodyText: Buffer.concat(chunks).toString("utf8"), truncated: size > maximumBytes };
}

/** We ask for no encoding; some servers send one all the same. */
function decoded(body: Readable, encoding: string | undefined): Readable {
  const decoder = decoderOf(encoding?.trim().toLowerCase());
  // Whoever reads the end of a pipeline meets its errors there.
  return decoder === undefined ? body : pipeline(body, decoder, () => {});
}

function decoderOf(encoding: string | undefined) {
  if (encoding === "gzip" || encoding === "x-gzip") return createGunzip();
  if (encoding === "deflate") return createInflate();
  return encoding === "br" ? createBrotliDecompress() : undefined;
}

// Link-local addresses hold the metadata of clouds, credentials among it; nothing that is operated lives there.
const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet("169.254.0.0", 16, "ipv4");
LINK_LOCAL.addSubnet("fe80::", 10, "ipv6");

function refuseLinkLocal(address: string): void {
  const family = isIP(address);
  if (family !== 0 && LINK_LOCAL.check(address, family === 6 ? "ipv6" : "ipv4")) {
    throw Object.assign(new Error(`${address} is a link-local address`), { code: "LINK_LOCAL" });
  }
}

/** Judges the very addresses that are connected to, so a name that resolves anew cannot get around it. */
const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, "");
    try {
      for (const { address } of addresses) refuseLinkLocal(address);
    } catch (refusal) {
      return callback(refusal as Error, "");
    }
    const [first] = addresses;
    return options.all
      ? callback(null, addresses)
      : callback(null, first?.address ?? "", first?.family);
  });
};

function httpError(wanted: HttpRequest, error: unknown, waitedMs: number | undefined): SystemError {
  const scrub = createScrubber(
    Object.values(wanted.headers ?? {}).filter((value) => value instanceof Secret),
  );
  const cause = safeCause(error, scrub);
  const code = codeOf(error);
  const { kind, reason } =
    waitedMs === undefined
      ? verdictOn(code, cause)
      : { kind: "timeout" as const, reason: `no answer within ${formatDuration(waitedMs)}` };
  const url = URL.parse(wanted.url);
  // A query or a user may hold credentials; method, host and path say enough.
  const place = url === null ? "an address that is none" : scrub(`${url.origin}${url.pathname}`);
  return new SystemError("http", kind, `${wanted.method} ${place}: ${reason}`, { cause, code });
}

type Verdict = { readonly kind: SystemErrorKind; readonly reason: string };

const VERDICTS: Readonly<Record<string, Verdict>> = {
  ENOTFOUND: { kind: "unreachable", reason: "the name of the host cannot be resolved" },
  EAI_AGAIN: { kind: "unreachable", reason: "the name of the host cannot be resolved now" },
  ECONNREFUSED: { kind: "unreachable", reason: "connection refused" },
  ECONNRESET: { kind: "unreachable", reason: "the connection was cut" },
  EPIPE: { kind: "unreachable", reason: "the connection was cut" },
  UND_ERR_SOCKET: { kind: "unreachable", reason: "the connection was cut" },
  EHOSTUNREACH: { kind: "unreachable", reason: "no route to the host" },
  ENETUNREACH: { kind: "unreachable", reason: "no route to the network" },
  ETIMEDOUT: { kind: "timeout", reason: "no connection in time" },
  UND_ERR_CONNECT_TIMEOUT: { kind: "timeout", reason: "no connection in time" },
  UND_ERR_HEADERS_TIMEOUT: { kind: "timeout", reason: "no answer in time" },
  UND_ERR_BODY_TIMEOUT: { kind: "timeout", reason: "the answer stopped in the middle" },
  UND_ERR_HEADERS_OVERFLOW: {
    kind: "malformed",
    reason: "the headers of the answer are too large",
  },
  LINK_LOCAL: { kind: "rejected", reason: "a link-local address is never asked" },
};

function verdictOn(code: string | undefined, cause: Error): Verdict {
  const known = code === undefined ? undefined : VERDICTS[code];
  if (known !== undefined) return known;
  if (cause.name === "HTTPParserError") {
    return cause.message.includes("EOF")
      ? { kind: "unreachable", reason: "the connection was cut" }
      : { kind: "malformed", reason: "the answer is not HTTP" };
  }
  if (code?.startsWith("Z_") || code?.startsWith("ERR__ERROR_FORMAT")) {
    return { kind: "malformed", reason: "the answer cannot be unpacked" };
  }
  if (/CERT|SSL|TLS|EPROTO|SIGNATURE|ISSUER/.test(code ?? "")) {
    return { kind: "unreachable", reason: `no trusted TLS connection (${code})` };
  }
  if (code?.startsWith("UND_ERR_INVALID") || code === "ERR_INVALID_URL") {
    return { kind: "rejected", reason: `the request cannot be formed: ${cause.message}` };
  }
  return { kind: "unreachable", reason: cause.message };
}
