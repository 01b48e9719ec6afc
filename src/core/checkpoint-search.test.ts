import { describe, expect, test } from "vitest";

import { notesInChat, notesInText, provenBy } from "./checkpoint-search.ts";
import { checkpointText } from "./checkpoint.ts";
import { generateSigner, signNote } from "./signed-note.ts";

const ORIGIN = "flightdeck/evidence/alpha";
const signer = generateSigner(ORIGIN);
const successor = generateSigner(ORIGIN);
const checkpoint = { origin: ORIGIN, size: 42, root: "ab".repeat(32) };
const note = signNote(checkpointText(checkpoint), [signer]);
const both = signNote(checkpointText({ ...checkpoint, size: 50 }), [signer, successor]);

/** What Telegram Desktop writes for a message. */
function message(id: number, text: unknown, more: object = {}): object {
  return { id, type: "message", date: "2026-11-23T08:00:00", from: "Flightdeck", text, ...more };
}

describe("notes in a text", () => {
  test("are found among other lines, with one signature or two, at the end or not", () => {
    const text = `Hello\n${note}and\n\n${both}\nbye\n${note.trimEnd()}`;
    expect(notesInText(text, "a file").map((one) => one.note)).toEqual([note, both, note]);
    expect(notesInText(note.replaceAll("\n", "\r\n"), "a file")).toEqual([
      { note, seenIn: "a file" },
    ]);
  });

  test("are not what merely looks like them", () => {
    expect(notesInText(note.replace("— ", "- "), "x")).toEqual([]);
    expect(notesInText(note.replace("\n42\n", "\nmany\n"), "x")).toEqual([]);
    expect(notesInText("", "x")).toEqual([]);
  });

  test("are looked for in a time that grows no faster than the text", () => {
    const text = `${"a\n1\n".repeat(100_000)}${"— a b\n".repeat(100_000)}`;
    expect(notesInText(text, "x")).toEqual([]);
  });
});

describe("notes in an exported chat", () => {
  test("are found in plain texts and in pieces, and tell who edited what", () => {
    const chat = {
      name: "Ops",
      messages: [
        message(1, "good morning"),
        message(2, note.trimEnd()),
        message(3, ["Today's checkpoint:\n", { type: "pre", text: both.trimEnd(), language: "" }]),
        message(4, note, { edited: "2026-11-24T09:00:00" }),
        { id: 5, type: "service", action: "pin_message" },
        null,
      ],
    };
    expect(notesInChat(chat, "export.json")).toEqual([
      { note, seenIn: "export.json, message 2 of 2026-11-23T08:00:00" },
      { note: both, seenIn: "export.json, message 3 of 2026-11-23T08:00:00" },
      {
        note,
        seenIn: "export.json, message 4 of 2026-11-23T08:00:00, edited 2026-11-24T09:00:00",
      },
    ]);
  });

  test.each([[null], [[]], [{ messages: "none" }], ["text"]])("are not in %j", (json) => {
    expect(notesInChat(json, "x")).toBeUndefined();
  });
});

describe("what notes prove", () => {
  test("is what a key of their log signed", () => {
    const sightings = [note, both].map((one) => ({ note: one, seenIn: "git" }));
    expect(provenBy(sightings, [signer.verifier])).toEqual([
      { ...checkpoint, seenIn: "git", isNote: true },
      { ...checkpoint, size: 50, seenIn: "git", isNote: true },
    ]);
    expect(provenBy(sightings, [successor.verifier])).toMatchObject([{ size: 50 }]);
  });

  test("is nothing when a stranger signed, or the key of another log", () => {
    const stranger = generateSigner("flightdeck/evidence/staging");
    const foreign = signNote(checkpointText(checkpoint), [stranger]);
    const sightings = [note, foreign].map((one) => ({ note: one, seenIn: "git" }));
    expect(provenBy(sightings, [stranger.verifier])).toEqual([]);
    expect(provenBy([{ note: note.replace("42", "43"), seenIn: "x" }], [signer.verifier])).toEqual(
      [],
    );
  });
});
