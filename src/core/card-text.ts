import type { Card, CardPart, CardWord } from "./card.ts";
import { visibleBlock, visibleText } from "./visible-text.ts";

/** A card as plain text, for a terminal and for files; no text from outside can steer the terminal. */
export function cardText(card: Card): string {
  return [visibleText(card.title), ...card.parts.map(partText)].join("\n");
}

function partText(part: CardPart): string {
  switch (part.kind) {
    case "line":
      return part.words.map(spoken).map(visibleText).join("");
    case "folded":
      return part.lines.map((text) => `  ${visibleText(text)}`).join("\n");
    case "code":
      return visibleBlock(part.text)
        .split("\n")
        .map((text) => `    ${text}`)
        .join("\n");
  }
}

function spoken(word: CardWord): string {
  if (typeof word === "string") return word;
  return "mention" in word ? word.mention : Object.values(word).join("");
}
