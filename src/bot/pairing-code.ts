import { randomInt } from "node:crypto";

/** No letter that is read as a digit, so that a code survives being read aloud. */
const ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH = 8;

/** About 39 bits: five guesses within ten minutes come to nothing. */
export function newPairingCode(): string {
  const letters = Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]);
  return `${letters.slice(0, LENGTH / 2).join("")}-${letters.slice(LENGTH / 2).join("")}`;
}

/** Phones change case and dashes; the letters count. */
export function samePairingCode(typed: string, code: string): boolean {
  return lettersOf(typed) === lettersOf(code);
}

function lettersOf(text: string): string {
  return text.toUpperCase().replaceAll(/[^0-9A-Z]/g, "");
}
