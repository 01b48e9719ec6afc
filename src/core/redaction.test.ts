import { describe, expect, test } from "vitest";

import { createScrubber, scrub } from "./redaction.ts";
import { Secret } from "./secret.ts";

const LETTERS = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGhIjKl";
const botToken = `7000000001:${LETTERS.slice(0, 35)}`;
const pem = (body: string): string =>
  ["-----BEGIN PRIVATE ", `KEY-----\n${body}\n-----END PRIVATE `, "KEY-----"].join("");

describe("scrub masks", () => {
  test.each([
    ["a bot token", `token ${botToken}!`, "token [secret]!"],
    ["a bot token in a path", `/bot${botToken}/sendMessage`, "/bot[secret]/sendMessage"],
    [
      "the password of a URL",
      "postgresql://app:p%40ss:w0rd@db:5432/app",
      "postgresql://app:[secret]@db:5432/app",
    ],
    ["a password with an @", "redis://:p@ss@redis:6379/0", "redis://:[secret]@redis:6379/0"],
    [
      "a token in place of the user",
      `https://${LETTERS}@git.example/x`,
      "https://[secret]@git.example/x",
    ],
    ["a token in a query", "GET /x?token=abc&page=2", "GET /x?token=[secret]&page=2"],
    ["a bearer value", "Authorization: Bearer abc.def-123", "Authorization: Bearer [secret]"],
    ["basic credentials", "authorization: Basic dTpw", "authorization: Basic [secret]"],
    ["a private key", `key ${pem("MIIE\nabc")} end`, "key [secret] end"],
    ["a private key that was cut", pem("MIIE\nabc").slice(0, 40), "[secret]"],
    ["a Coolify token", `12|${LETTERS}`, "[secret]"],
    ["an AWS key id", `AKIA${LETTERS.slice(0, 16).toUpperCase()} `, "[secret] "],
    ["an AWS secret", `aws_secret_access_key = ${LETTERS}`, "aws_secret_access_key = [secret]"],
    ["a JSON Web Token", "jwt eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl.", "jwt [secret]."],
    [
      "a key that signs notes",
      `key ${["PRIVATE", "KEY", "flightdeck/evidence/x", "0f1e2d3c", `A${LETTERS}=`].join("+")} end`,
      "key [secret] end",
    ],
    ["a provider's key", `key xai-${LETTERS}`, "key [secret]"],
    ["an age identity", `AGE-SECRET-KEY-1${LETTERS.toUpperCase()}`, "[secret]"],
  ])("%s", (_name, text, scrubbed) => {
    expect(scrub(text)).toBe(scrubbed);
    expect(scrub(scrub(text))).toBe(scrubbed);
  });
});

test.each([
  "GET http://127.0.0.1:8000/health/ready answered 503",
  "pass: api-is-live · run R-7K2 · 2026-11-23 01:22:33Z",
  "expected c3a2b7d9f1e0 in alembic_version, got 9c5f8f7f2a1b",
  "sha256:9f2c4b1a9f2c4b1a9f2c4b1a9f2c4b1a9f2c4b1a9f2c4b1a9f2c4b1a9f2c4b1a",
  "write to ops@example.com, see https://example.com/@ops",
  "host:6379 refused the connection; default_queue | dead_letter_queue",
])("scrub leaves ordinary text alone: %s", (text) => {
  expect(scrub(text)).toBe(text);
});

test("a known value is masked wherever and however it is spelt", () => {
  const password = `hunter"2 & ${LETTERS}`;
  const scrubKnown = createScrubber([
    new Secret(password),
    new Secret(`postgresql://app:${encodeURIComponent("päss/word")}@db/app`),
    new Secret("Bearer plain-looking-words"),
  ]);
  const text = [
    password,
    encodeURIComponent(password),
    JSON.stringify({ password }),
    Buffer.from(password).toString("base64"),
    "päss/word",
    "the token plain-looking-words was refused",
  ].join("\n");
  const scrubbed = scrubKnown(text);
  expect(scrubbed).not.toMatch(/hunter|AbCdEf|plain-looking|päss|\/word/);
  expect(scrubbed).toContain("the token [secret] was refused");
});

test("a short or empty known value does not mangle the text", () => {
  expect(createScrubber([new Secret(""), new Secret("root")])("root says hello")).toBe(
    "root says hello",
  );
});

test.each([
  ["masks that make a login of an address", "://&token=x&amp;@"],
  ["a password that is a part of the mask", "the secret is secret"],
  ["an address around a known value", "https://app:pa secret ss@db"],
])("what was scrubbed stays as it is: %s", (_what, text) => {
  const scrubKnown = createScrubber([new Secret("secret")]);
  const once = scrubKnown(text);
  expect(once).toContain("[secret]");
  expect(scrubKnown(once)).toBe(once);
  expect(scrub(scrub(text))).toBe(scrub(text));
});

test("hostile text of a megabyte is scrubbed in time", () => {
  const seeds = ["eyJ", "1", "://a:", "Bearer ", "-----BEGIN PRIVATE KEY-----", "9|", "a", "?key="];
  const startedAt = performance.now();
  for (const seed of [...seeds, "eyJ-", "://", "sk-a", "1:", "://a:b"]) {
    scrub(seed.repeat(Math.ceil(1_000_000 / seed.length)));
  }
  expect(performance.now() - startedAt).toBeLessThan(15_000);
});
