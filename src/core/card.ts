import { z } from "zod";

import { ANSWER_COMMAND } from "./approval-token.ts";

/** A stretch of text with one manner; a plain string has none. Text is always shown as it is, never parsed as markup. */
const wordSchema = z.union([
  z.string(),
  z.strictObject({ bold: z.string() }),
  z.strictObject({ code: z.string() }),
  z.strictObject({ faint: z.string() }),
  /** A person who is called: the name rings the phone of whoever has this number. */
  z.strictObject({ mention: z.string(), telegram: z.number() }),
]);

const partSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("line"), words: z.array(wordSchema).readonly() }),
  z.strictObject({ kind: z.literal("folded"), lines: z.array(z.string()).readonly() }),
  z.strictObject({ kind: z.literal("code"), text: z.string(), language: z.string().optional() }),
]);

const actionSchema = z.strictObject({
  label: z.string(),
  /** The command line that a tap types, without the slash. A tap is a command: same parser, role and freshness. */
  command: z.string(),
  style: z.enum(["danger", "success", "primary"]).optional(),
});

/** A message about a subject. The title is its first line: target and verdict; it alone shows on a lock screen. */
export const cardSchema = z.strictObject({
  title: z.string(),
  parts: z.array(partSchema).readonly(),
  actions: z.array(z.array(actionSchema).readonly()).readonly(),
});

export type Card = z.output<typeof cardSchema>;
export type CardPart = z.output<typeof partSchema>;
export type CardAction = z.output<typeof actionSchema>;
export type CardWord = z.output<typeof wordSchema>;

export function line(...words: readonly CardWord[]): CardPart {
  return { kind: "line", words };
}

/** Makes every button mean this target wherever it is tapped, for a process that serves several. */
export function addressedTo(target: string, card: Card): Card {
  const address = (command: string): string =>
    // What answers a question finds its target by itself, and fills its button.
    command.startsWith(`${ANSWER_COMMAND} `) ? command : command.replace(/^\S+/, `$& @${target}`);
  return {
    ...card,
    actions: card.actions.map((row) =>
      row.map((action) => ({ ...action, command: address(action.command) })),
    ),
  };
}

/** A card of one title and some lines, which is what most answers are. */
export function plainCard(title: string, ...lines: readonly string[]): Card {
  return { title, parts: lines.map((text) => line(text)), actions: [] };
}
