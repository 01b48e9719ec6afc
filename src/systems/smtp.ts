import { createTransport } from "nodemailer";

import { createScrubber } from "../core/redaction.ts";
import { isTimeout } from "./deadline.ts";
import type { SmtpSettings } from "./second-path-settings.ts";
import { SystemError, codeOf, safeCause, type SystemErrorKind } from "./system-error.ts";

type Mail = {
  /** The same for every attempt; what shows a mail twice can tell by it. */
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
};

export type Smtp = {
  /** Resolves when the server has taken the mail. */
  send(mail: Mail, signal: AbortSignal): Promise<void>;
};

// Backstops for a caller whose signal comes late; the signal is the deadline.
const CONNECT_TIMEOUT_MS = 15_000;
const SILENCE_TIMEOUT_MS = 30_000;

export function createSmtp(settings: SmtpSettings): Smtp {
  const { host, port, tls, user, password, from, authority } = settings;
  const transport = createTransport({
    host,
    port,
    secure: tls === "implicit",
    // Without it a server, or whoever stands between, could talk us out of encryption.
    requireTLS: true,
    tls: {
      minVersion: "TLSv1.2",
      ...(authority === undefined ? {} : { ca: authority }),
    },
    ...(user === undefined || password === undefined
      ? {}
      : { auth: { user, pass: password.reveal() } }),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    dnsTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SILENCE_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const scrub = createScrubber(password === undefined ? [] : [password]);
  return {
    async send({ id, to, subject, text }, signal) {
      signal.throwIfAborted();
      try {
        await transport.sendMail({
          from: { name: "Flightdeck", address: from },
          to,
          subject,
          text,
          messageId: `<${id}@${from.split("@")[1] ?? "flightdeck"}>`,
          headers: { "Auto-Submitted": "auto-generated" },
          signal,
        });
      } catch (error) {
        if (signal.aborted && !isTimeout(signal)) throw signal.reason;
        throw smtpError(`mail by ${host}:${port}`, error, signal.aborted, scrub);
      }
    },
  };
}

function smtpError(
  attempt: string,
  error: unknown,
  isLate: boolean,
  scrub: (text: string) => string,
): SystemError {
  const cause = safeCause(error, scrub);
  const code = codeOf(error);
  const status = statusOf(error);
  const kind = isLate ? "timeout" : kindOf(code, status);
  const reason = isLate ? "not taken in time" : cause.message;
  return new SystemError("smtp", kind, `${attempt}: ${reason}`, { cause, code });
}

function kindOf(code: string | undefined, status: number | undefined): SystemErrorKind {
  if (code === "EAUTH") return "unauthorized";
  if (code === "ETIMEDOUT") return "timeout";
  if (status === undefined) return "unreachable";
  // A server that says "not now" by 4xx has taken nothing, and will perhaps take it later.
  return status >= 500 ? "rejected" : "rate-limited";
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("responseCode" in error)) return undefined;
  return typeof error.responseCode === "number" ? error.responseCode : undefined;
}
