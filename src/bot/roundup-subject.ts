/** The subject of a storm's card; its words stand under `word:` and this. */
export function stormSubject(id: string): string {
  return `storm:${id}`;
}

/** The word that says what happened while nobody could be told. It has no other card. */
export function awaySubject(id: string): string {
  return `word:away:${id}`;
}

/** The words of a storm. The end of the name keeps the tenth storm's words from being the first's. */
export function stormWords(id: string): string {
  return `word:${stormSubject(id)}:`;
}

/** Which message about which roundup a subject means. */
export type RoundupMessage = {
  readonly id: string;
  readonly as: "storm" | "storm-word" | "away";
};

export function roundupMessageOf(subject: string): RoundupMessage | undefined {
  const [, word, kind, id] = /^(word:)?(storm|away):(\d+)/.exec(subject) ?? [];
  if (id === undefined) return undefined;
  if (kind === "away") return { id, as: "away" };
  return { id, as: word === undefined ? "storm" : "storm-word" };
}
