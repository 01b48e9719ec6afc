import { scrub } from "./redaction.ts";

const ARMOR_BEGINS = "-----BEGIN AGE ENCRYPTED FILE-----";
const ARMOR_ENDS = "-----END AGE ENCRYPTED FILE-----";
const ARMOR_LIMIT = 4_000;
const SHORTEST = 20;

/** The file that age has sealed and armored, wherever in a text it stands; undefined when there is none, whole. */
export function armoredIn(text: string): string | undefined {
  const from = text.indexOf(ARMOR_BEGINS);
  const to = text.indexOf(ARMOR_ENDS, from);
  if (from < 0 || to < 0) return undefined;
  const armored = `${text.slice(from, to)}${ARMOR_ENDS}\n`;
  return armored.length > ARMOR_LIMIT ? undefined : armored;
}

/**
 * Whether somebody has pasted what only few may know. Rather once too often than once too rarely: what is taken for a
 * secret is deleted from a private chat, where nobody else misses it.
 */
export function looksLikeSecret(text: string): boolean {
  if (scrub(text) !== text) return true;
  return text.split(/\s+/).some(isRandom);
}

/** What the name of a secret can be. */
const NAME = /^[a-z][a-z0-9-]{0,23}$/;
/** What is typed behind the name of a secret. */
const MANNERS = ["exposed", "back"];

/**
 * Whether somebody has typed a secret behind `/rotate`, where a value is never taken: whatever stands behind `supply` and a
 * name, and what looks like a secret elsewhere. A name alone is none, however random it looks.
 */
export function typesSecret(command: string): boolean {
  const [name = "", ...words] = command.replace(/^\//, "").split(/\s+/);
  if (name !== "rotate") return false;
  const said = words.filter((word) => word !== "" && !word.startsWith("@"));
  const [first = "", ...values] = said[0] === "supply" ? said.slice(1) : said;
  const isSupplied = said[0] === "supply" && values.length > 0;
  const isSecret = (word: string): boolean => !MANNERS.includes(word) && looksLikeSecret(word);
  return isSupplied || (!NAME.test(first) && isSecret(first)) || values.some(isSecret);
}

/** A long word of letters and digits without a sentence's punctuation, which nobody would type by hand. */
function isRandom(word: string): boolean {
  if (word.length < SHORTEST || /^https?:\/\//i.test(word)) return false;
  return /^[\w+/=.|:~-]+$/.test(word) && /\d/.test(word) && /[a-z]/i.test(word);
}

/** What somebody types to seal a secret for us; it reads the keyboard, so that nothing stands in the history of a shell. */
export function sealCommand(recipient: string): string {
  return `age -a -r ${recipient}`;
}
