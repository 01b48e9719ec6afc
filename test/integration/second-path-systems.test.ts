import { inspect } from "node:util";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { startSecondPath, type SecondPath } from "../../sandbox/second-path.ts";
import type { Call, CallAttempt } from "../../src/core/call.ts";
import { Secret } from "../../src/core/secret.ts";
import { createCallWebhook } from "../../src/systems/call-webhook.ts";
import { pingHeartbeat } from "../../src/systems/heartbeat.ts";
import { createHttpApi } from "../../src/systems/http-api.ts";
import { secondPathSetting, type SmtpSettings } from "../../src/systems/second-path-settings.ts";
import { createSmtp } from "../../src/systems/smtp.ts";

const opened = new AsyncDisposableStack();
const http = createHttpApi();
let outside: SecondPath;

beforeAll(async () => {
  outside = opened.use(await startSecondPath());
  opened.defer(async () => http.close());
});
beforeEach(() => {
  outside.webhook = "answers";
  outside.mail = "answers";
});
afterAll(async () => {
  await opened.disposeAsync();
});

const soon = () => AbortSignal.timeout(10_000);

/** What is wrong, with everything that an error carries; nothing of it may hold a secret. */
async function failureOf(work: Promise<void>): Promise<string> {
  const error = await work.then(
    () => new Error("It went well."),
    (error: unknown) => error,
  );
  const told = inspect(error, { depth: 10, showHidden: true });
  for (const secret of outside.secrets) expect(told).not.toContain(secret);
  return error instanceof Error && "kind" in error
    ? `${String(error.kind)}: ${error.message}`
    : told;
}

describe("mail", () => {
  const mail = {
    id: "c-1",
    to: "ada@example.com",
    subject: "[production] page: api-is-ready",
    text: "It is – not – ready.",
  };
  const settings = (more: Partial<SmtpSettings> = {}): SmtpSettings => ({
    host: "localhost",
    port: Number(outside.environment["SANDBOX_SMTP_PORT"]),
    tls: "starttls",
    user: "flightdeck",
    password: new Secret(outside.environment["SANDBOX_SMTP_PASSWORD"] ?? ""),
    from: "flightdeck@example.com",
    to: [],
    authority: outside.environment["SANDBOX_SMTP_AUTHORITY"],
    ...more,
  });

  test.each(["starttls", "implicit"] as const)("is taken over TLS: %s", async (tls) => {
    const port = tls === "implicit" ? { port: outside.implicitPort } : {};
    await createSmtp(settings({ tls, ...port })).send(mail, soon());
    expect(outside.mails().at(-1)).toEqual({
      to: ["ada@example.com"],
      subject: mail.subject,
      messageId: "<c-1@example.com>",
      text: mail.text,
      secure: true,
    });
  });

  test.each([
    [
      "a wrong password",
      { password: new Secret("a-wrong-password-of-a-test") },
      /^unauthorized: mail by localhost:\d+: Invalid login/,
    ],
    ["a certificate that nobody trusts", { authority: undefined }, /^unreachable: .*certificate/],
    ["a name that the certificate is not for", { host: "127.0.0.2" }, /^unreachable: /],
    ["a server that is not there", { port: 9 }, /^unreachable: .*ECONNREFUSED/],
    ["TLS where none is spoken yet", { tls: "implicit" }, /^unreachable: /],
  ] as const)("does not go out with %s", async (_what, more, expected) => {
    const before = outside.mails().length;
    const smtp = createSmtp(settings(more));
    const failure = await failureOf(smtp.send(mail, soon()));
    expect(failure).toMatch(expected);
    expect(failure).not.toContain("a-wrong-password-of-a-test");
    expect(outside.mails()).toHaveLength(before);
  });

  test.each([
    ["refuses", /^rejected: .*550 no such user/],
    ["not-now", /^rate-limited: .*451 try again/],
  ] as const)("that the server %s is told from one that it took", async (mode, expected) => {
    outside.mail = mode;
    expect(await failureOf(createSmtp(settings()).send(mail, soon()))).toMatch(expected);
  });

  test("is given up at the signal when the server says nothing more", async () => {
    outside.mail = "hangs";
    const late = AbortSignal.timeout(500);
    expect(await failureOf(createSmtp(settings()).send(mail, late))).toMatch(
      /^timeout: mail by localhost:\d+: not taken in time/,
    );
    const stopping = new AbortController();
    const sending = createSmtp(settings()).send(mail, stopping.signal);
    stopping.abort(new Error("stopping"));
    await expect(sending).rejects.toThrow("stopping");
  });

  test("cannot be given more headers, recipients or mails by what it says", async () => {
    const subject = "a\r\nBcc: eve@example.com\r\n\r\nbody";
    const text = "x\r\n.\r\nMAIL FROM:<eve@example.com>\r\n";
    const before = outside.mails().length;
    await createSmtp(settings()).send({ ...mail, subject, text }, soon());
    const [taken, ...more] = outside.mails().slice(before);
    expect(more).toEqual([]);
    expect(taken?.to).toEqual(["ada@example.com"]);
    expect(taken?.subject).toMatch(/^a\s+Bcc: eve@example.com\s+body$/);
    expect(taken?.text).toContain("\n.\nMAIL FROM");
  });
});

