import * as fc from "fast-check";
import { expect, test } from "vitest";

import { entitySchema, misplacement } from "../../sandbox/telegram/entities.ts";
import { inlineKeyboardSchema } from "../../sandbox/telegram/keyboards.ts";
import { CAPTION_LIMIT, MESSAGE_LIMIT, renderCard } from "../../src/bot/render.ts";
import { cardText } from "../../src/core/card-text.ts";
import { line, type Card, type CardPart, type CardWord } from "../../src/core/card.ts";
import { createScrubber } from "../../src/core/redaction.ts";
import { Secret } from "../../src/core/secret.ts";
import { visibleBlock, visibleText } from "../../src/core/visible-text.ts";
import { breath, cases, FUZZ_TIMEOUT_MS } from "./cases.ts";
import { hostileText } from "./hostile-text.ts";

const PASSWORD = "correct-horse-battery";
const scrub = createScrubber([new Secret(PASSWORD)]);

const anyText = fc.oneof(
  { weight: 8, arbitrary: hostileText },
  { weight: 1, arbitrary: hostileText.map((text) => `${text}${PASSWORD}${text}`) },
  { weight: 1, arbitrary: hostileText.map((text) => text.repeat(60)) },
);
const word: fc.Arbitrary<CardWord> = fc.oneof(
  anyText,
  anyText.map((bold) => ({ bold })),
  anyText.map((code) => ({ code })),
  anyText.map((faint) => ({ faint })),
  fc
    .tuple(anyText, fc.integer({ min: 1, max: 9_999_999_999 }))
    .map(([mention, telegram]) => ({ mention, telegram })),
);
const part: fc.Arbitrary<CardPart> = fc.oneof(
  fc.array(word, { maxLength: 6 }).map((words) => line(...words)),
  fc.array(anyText, { maxLength: 6 }).map((lines) => ({ kind: "folded", lines }) as const),
  anyText.map((text) => ({ kind: "code", text, language: "sql" }) as const),
);
const action = fc.record({
  label: anyText.map((text) => `b${text}`),
  command: fc.string({ maxLength: 20 }),
});
const anyCard: fc.Arbitrary<Card> = fc.record({
  title: anyText,
  parts: fc.array(part, { maxLength: 12 }),
  actions: fc.array(fc.array(action, { minLength: 1, maxLength: 3 }), { maxLength: 4 }),
});

const STEERING = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

test.each([
  ["a message", MESSAGE_LIMIT],
  ["a caption", CAPTION_LIMIT],
])(
  "whatever a card says, %s of it is one that Telegram takes as it is",
  async (_what, limit) => {
    await fc.assert(
      fc
        .asyncProperty(anyCard, fc.boolean(), async (card, resent) => {
          const { text, entities, keyboard, whole } = renderCard(card, { limit, resent, scrub });
          expect(text.length).toBeLessThanOrEqual(limit);
          expect(entities.length).toBeLessThanOrEqual(100);
          for (const shown of [text, whole ?? ""]) {
            expect(shown.isWellFormed()).toBe(true);
            expect(shown).not.toMatch(STEERING);
            expect(shown).not.toContain(PASSWORD);
          }
          for (const entity of entities) {
            const parsed = entitySchema.parse(entity);
            expect(misplacement(text, parsed)).toBeUndefined();
          }
          expect(inlineKeyboardSchema.safeParse(keyboard).success).toBe(true);
          expect(JSON.stringify(keyboard)).not.toContain(PASSWORD);
        })
        .beforeEach(breath),
      cases(300, 50_000),
    );
  },
  FUZZ_TIMEOUT_MS,
);

/** What a part is meant to be: its text, and the stretches in it that have a manner, each by its kind. */
function meant(card: Card): { readonly text: string; readonly stretches: readonly string[][] } {
  const words = (text: string): string => visibleText(scrub(text));
  const lines: string[] = [];
  const stretches: string[][] = [];
  const add = (kind: string, text: string): string => {
    if (text !== "") stretches.push([kind, text]);
    return text;
  };
  lines.push(add("bold", words(card.title)));
  for (const part of card.parts) {
    if (part.kind === "line")
      lines.push(part.words.map((one) => add(...said(one, words))).join(""));
    if (part.kind === "folded") {
      lines.push(add("expandable_blockquote", part.lines.map(words).join("\n")));
    }
    if (part.kind === "code") lines.push(add("pre", visibleBlock(scrub(part.text))));
  }
  return { text: lines.join("\n"), stretches: stretches.filter(([kind]) => kind !== "plain") };
}

function said(word: CardWord, words: (text: string) => string): [kind: string, text: string] {
  if (typeof word === "string") return ["plain", words(word)];
  if ("bold" in word) return ["bold", words(word.bold)];
  if ("code" in word) return ["code", words(word.code)];
  if ("faint" in word) return ["italic", words(word.faint)];
  return ["text_mention", words(word.mention)];
}

test(
  "its words are what was said, with the manner that was meant and no other; no text brings one of its own",
  async () => {
    let compared = 0;
    await fc.assert(
      fc
        .asyncProperty(anyCard, async (card) => {
          const { text, entities, whole } = renderCard(card, { limit: 10_000_000, scrub });
          // Of a long title only the beginning is shown; entities have a limit of their own.
          fc.pre(whole === undefined);
          compared += 1;
          const expected = meant(card);
          expect(text).toBe(expected.text);
          const shown = entities.map(({ type, offset, length }) => [
            type,
            text.slice(offset, offset + length),
          ]);
          expect(shown).toEqual(expected.stretches);
          const rung = entities.flatMap((entity) =>
            entity.type === "text_mention" ? [entity] : [],
          );
          const named = card.parts.flatMap((part) =>
            part.kind === "line"
              ? part.words.flatMap((one) =>
                  typeof one === "object" && "mention" in one && one.mention !== ""
                    ? [one.telegram]
                    : [],
                )
              : [],
          );
          expect(rung.map(({ user }) => user.id)).toEqual(named);
        })
        .beforeEach(breath),
      cases(300, 50_000),
    );
    expect(compared).toBeGreaterThan(100);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "at a terminal a card steers nothing and breaks no line",
  async () => {
    await fc.assert(
      fc
        .asyncProperty(anyCard, async (card) => {
          const text = cardText(card);
          expect(text).not.toMatch(STEERING);
          const breaks = card.parts.reduce(
            (sum, part) =>
              sum +
              1 +
              (part.kind === "folded" ? Math.max(0, part.lines.length - 1) : 0) +
              (part.kind === "code" ? part.text.split("\n").length - 1 : 0),
            0,
          );
          expect(text.split("\n")).toHaveLength(breaks + 1);
        })
        .beforeEach(breath),
      cases(200, 20_000),
    );
  },
  FUZZ_TIMEOUT_MS,
);
