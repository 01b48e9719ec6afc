import { randomInt } from "node:crypto";

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz";

/** What Coolify calls a uuid: 24 small letters and digits. */
export function newUuid(): string {
  return Array.from({ length: 24 }, () => alphabet[randomInt(alphabet.length)]).join("");
}
