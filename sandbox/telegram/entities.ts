import { z } from "zod";

import { userSchema } from "./user.ts";

const span = { offset: z.int().min(0), length: z.int().min(1) };
const plain = <Type extends string>(type: Type) =>
  z.strictObject({ type: z.literal(type), ...span });

/** A part of a text with a meaning. Offsets and lengths count UTF-16 code units, as JavaScript's strings do. */
export const entitySchema = z.discriminatedUnion("type", [
  plain("mention"),
  plain("hashtag"),
  plain("cashtag"),
  plain("bot_command"),
  plain("url"),
  plain("email"),
  plain("phone_number"),
  plain("bold"),
  plain("italic"),
  plain("underline"),
  plain("strikethrough"),
  plain("spoiler"),
  plain("blockquote"),
  plain("expandable_blockquote"),
  plain("code"),
  z.strictObject({ type: z.literal("pre"), ...span, language: z.string().optional() }),
  z.strictObject({ type: z.literal("text_link"), ...span, url: z.string().min(1) }),
  z.strictObject({ type: z.literal("text_mention"), ...span, user: userSchema }),
  z.strictObject({ type: z.literal("custom_emoji"), ...span, custom_emoji_id: z.string() }),
  z.strictObject({
    type: z.literal("date_time"),
    ...span,
    unix_time: z.int(),
    date_time_format: z
      .string()
      .regex(/^(?:r|w?[dD]?[tT]?)$/, "expected r, or w, d or D, and t or T, in this order")
      .optional(),
  }),
]);
export type Entity = z.output<typeof entitySchema>;

/** What is wrong with an entity in its text, in the words of the real server; undefined when it fits. */
export function misplacement(text: string, entity: Entity): string | undefined {
  const end = entity.offset + entity.length;
  if (splitsSurrogatePair(text, entity.offset)) {
    return `entity begins in a middle of a UTF-16 symbol at byte offset ${byteOffset(text, entity.offset)}`;
  }
  if (end > text.length) {
    return `entity beginning at UTF-16 offset ${entity.offset} ends after the end of the text at UTF-16 offset ${end}`;
  }
  if (splitsSurrogatePair(text, end)) {
    return `entity beginning at UTF-16 offset ${entity.offset} ends in a middle of a UTF-16 symbol at byte offset ${byteOffset(text, end)}`;
  }
  return undefined;
}

const FOUND = [
  { type: "url", pattern: /\bhttps?:\/\/[^\s<>]*[^\s<>.,;:!?)\]}'"]/gu },
  {
    type: "bot_command",
    pattern:
      /(?<![\p{L}\p{N}_/<>@.])\/[a-zA-Z0-9_]{1,64}(?:@[a-zA-Z0-9_]{3,32})?(?![\p{L}\p{N}_/<>])/gu,
  },
  { type: "mention", pattern: /(?<![\p{L}\p{N}_/.])@[a-zA-Z0-9_]{4,32}(?![\p{L}\p{N}_])/gu },
] as const;

/** Telegram finds links, commands and mentions in every text, also beside entities that were given. */
export function withFoundEntities(text: string, given: readonly Entity[]): Entity[] {
  const opaque = given.filter((entity) => ["code", "pre", "text_link"].includes(entity.type));
  const found: Entity[] = [];
  for (const { type, pattern } of FOUND) {
    for (const match of text.matchAll(pattern)) {
      const entity: Entity = { type, offset: match.index, length: match[0].length };
      if (![...opaque, ...found].some((other) => overlap(entity, other))) found.push(entity);
    }
  }
  const isGiven = (entity: Entity) =>
    given.some((other) => other.offset === entity.offset && other.type === entity.type);
  return [...given, ...found.filter((entity) => !isGiven(entity))].toSorted(
    (a, b) => a.offset - b.offset || b.length - a.length,
  );
}

function overlap(a: Entity, b: Entity): boolean {
  return a.offset < b.offset + b.length && b.offset < a.offset + a.length;
}

function splitsSurrogatePair(text: string, offset: number): boolean {
  const [before, after] = [text.charCodeAt(offset - 1), text.charCodeAt(offset)];
  return before >= 0xd800 && before < 0xdc00 && after >= 0xdc00 && after < 0xe000;
}

function byteOffset(text: string, offset: number): number {
  return Buffer.byteLength(text.slice(0, offset - 1)) + 4;
}
