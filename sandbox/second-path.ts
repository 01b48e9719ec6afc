import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { SMTPServer, type SMTPServerSession } from "smtp-server";

import { temporaryDirectory } from "../src/servers/temporary-directory.ts";
import { makeCertificate, type Certificate } from "./certificate.ts";
import { startHttpServer } from "./http-server.ts";
import { readMail, type ReceivedMail } from "./received-mail.ts";

type ReceivedCall = {
  readonly id: string;
  /** Whether it was signed with the secret that both sides know, not long ago. */
  readonly isGenuine: boolean;
  readonly body: Readonly<Record<string, unknown>>;
};

type WebhookMode = "answers" | "refuses" | "takes-then-500" | "redirects" | "hangs";
type MailMode = "answers" | "refuses" | "not-now" | "hangs";

/** How people are reached beside the chat, and who waits outside for a sign of life. Counts what really arrives. */
export type SecondPath = AsyncDisposable & {
  /** By the names of ops/sandbox.yaml. */
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
  /** The port of the server that speaks TLS from its first byte on; the other one offers STARTTLS. */
  readonly implicitPort: number;
  webhook: WebhookMode;
  mail: MailMode;
  calls(): readonly ReceivedCall[];
  mails(): readonly ReceivedMail[];
  beats(): number;
};

const USER = "flightdeck";
const GENUINE_FOR_SECONDS = 300;
const HANGS_FOR_MS = 600_000;
const CERTIFICATE_DAYS = 30;

export async function startSecondPath(): Promise<SecondPath> {
  await using opened = new AsyncDisposableStack();
  const directory = opened.use(await temporaryDirectory("second-path"));
  const certificate = await makeCertificate(directory.path, CERTIFICATE_DAYS);
  const [secret, password, token] = [newSecret(), newSecret(), newSecret()];
  const calls: ReceivedCall[] = [];
  const mails: ReceivedMail[] = [];
  const state: { webhook: WebhookMode; mail: MailMode; beats: number } = {
    webhook: "answers",
    mail: "answers",
    beats: 0,
  };
  const ending = new AbortController();

  const take = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname === `/beats/${token}`) {
      state.beats += 1;
      return new Response("OK");
    }
    if (pathname !== `/calls/${token}`) return new Response(undefined, { status: 404 });
    if (state.webhook === "refuses") return new Response(undefined, { status: 401 });
    if (state.webhook === "redirects")
      return Response.redirect(new URL(`/beats/${token}`, request.url), 302);
    if (state.webhook === "hangs") {
      await sleep(HANGS_FOR_MS, undefined, { signal: ending.signal }).catch(() => {});
      return new Response(undefined, { status: 503 });
    }
    calls.push(await readCall(request, secret));
    return new Response(undefined, { status: state.webhook === "takes-then-500" ? 500 : 200 });
  };
  const http = opened.use(await startHttpServer(take));
  opened.defer(() => ending.abort());
  const mailServer = async (secure: boolean): Promise<number> =>
    startMailServer(opened, { certificate, password, secure, mode: () => state.mail, mails });
  const [starttlsPort, implicitPort] = [await mailServer(false), await mailServer(true)];

  const kept = opened.move();
  return {
    environment: {
      SANDBOX_CALL_URL: `${http.url}/calls/${token}`,
      SANDBOX_CALL_SECRET: secret,
      SANDBOX_SMTP_PORT: String(starttlsPort),
      SANDBOX_SMTP_PASSWORD: password,
      SANDBOX_SMTP_AUTHORITY: certificate.cert,
      SANDBOX_HEARTBEAT_URL: `${http.url}/beats/${token}`,
    },
    secrets: [secret, password, token],
    implicitPort,
    get webhook() {
      return state.webhook;
    },
    set webhook(mode) {
      state.webhook = mode;
    },
    get mail() {
      return state.mail;
    },
    set mail(mode) {
      state.mail = mode;
    },
    calls: () => calls,
    mails: () => mails,
    beats: () => state.beats,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function readCall(request: Request, secret: string): Promise<ReceivedCall> {
  const header = (name: string): string => request.headers.get(`webhook-${name}`) ?? "";
  const text = await request.text();
  const [id, timestamp] = [header("id"), header("timestamp")];
  const expected = createHmac("sha256", secret)
    .update(`${id}.${timestamp}.${text}`)
    .digest("base64");
  const ageSeconds = Math.abs(Date.now() / 1_000 - Number(timestamp));
  return {
    id,
    isGenuine: header("signature") === `v1,${expected}` && ageSeconds < GENUINE_FOR_SECONDS,
    body: JSON.parse(text) as Record<string, unknown>,
  };
}

type MailServerParts = {
  readonly certificate: Certificate;
  readonly password: string;
  readonly secure: boolean;
  readonly mode: () => MailMode;
  readonly mails: ReceivedMail[];
};

async function startMailServer(
  opened: AsyncDisposableStack,
  { certificate, password, secure, mode, mails }: MailServerParts,
): Promise<number> {
  const server = new SMTPServer({
    ...certificate,
    secure,
    authMethods: ["PLAIN", "LOGIN"],
    // Nobody may say a password before the line is encrypted.
    allowInsecureAuth: false,
    disableReverseLookup: true,
    closeTimeout: 100,
    onAuth({ username, password: given }, _session, done) {
      const isRight = username === USER && given === password;
      done(isRight ? null : new Error(`no such login: ${given}`), { user: username });
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => void chunks.push(chunk));
      stream.on("end", () => {
        const refusal = refusalOf(mode());
        if (mode() === "hangs") return;
        if (refusal !== undefined) return done(refusal);
        mails.push(readMail(Buffer.concat(chunks).toString("utf8"), envelopeOf(session)));
        done();
      });
    },
  });
  // A client that hangs up in the middle is its own affair.
  server.on("error", () => {});
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  opened.defer(async () => new Promise((resolve) => server.close(resolve)));
  return (server.server.address() as AddressInfo).port;
}

function refusalOf(mode: MailMode): Error | undefined {
  if (mode === "refuses") return Object.assign(new Error("no such user"), { responseCode: 550 });
  if (mode === "not-now") return Object.assign(new Error("try again"), { responseCode: 451 });
  return undefined;
}

function envelopeOf({ envelope, secure }: SMTPServerSession) {
  return { to: envelope.rcptTo.map(({ address }) => address), secure };
}

function newSecret(): string {
  return randomBytes(24).toString("base64url");
}
