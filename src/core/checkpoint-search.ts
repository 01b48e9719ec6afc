import { z } from "zod";

import type { OutsideCheckpoint } from "./log-verifier.ts";
import { checkpointIn } from "./note-checkpoint.ts";
import { openNote, type NoteVerifier } from "./signed-note.ts";

/** A text that may hold a signed checkpoint, and where it was found. */
export type Sighting = { readonly note: string; readonly seenIn: string };

/** Three lines, an empty one and signatures, wherever they stand in a text. */
const NOTE =
  /(?:^|(?<=\n))[^\n]+\n\d{1,16}\n[A-Za-z0-9+/]{43}=\n\n(?:— [^\n ]+ [A-Za-z0-9+/=]+(?:\n|$))+/g;

/** What somebody copied into a file: every note in it. */
export function notesInText(text: string, seenIn: string): readonly Sighting[] {
  return [...text.replaceAll("\r\n", "\n").matchAll(NOTE)].map(([note]) => ({
    // The end of a message loses its line break.
    note: note.endsWith("\n") ? note : `${note}\n`,
    seenIn,
  }));
}

const piece = z.union([z.string(), z.looseObject({ text: z.string() })]);
const messageSchema = z.looseObject({
  id: z.number().optional(),
  date: z.string().optional(),
  /** There only when the message was edited. */
  edited: z.string().optional(),
  text: z.union([z.string(), z.array(piece)]).optional(),
});
const exportSchema = z.looseObject({ messages: z.array(z.unknown()) });

/** Every note in the messages of a chat, as Telegram Desktop exports them in JSON; undefined when it is no such export. */
export function notesInChat(json: unknown, name: string): readonly Sighting[] | undefined {
  const chat = exportSchema.safeParse(json);
  if (!chat.success) return undefined;
  return chat.data.messages.flatMap((message) => {
    const { data } = messageSchema.safeParse(message);
    if (data?.text === undefined) return [];
    const { text, id, date, edited } = data;
    const pieces = typeof text === "string" ? [text] : text;
    const whole = pieces.map((one) => (typeof one === "string" ? one : one.text)).join("");
    const change = edited === undefined ? "" : `, edited ${edited}`;
    return notesInText(whole, `${name}, message ${id ?? "?"} of ${date ?? "?"}${change}`);
  });
}

/**
 * What the notes prove about a log: those that a key of the log signed. Others say nothing, because anybody can write
 * into a chat what looks like one.
 */
export function provenBy(
  sightings: readonly Sighting[],
  keys: readonly NoteVerifier[],
): readonly OutsideCheckpoint[] {
  return sightings.flatMap(({ note, seenIn }) => {
    const checkpoint = checkpointIn(note);
    const ours = keys.filter(({ name }) => name === checkpoint?.origin);
    if (!checkpoint || openNote(note, ours).kind !== "signed") return [];
    return [{ ...checkpoint, seenIn, isNote: true }];
  });
}
