import type { Card, CardPart } from "./card.ts";

/** A card as plain text, for a terminal and for files. */
export function cardText(card: Card): string {
  return [card.title, ...card.parts.map(partText)].join("\n");
}

function partText(part: CardPart): string {
  switch (part.kind) {
    case "line":
      return part.words
        .map((word) => (typeof word === "string" ? word : Object.values(word).join("")))
        .join("");
    case "folded":
      return part.lines.map((text) => `  ${text}`).join("\n");
    case "code":
      return part.text
        .split("\n")
        .map((text) => `    ${text}`)
        .join("\n");
  }
}