describe("a call by webhook", () => {
  const call: Call = {
    id: "c-2",
    kind: "fired",
    target: "production",
    severity: "page",
    what: "api-is-ready",
    at: new Date("2026-11-23T03:04:05Z"),
    people: ["Ada"],
  };
  const attempt: CallAttempt = { call, resent: false };
  const post = async (more: { readonly url?: string } = {}, signal = soon()) =>
    createCallWebhook(http, {
      url: new Secret(more.url ?? outside.environment["SANDBOX_CALL_URL"] ?? ""),
      secret: new Secret(outside.environment["SANDBOX_CALL_SECRET"] ?? ""),
    }).post(attempt, new Date(), signal);

  test("says what it is about, is signed, and carries its id", async () => {
    await post();
    expect(outside.calls().at(-1)).toEqual({
      id: "c-2",
      isGenuine: true,
      body: {
        ...call,
        at: "2026-11-23T03:04:05.000Z",
        title: "[production] page: api-is-ready",
        resent: false,
      },
    });
  });

  test.each([
    ["refuses", /^unauthorized: POST http:\/\/127\.0\.0\.1:\d+\/…: answered 401$/],
    ["takes-then-500", /^unreachable: .*answered 500$/],
    ["redirects", /^rejected: .*answered 302$/],
  ] as const)("has failed when the other side %s", async (mode, expected) => {
    outside.webhook = mode;
    const beats = outside.beats();
    expect(await failureOf(post())).toMatch(expected);
    // Where it was sent on to has heard nothing.
    expect(outside.beats()).toBe(beats);
  });

  test("has failed when nobody answers in time", async () => {
    outside.webhook = "hangs";
    expect(await failureOf(post({}, AbortSignal.timeout(300)))).toMatch(
      /^timeout: POST http:\/\/127\.0\.0\.1:\d+\/…: no answer within/,
    );
  });

  test.each([
    [
      "where nobody listens",
      "http://127.0.0.1:9/calls/",
      /^unreachable: .*\/…: connection refused/,
    ],
    ["a cloud's metadata", "http://169.254.169.254/calls/", /^rejected: .*link-local/],
  ])("goes nowhere at %s, and its path stays hidden", async (_where, url, expected) => {
    const secret = `${url}${outside.secrets[2]}?key=${outside.secrets[0]}`;
    expect(await failureOf(post({ url: secret }))).toMatch(expected);
  });
});

describe("a sign of life", () => {
  test("is counted outside, and its address stays hidden when it fails", async () => {
    const url = outside.environment["SANDBOX_HEARTBEAT_URL"] ?? "";
    const before = outside.beats();
    await pingHeartbeat(http, new Secret(url), soon());
    expect(outside.beats()).toBe(before + 1);
    const wrong = new Secret(`${url}/other`);
    expect(await failureOf(pingHeartbeat(http, wrong, soon()))).toMatch(
      /^rejected: .*answered 404/,
    );
  });
});

describe("the configuration of the second path", () => {
  const smtp = { host: "smtp.example.com", from: "flightdeck@example.com" };

  test("takes the port that belongs to its TLS", () => {
    const port = (tls: object) => secondPathSetting.parse({ smtp: { ...smtp, ...tls } }).smtp?.port;
    expect([port({}), port({ tls: "implicit" })]).toEqual([587, 465]);
  });

  test.each([
    ["an address in clear", { webhook: { url: "https://example.com/x" } }, "a secret belongs in a"],
    [
      "an address that is none",
      { webhook: { url: new Secret("example.com") } },
      "is no address such as https://example.com/…",
    ],
    ["a short secret", { webhook: { secret: new Secret("short") } }, "at least 24 characters"],
    ["a user without a password", { smtp: { ...smtp, user: "ada" } }, "belong together"],
    ["a mail address with two lines", { smtp: { ...smtp, from: "a\r\nb@example.com" } }, "a mail"],
    ["mail without TLS", { smtp: { ...smtp, tls: "none" } }, "one of starttls, implicit"],
  ])("refuses %s", (_what, settings, expected) => {
    const messages = secondPathSetting.safeParse(settings).error?.issues.map((one) => one.message);
    expect(messages?.join("\n")).toContain(expected);
  });
});
