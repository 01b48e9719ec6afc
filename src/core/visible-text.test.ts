import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { shortened, visibleBlock, visibleText } from "./visible-text.ts";

const HOSTILE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const anyText = fc.string({ unit: "binary", maxLength: 300 });
/** Text in which what is dangerous is not one character in a million. */
const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom("\u202E", "\u2066", "\u200B", "\u0000", "\u001B[2J", "\u2028", "\u0085"),
      fc.constantFrom("\n", "\t", "\r", "\uD83D", "\uDE00", "\uFEFF", "\u{E0041}", "é", "e\u0301"),
      fc.string({ unit: "grapheme", maxLength: 5 }),
    ),
    { maxLength: 60 },
  )
  .map((pieces) => pieces.join(""));

describe("visibleText", () => {
  test.each([
    ["an override", "safe\u202Etxt.exe", "safe⟨U+202E⟩txt.exe"],
    ["a zero-width space", "a\u200Bb", "a⟨U+200B⟩b"],
    ["an escape sequence", "\u001B[2Jgone", "⟨U+001B⟩[2Jgone"],
    ["a line break", "a\nb\r\n", "a⟨U+000A⟩b⟨U+000D⟩⟨U+000A⟩"],
    ["a line separator", "a\u2028b\u2029c\u0085d", "a⟨U+2028⟩b⟨U+2029⟩c⟨U+0085⟩d"],
    ["a lone surrogate", "a\uD83Db\uDE00", "a⟨U+D83D⟩b⟨U+DE00⟩"],
    ["a tag character beyond the first plane", "\u{E0041}", "⟨U+E0041⟩"],
    ["a NUL", "\0", "⟨U+0000⟩"],
  ])("shows %s", (_name, text, visible) => {
    expect(visibleText(text)).toBe(visible);
  });

  test("composes letters, and leaves emoji and right-to-left letters alone", () => {
    expect(visibleText("e\u0301 😀 مرحبا 東京")).toBe("\u00E9 😀 مرحبا 東京");
  });

  test("leaves nothing invisible and nothing broken in any text, and is done after one pass", () => {
    fc.assert(
      fc.property(fc.oneof(anyText, hostileText), (text) => {
        const visible = visibleText(text);
        expect(visible).not.toMatch(HOSTILE);
        expect(visible.isWellFormed()).toBe(true);
        expect(visibleText(visible)).toBe(visible);
      }),
      { numRuns: 500 },
    );
  });

  test("loses nothing: whatever was spelt out can be read back", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const readBack = visibleText(text).replaceAll(/⟨U\+([0-9A-F]{4,6})⟩/g, (_, code: string) =>
          String.fromCodePoint(Number.parseInt(code, 16)),
        );
        // Two halves that were apart by nothing are one character again; both sides are compared composed.
        expect(readBack.normalize("NFC")).toBe(text.normalize("NFC"));
      }),
    );
  });
});

test("visibleBlock keeps line breaks and tabs and nothing else that is invisible", () => {
  expect(visibleBlock("a\n\tb\r\u202E\uD800")).toBe("a\n\tb⟨U+000D⟩⟨U+202E⟩⟨U+D800⟩");
  fc.assert(
    fc.property(fc.oneof(anyText, hostileText), (text) => {
      expect(visibleBlock(text).replaceAll(/[\n\t]/g, "")).not.toMatch(HOSTILE);
    }),
  );
});

describe("shortened", () => {
  test.each([
    ["abc", 3, "abc"],
    ["abcd", 3, "ab…"],
    ["😀😀😀", 3, "😀😀😀"],
    ["😀😀😀😀", 3, "😀😀…"],
    ["", 1, ""],
    ["ab", 1, "…"],
  ])("%j to %i is %j", (text, limit, expected) => {
    expect(shortened(text, limit)).toBe(expected);
  });

  test("never exceeds the limit in code points, never halves a character, and keeps what fits", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 1, max: 40 }), (text, limit) => {
        const short = shortened(text, limit);
        expect(Array.from(short).length).toBeLessThanOrEqual(limit);
        expect(short.isWellFormed()).toBe(true);
        const fits = Array.from(text).length <= limit;
        expect(fits ? short === text : text.startsWith(short.slice(0, -1))).toBe(true);
      }),
    );
  });
});
