import * as fc from "fast-check";
import type { MessageEntity } from "grammy/types";
import { describe, expect, test } from "vitest";

import { line, plainCard, type Card, type CardPart, type CardWord } from "../core/card.ts";
import { createScrubber, scrub } from "../core/redaction.ts";
import { Secret } from "../core/secret.ts";
import { CAPTION_LIMIT, MESSAGE_LIMIT, renderCard } from "./render.ts";

const asItIs = (text: string): string => text;
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc
    .array(
      fc.constantFrom(
        "\u202E",
        "\n",
        "\t",
        "`",
        "```",
        "<b>",
        "*_[",
        "\0",
        "😀",
        "\uD83D",
        "مرحبا",
        "\u200B",
      ),
      { maxLength: 30 },
    )
    .map((pieces) => pieces.join("")),
  fc.string({ unit: "grapheme", minLength: 300, maxLength: 2_000 }),
);
const word: fc.Arbitrary<CardWord> = fc.oneof(
  anyText,
  anyText.map((bold) => ({ bold })),
  anyText.map((code) => ({ code })),
  anyText.map((faint) => ({ faint })),
  anyText.map((mention) => ({ mention, telegram: 1003 })),
);
const part: fc.Arbitrary<CardPart> = fc.oneof(
  fc.array(word, { maxLength: 6 }).map((words) => line(...words)),
  fc.array(anyText, { maxLength: 6 }).map((lines) => ({ kind: "folded", lines }) as const),
  anyText.map((text) => ({ kind: "code", text, language: "sql" }) as const),
);
const anyCard: fc.Arbitrary<Card> = fc.record({
  title: anyText,
  parts: fc.array(part, { maxLength: 60 }),
  actions: fc.constant([]),
});

/** Whether a stretch begins and ends between whole characters. */
function cutsNoCharacter(text: string, { offset, length }: MessageEntity): boolean {
  return [offset, offset + length].every((at) => {
    const unit = text.charCodeAt(at);
    return !(unit >= 0xdc00 && unit <= 0xdfff);
  });
}

