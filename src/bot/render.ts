import type { InlineKeyboardMarkup, MessageEntity, User } from "grammy/types";

import type { Card, CardAction, CardPart, CardWord } from "../core/card.ts";
import { shortened, visibleBlock, visibleText } from "../core/visible-text.ts";

/** Telegram's limits, in UTF-16 units for texts and in bytes for what a button carries. */
export const MESSAGE_LIMIT = 4096;
export const CAPTION_LIMIT = 1024;
const CALLBACK_LIMIT_BYTES = 64;
const TITLE_LIMIT = 200;
const ENTITY_LIMIT = 100;

/** Marks callback data that types a command. */
export const COMMAND_PREFIX = "c:";

export type RenderedCard = {
  readonly text: string;
  readonly entities: MessageEntity[];
  readonly keyboard: InlineKeyboardMarkup;
  /** Set when the text could not hold the whole card; then this is all of it, plain. */
  readonly whole: string | undefined;
};

export type RenderOptions = {
  readonly limit?: number;
  readonly resent?: boolean;
  /** The last net under every word that goes out. */
  readonly scrub: (text: string) => string;
};

/** A card as a message: text and entities, never markup to be parsed, so no text from outside can break or inject. */
export function renderCard(card: Card, options: RenderOptions): RenderedCard {
  const { limit = MESSAGE_LIMIT, resent = false, scrub } = options;
  const clean: Clean = {
    words: (text) => visibleText(scrub(text)),
    block: (text) => visibleBlock(scrub(text)),
  };
  const title = clean.words(card.title);
  const shownTitle = shortened(title, TITLE_LIMIT);
  const paragraphs = card.parts.map((part) => partParagraph(part, clean));
  const { text, entities, cut } = fit([titleParagraph(shownTitle, resent), ...paragraphs], limit);
  return {
    text,
    entities,
    keyboard: {
      inline_keyboard: card.actions.map((row) => row.map((action) => button(action, clean))),
    },
    whole:
      cut || shownTitle !== title
        ? [title, ...paragraphs.map((paragraph) => paragraph.text)].join("\n")
        : undefined,
  };
}

type Clean = {
  readonly words: (text: string) => string;
  readonly block: (text: string) => string;
};
type Paragraph = { readonly text: string; readonly entities: readonly MessageEntity[] };

const CUT_NOTE = "\n… cut here";

function fit(
  paragraphs: readonly Paragraph[],
  limit: number,
): { readonly text: string; readonly entities: MessageEntity[]; readonly cut: boolean } {
  let text = "";
  const entities: MessageEntity[] = [];
  for (const [index, paragraph] of paragraphs.entries()) {
    const separator = index === 0 ? "" : "\n";
    const last = index === paragraphs.length - 1;
    const room = limit - (last ? 0 : CUT_NOTE.length);
    const fits =
      text.length + separator.length + paragraph.text.length <= room &&
      entities.length + paragraph.entities.length <= ENTITY_LIMIT;
    if (!fits) return { text: text + CUT_NOTE, entities, cut: true };
    const offset = text.length + separator.length;
    text += separator + paragraph.text;
    entities.push(
      ...paragraph.entities.map((entity) => ({ ...entity, offset: entity.offset + offset })),
    );
  }
  return { text, entities, cut: false };
}

function titleParagraph(title: string, resent: boolean): Paragraph {
  const { text, entities } = styled(title, { type: "bold" });
  return { text: resent ? `${text} (resent)` : text, entities };
}

function partParagraph(part: CardPart, clean: Clean): Paragraph {
  switch (part.kind) {
    case "line":
      return lineParagraph(part.words, clean);
    case "folded":
      return styled(part.lines.map(clean.words).join("\n"), {
        type: "expandable_blockquote",
      });
    case "code":
      return styled(clean.block(part.text), {
        type: "pre",
        ...(part.language === undefined ? {} : { language: part.language }),
      });
  }
}

function lineParagraph(words: readonly CardWord[], clean: Clean): Paragraph {
  let text = "";
  const entities: MessageEntity[] = [];
  for (const word of words) {
    const { said, entity } = manner(word);
    const shown = clean.words(said);
    if (entity && shown !== "") {
      entities.push({ ...entity, offset: text.length, length: shown.length });
    }
    text += shown;
  }
  return { text, entities };
}

type WordEntity =
  | { readonly type: "bold" | "code" | "italic" }
  | { readonly type: "text_mention"; readonly user: User };

function manner(word: CardWord): { readonly said: string; readonly entity?: WordEntity } {
  if (typeof word === "string") return { said: word };
  if ("bold" in word) return { said: word.bold, entity: { type: "bold" } };
  if ("code" in word) return { said: word.code, entity: { type: "code" } };
  if ("faint" in word) return { said: word.faint, entity: { type: "italic" } };
  // Telegram goes by the number alone.
  const user = { id: word.telegram, is_bot: false, first_name: word.mention };
  return { said: word.mention, entity: { type: "text_mention", user } };
}

type WholeEntity =
  | { readonly type: "bold" }
  | { readonly type: "expandable_blockquote" }
  | { readonly type: "pre"; readonly language?: string };

function styled(text: string, entity: WholeEntity): Paragraph {
  return {
    text,
    entities: text === "" ? [] : [{ ...entity, offset: 0, length: text.length }],
  };
}

function button(action: CardAction, clean: Clean) {
  const data = `${COMMAND_PREFIX}${action.command}`;
  if (Buffer.byteLength(data) > CALLBACK_LIMIT_BYTES) {
    throw new RangeError(`A button cannot carry "${action.command}": it is over 64 bytes.`);
  }
  return {
    text: clean.words(action.label),
    callback_data: data,
    ...(action.style === undefined ? {} : { style: action.style }),
  };
}
