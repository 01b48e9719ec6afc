import { expect, test } from "vitest";

import { cardText } from "./card-text.ts";
import { line, plainCard, type Card } from "./card.ts";

test("a card reads as plain text: title, lines, folded lines and code indented, no buttons", () => {
  const card: Card = {
    title: "alpha · GO",
    parts: [
      line({ bold: "R-7" }, " by ", { code: "Ada" }, { faint: " today" }),
      { kind: "folded", lines: ["✓ one", "✓ two"] },
      { kind: "code", text: "first\nsecond", language: "sql" },
    ],
    actions: [[{ label: "Run again", command: "preflight" }]],
  };
  expect(cardText(card)).toBe(
    "alpha · GO\nR-7 by Ada today\n  ✓ one\n  ✓ two\n    first\n    second",
  );
});

test("a plain card is a title and lines", () => {
  expect(cardText(plainCard("title"))).toBe("title");
  expect(cardText(plainCard("title", "one", "two"))).toBe("title\none\ntwo");
});

test("nothing in a card can steer the terminal or hide what it shows", () => {
  const hostile = "\u001B]0;owned\u0007\u202Eevil\r";
  const text = cardText({
    title: hostile,
    parts: [
      line(hostile, { bold: hostile }, { code: hostile }, { faint: hostile }),
      { kind: "folded", lines: [hostile] },
      { kind: "code", text: `${hostile}\n\t${hostile}` },
    ],
    actions: [],
  });
  expect(text.replaceAll(/[\n\t]/g, "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(text.match(/⟨U\+001B⟩/g)).toHaveLength(8);
});