describe("whatever a card holds", () => {
  test.each([
    ["a message", MESSAGE_LIMIT],
    ["a caption", CAPTION_LIMIT],
  ])("it fits into %s that Telegram accepts", (_what, limit) => {
    fc.assert(
      fc.property(anyCard, fc.boolean(), (card, resent) => {
        const { text, entities } = renderCard(card, { limit, resent, scrub });
        expect(text.length).toBeLessThanOrEqual(limit);
        expect(text.isWellFormed()).toBe(true);
        expect(text.replaceAll(/[\n\t]/g, "")).not.toMatch(HIDDEN);
        expect(entities.length).toBeLessThanOrEqual(100);
        let end = 0;
        for (const entity of entities) {
          expect(entity.offset).toBeGreaterThanOrEqual(end);
          expect(entity.length).toBeGreaterThan(0);
          expect(cutsNoCharacter(text, entity)).toBe(true);
          end = entity.offset + entity.length;
        }
        expect(end).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 300 },
    );
  });

  test("all of it is in the message, or in the whole text beside it", () => {
    fc.assert(
      fc.property(anyCard, (card) => {
        const { text, whole } = renderCard(card, { scrub: asItIs });
        const everything = renderCard(card, { scrub: asItIs, limit: 10_000_000 });
        const shown = whole ?? text;
        // Even without a limit on the text there is one on the entities, so compare with what is whole there.
        expect(shown).toBe(everything.whole ?? everything.text);
      }),
    );
  });
});

describe("a card that fits", () => {
  test("is its words and nothing else, each stretch with its manner", () => {
    const card: Card = {
      title: "alpha · GO",
      parts: [
        line("✗ ", { bold: "api" }, ": ", { code: "`503`" }, { faint: " <b>now</b>" }),
        { kind: "folded", lines: ["✓ one", "✓ *two*"] },
        { kind: "code", text: "select 1;\n-- [x](y)", language: "sql" },
      ],
      actions: [
        [
          { label: "Again", command: "preflight", style: "primary" },
          { label: "Stop", command: "cancel R-7" },
        ],
      ],
    };
    const { text, entities, keyboard, whole } = renderCard(card, { scrub });
    expect(text).toBe("alpha · GO\n✗ api: `503` <b>now</b>\n✓ one\n✓ *two*\nselect 1;\n-- [x](y)");
    const said = entities.map(({ type, offset, length }) => [
      type,
      text.slice(offset, offset + length),
    ]);
    expect(said).toEqual([
      ["bold", "alpha · GO"],
      ["bold", "api"],
      ["code", "`503`"],
      ["italic", " <b>now</b>"],
      ["expandable_blockquote", "✓ one\n✓ *two*"],
      ["pre", "select 1;\n-- [x](y)"],
    ]);
    expect(entities.at(-1)).toMatchObject({ language: "sql" });
    expect(keyboard.inline_keyboard).toEqual([
      [
        { text: "Again", callback_data: "c:preflight", style: "primary" },
        { text: "Stop", callback_data: "c:cancel R-7" },
      ],
    ]);
    expect(whole).toBeUndefined();
  });

  test("says that it may be there twice, outside the bold title", () => {
    const { text, entities } = renderCard(plainCard("alpha"), { scrub, resent: true });
    expect(text).toBe("alpha (resent)");
    expect(entities).toEqual([{ type: "bold", offset: 0, length: 5 }]);
  });
});

describe("a card that does not fit", () => {
  const long = plainCard(
    "alpha",
    ...Array.from({ length: 200 }, (_, n) => `line ${n} ${"x".repeat(30)}`),
  );

  test("ends after a whole line, says so, and is whole beside it", () => {
    const { text, entities, whole } = renderCard(long, { scrub });
    expect(text).toMatch(/\nline \d+ x{30}\n… cut here$/);
    expect(text.length).toBeGreaterThan(MESSAGE_LIMIT - 100);
    expect(entities).toEqual([{ type: "bold", offset: 0, length: 5 }]);
    expect(whole).toBe(
      ["alpha", ...long.parts.map((_, n) => `line ${n} ${"x".repeat(30)}`)].join("\n"),
    );
  });

  test("fits when it has exactly as many characters as Telegram takes, and not with one more", () => {
    const exact = plainCard("a", "x".repeat(MESSAGE_LIMIT - 2));
    expect(renderCard(exact, { scrub })).toMatchObject({ whole: undefined });
    expect(renderCard(exact, { scrub }).text).toHaveLength(MESSAGE_LIMIT);
    const over = renderCard(plainCard("a", "x".repeat(MESSAGE_LIMIT - 1)), { scrub });
    expect(over.text).toBe("a\n… cut here");
    expect(over.whole).toHaveLength(MESSAGE_LIMIT + 1);
  });

  test("is cut before the entity that would be one too many", () => {
    const words = Array.from({ length: 150 }, (_, n) => line({ bold: String(n) }));
    const { text, entities, whole } = renderCard(
      { title: "t", parts: words, actions: [] },
      { scrub },
    );
    expect(entities).toHaveLength(100);
    expect(text).toMatch(/\n98\n… cut here$/);
    expect(whole).toMatch(/\n149$/);
  });

  test.each([
    ["right-to-left text", "مرحبا \u202E", "مرحبا ⟨U+202E⟩"],
    ["line breaks", "a\r\nb\n", "a⟨U+000D⟩\nb\n"],
    ["backticks", "```` ` ```", "```` ` ```"],
    ["emoji", "👩‍🚀", "👩⟨U+200D⟩🚀"],
  ])("keeps %s of any length whole", (_what, piece, shown) => {
    const card: Card = {
      title: "t",
      parts: [{ kind: "code", text: piece.repeat(2_000) }],
      actions: [],
    };
    expect(renderCard(card, { scrub }).whole).toBe(`t\n${shown.repeat(2_000)}`);
  });

  test("keeps even a title whole beside the message, of which the lock screen shows the beginning", () => {
    const title = `There is no check "${"x".repeat(400)}"`;
    const { text, whole } = renderCard(plainCard(title, "Usage: /preflight"), { scrub });
    expect(text.split("\n")[0]).toBe(`${title.slice(0, 199)}…`);
    expect(whole).toBe(`${title}\nUsage: /preflight`);
  });
});

describe("no secret goes out", () => {
  const token = ["7000000001", "AbCdEfGhIjKlMnOpQrStUvWxYz012345678"].join(":");
  const password = "correct-horse-battery";
  const known = createScrubber([new Secret(password)]);

  test("in any part of a card, nor in the whole text, nor on a button", () => {
    const hostile = `${token} ${password}`;
    const card: Card = {
      title: hostile,
      parts: [
        line(hostile, { bold: hostile }, { code: hostile }, { faint: hostile }),
        { kind: "folded", lines: [hostile] },
        { kind: "code", text: hostile },
        { kind: "code", text: "x".repeat(5_000) },
      ],
      actions: [[{ label: hostile, command: "help" }]],
    };
    const rendered = JSON.stringify(renderCard(card, { scrub: known }));
    expect(rendered).not.toContain(token);
    expect(rendered).not.toContain(password);
    expect(rendered.match(/\[secret\]/g)?.length).toBeGreaterThanOrEqual(16);
  });
});

describe("a button", () => {
  const withButton = (label: string, command: string): Card => ({
    title: "t",
    parts: [],
    actions: [[{ label, command }]],
  });

  test.each([
    ["62 letters", "x".repeat(62)],
    ["31 letters of two bytes", "é".repeat(31)],
  ])("carries %s", (_what, command) => {
    const [row] = renderCard(withButton("b", command), { scrub }).keyboard.inline_keyboard;
    expect(row).toEqual([{ text: "b", callback_data: `c:${command}` }]);
  });

  test.each([
    ["63 letters", "x".repeat(63)],
    ["32 letters of two bytes", "é".repeat(32)],
  ])("cannot carry %s, which is an error of ours", (_what, command) => {
    expect(() => renderCard(withButton("b", command), { scrub })).toThrow(RangeError);
  });

  test("shows nothing hidden either", () => {
    const [row] = renderCard(withButton("a\u202Eb", "help"), { scrub }).keyboard.inline_keyboard;
    expect(row?.[0]?.text).toBe("a⟨U+202E⟩b");
  });
});
