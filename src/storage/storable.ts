const NUL = "⟨U+0000⟩";

/** PostgreSQL holds no NUL and no half of a character; what is kept in their place can be seen. */
export function storableText(text: string): string {
  return text.replaceAll("\0", NUL).toWellFormed();
}

/** A value for a column of JSON, every text in it storable. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) =>
    typeof member === "string" ? storableText(member) : member,
  );
}
