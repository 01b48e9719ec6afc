const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|\p{Cs}/gu;
const INVISIBLE_BUT_LINE_BREAKS = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]|\p{Cs}/gu;

/**
 * Text from outside with everything that could hide, reorder or break what is shown made visible: controls, bidi marks,
 * zero-width characters, line separators and lone surrogates become `⟨U+202E⟩`.
 */
export function visibleText(text: string): string {
  return text.normalize("NFC").replaceAll(INVISIBLE, spell);
}

/** The same for a block of text, in which line breaks and tabs are what they seem. */
export function visibleBlock(text: string): string {
  return text.normalize("NFC").replaceAll(INVISIBLE_BUT_LINE_BREAKS, spell);
}

/** At most `limit` code points, never half a character; what was cut is shown by an ellipsis. */
export function shortened(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const points = Array.from(text);
  return points.length <= limit ? text : `${points.slice(0, limit - 1).join("")}…`;
}

function spell(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}
