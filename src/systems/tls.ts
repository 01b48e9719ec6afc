import { isIP } from "node:net";
import { connect } from "node:tls";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";

import { isTimeout } from "./deadline.ts";
import { SystemError, codeOf, safeCause } from "./system-error.ts";
import type { SystemErrorKind } from "./system-error.ts";

export type TlsAddress = {
  readonly host: string;
  readonly port: number;
  /** Certificates in PEM of an authority of one's own, trusted instead of the public ones. */
  readonly authority?: string | undefined;
};

/** What a server shows to everybody who connects. */
export type ServedCertificate = {
  readonly subject: string;
  readonly issuer: string;
  /** The earliest end in the chain: one expired link is enough to break it. */
  readonly validTo: Date;
  /** Why a client that checks would hang up, such as `CERT_HAS_EXPIRED`. */
  readonly refusedFor: string | undefined;
};

export type Tls = {
  /** One handshake, whatever the certificate is worth; nothing is sent and nothing is read. */
  certificate(address: TlsAddress, signal: AbortSignal): Promise<ServedCertificate>;
};

// A backstop for a caller whose signal comes late; the signal is the deadline.
const HANDSHAKE_TIMEOUT_MS = 15_000;

export function createTls(): Tls {
  return { certificate: handshake };
}

async function handshake(address: TlsAddress, signal: AbortSignal): Promise<ServedCertificate> {
  signal.throwIfAborted();
  const { host, port, authority } = address;
  const place = `TLS with ${host}:${port}`;
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(HANDSHAKE_TIMEOUT_MS)]);
  const socket = connect({
    host,
    port,
    // An IP address may not be sent as a server name; the certificate is compared with it all the same.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(authority === undefined ? {} : { ca: authority }),
    // The handshake has to succeed with a bad certificate too: what is wrong with it is the question.
    rejectUnauthorized: false,
  });
  try {
    await secured(socket, deadline);
    return described(socket);
  } catch (error) {
    if (signal.aborted && !isTimeout(signal)) throw signal.reason;
    if (deadline.aborted) {
      throw new SystemError("tls", "timeout", `${place}: no handshake in time`, {
        cause: safeCause(error),
      });
    }
    const code = codeOf(error);
    const { kind, reason } = verdictOn(code, error);
    throw new SystemError("tls", kind, `${place}: ${reason}`, { cause: safeCause(error), code });
  } finally {
    socket.destroy();
  }
}

async function secured(socket: TLSSocket, deadline: AbortSignal): Promise<void> {
  const done = Promise.withResolvers<void>();
  const hangUp = (): void => void socket.destroy(deadline.reason as Error);
  deadline.addEventListener("abort", hangUp, { once: true });
  socket.once("secureConnect", () => done.resolve());
  socket.once("error", (error) => done.reject(error));
  socket.once("close", () => done.reject(new Error("the connection was cut")));
  try {
    await done.promise;
  } finally {
    deadline.removeEventListener("abort", hangUp);
    // What happens after the handshake says nothing any more, and an unheard event would be fatal.
    socket.on("error", () => {});
  }
}

function described(socket: TLSSocket): ServedCertificate {
  const chain = chainOf(socket.getPeerCertificate(true));
  const [served] = chain;
  if (served === undefined) {
    throw new SystemError("tls", "malformed", "the server showed no certificate");
  }
  return {
    subject: nameIn(served.subject),
    issuer: nameIn(served.issuer),
    validTo: new Date(Math.min(...chain.map(({ valid_to }) => Date.parse(valid_to)))),
    // Typed as an error, and a code in truth.
    refusedFor: socket.authorized ? undefined : String(socket.authorizationError),
  };
}

/** From the server's own certificate towards the root; a root signs itself. */
function chainOf(first: DetailedPeerCertificate): readonly DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  let next: DetailedPeerCertificate | undefined = first;
  while (next?.valid_to !== undefined && !chain.includes(next)) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

function nameIn(names: DetailedPeerCertificate["subject"]): string {
  const name: string | string[] | undefined = names.CN ?? names.O;
  return [name ?? "no name"].flat().join(", ");
}

type Verdict = { readonly kind: SystemErrorKind; readonly reason: string };

const VERDICTS: Readonly<Record<string, Verdict>> = {
  ECONNREFUSED: { kind: "unreachable", reason: "connection refused" },
  ECONNRESET: { kind: "unreachable", reason: "the connection was cut" },
  ENOTFOUND: { kind: "unreachable", reason: "the name of the host cannot be resolved" },
  EAI_AGAIN: { kind: "unreachable", reason: "the name of the host cannot be resolved now" },
  EHOSTUNREACH: { kind: "unreachable", reason: "no route to the host" },
  ENETUNREACH: { kind: "unreachable", reason: "no route to the network" },
  ETIMEDOUT: { kind: "timeout", reason: "no connection in time" },
};

function verdictOn(code: string | undefined, error: unknown): Verdict {
  const known = code === undefined ? undefined : VERDICTS[code];
  if (known !== undefined) return known;
  if (code?.startsWith("ERR_SSL") === true || code === "EPROTO") {
    return { kind: "malformed", reason: `no TLS is spoken there (${code})` };
  }
  return { kind: "unreachable", reason: safeCause(error).message };
}
