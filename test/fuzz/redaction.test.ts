import * as fc from "fast-check";
import { expect, test } from "vitest";

import { createScrubber, scrub } from "../../src/core/redaction.ts";
import { Secret } from "../../src/core/secret.ts";
import { breath, cases, FUZZ_TIMEOUT_MS } from "./cases.ts";
import { hostileText } from "./hostile-text.ts";

const LETTERS = Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
const letters = (length: number): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom(...LETTERS), { minLength: length, maxLength: length })
    .map((all) => all.join(""));

/** A value that nobody knows but us: words, signs, letters of other languages, at least six of them. */
const value = fc
  .oneof(
    letters(24),
    fc.string({ unit: "grapheme", minLength: 6, maxLength: 40 }),
    fc.string({ unit: "binary", minLength: 6, maxLength: 24 }),
    fc.constantFrom(
      `hunter"2 \\ & more`,
      "päss/wörd?#",
      "{{a}}\n{{b}}",
      "--------",
      "%25%25%25%25",
    ),
  )
  .filter((text) => text.length >= 6 && !text.includes("[secret]"));

/** Every spelling that a known value is promised to be masked in. */
const SPELLINGS: Readonly<Record<string, (value: string) => string>> = {
  "as it is": (value) => value,
  "for an address": (value) => encodeURIComponent(value),
  "in JSON": (value) => JSON.stringify(value).slice(1, -1),
  "in base64": (value) => Buffer.from(value).toString("base64"),
};

test.each(Object.entries(SPELLINGS))(
  "a known value, spelt %s, survives nowhere, whatever stands around it",
  async (_how, spell) => {
    await fc.assert(
      fc
        .asyncProperty(value, hostileText, hostileText, async (known, before, after) => {
          fc.pre(known.isWellFormed());
          const spelt = spell(known);
          const scrubKnown = createScrubber([new Secret(known)]);
          expect(scrubKnown(`${before}${spelt}${after}`)).not.toContain(spelt);
        })
        .beforeEach(breath),
      cases(150, 25_000),
    );
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "of an address and of a login the password is known too, however it is written",
  async () => {
    await fc.assert(
      fc
        .asyncProperty(value, hostileText, async (password, around) => {
          fc.pre(password.isWellFormed());
          const encoded = encodeURIComponent(password);
          const scrubKnown = createScrubber([
            new Secret(`postgresql://app:${encoded}@db.example.com/app`),
            new Secret(`Bearer ${encoded}`),
          ]);
          for (const spelt of [password, encoded]) {
            expect(scrubKnown(`${around}${spelt}${around}`)).not.toContain(spelt);
          }
        })
        .beforeEach(breath),
      cases(150, 50_000),
    );
  },
  FUZZ_TIMEOUT_MS,
);

/** Made at run time, so that no file holds anything that looks like one. Each by its form alone, known to nobody. */
const UNKNOWN: Readonly<Record<string, fc.Arbitrary<readonly [whole: string, secret: string]>>> = {
  "a bot token": letters(35).map((tail) => [`7000000001:${tail}`, tail]),
  "the password of an address": letters(16).map((word) => [`redis://:${word}@h:6379`, word]),
  "a bearer value": letters(24).map((word) => [`Authorization: Bearer ${word}`, word]),
  "a token of Coolify": letters(48).map((word) => [`12|${word}`, word]),
  "a key with a prefix": letters(40).map((word) => [`xai-${word}`, word]),
  "a token in a query": letters(12).map((word) => [`?access_token=${word}`, word]),
  "a JSON Web Token": fc
    .tuple(letters(20), letters(30), letters(30))
    .map(([head, claims, proof]) => [`eyJ${head}.${claims}.${proof}`, proof]),
  "a private key": letters(64).map((word) => [
    ["-----BEGIN PRIVATE ", `KEY-----\n${word}\n-----END PRIVATE `, "KEY-----"].join(""),
    word,
  ]),
  "an age identity": letters(58).map((word) => [
    ["AGE-SECRET", `-KEY-1${word.toUpperCase()}`].join(""),
    word.toUpperCase(),
  ]),
};
const beside = fc.constantFrom(" ", "\n", "\t", '"', "'", "(", ",", "\0", "\u202e", "`", "<", "é");

test.each(Object.entries(UNKNOWN))(
  "%s, by its form alone, survives nowhere in a text",
  async (_what, made) => {
    await fc.assert(
      fc
        .asyncProperty(
          made,
          hostileText,
          hostileText,
          beside,
          beside,
          async ([whole, secret], a, b, c, d) => {
            expect(scrub(`${a}${c}${whole}${d}${b}`)).not.toContain(secret);
          },
        )
        .beforeEach(breath),
      cases(100, 12_000),
    );
  },
  FUZZ_TIMEOUT_MS,
);

const PIECES = [
  "://",
  ":",
  "@",
  "?key=",
  "&token=",
  "Bearer ",
  "authorization: basic ",
  "eyJ",
  ".",
  "|",
  "sk-",
  "xai-",
  "ghp_",
  "AKIA",
  "[secret]",
  "-----BEGIN PRIVATE KEY-----",
  "-----END PRIVATE KEY-----",
  "7000000001",
  "A".repeat(20),
  "0".repeat(40),
  " ",
  "/",
] as const;
const nearly = fc
  .array(fc.oneof(fc.constantFrom<string>(...PIECES), hostileText), { maxLength: 12 })
  .map((pieces) => pieces.join(""));

test(
  "what was scrubbed once is scrubbed: a second time changes nothing",
  async () => {
    await fc.assert(
      fc
        .asyncProperty(nearly, value, async (text, known) => {
          const scrubKnown = createScrubber([new Secret(known)]);
          const once = scrubKnown(text);
          expect(scrubKnown(once)).toBe(once);
        })
        .beforeEach(breath),
      cases(500),
    );
  },
  FUZZ_TIMEOUT_MS,
);

const WORDS = [
  "the api answered 503",
  "R-7K2",
  "2026-11-23 01:22:33Z",
  "c3a2b7d9f1e0",
  "https://example.com/health",
  "ops@example.com",
  "✗ default_queue: 7 jobs",
  "مرحبا",
  "😀",
  "a · b",
] as const;

test(
  "around a secret every word stays as it was",
  async () => {
    await fc.assert(
      fc
        .asyncProperty(
          letters(24).map((word) => `${word}!`),
          fc.array(fc.constantFrom(...WORDS), { maxLength: 5 }),
          fc.array(fc.constantFrom(...WORDS), { maxLength: 5 }),
          async (known, before, after) => {
            const scrubKnown = createScrubber([new Secret(known)]);
            const around = (middle: string): string => [...before, middle, ...after].join(" ");
            expect(scrubKnown(around(known))).toBe(around("[secret]"));
          },
        )
        .beforeEach(breath),
      cases(300),
    );
  },
  FUZZ_TIMEOUT_MS,
);
