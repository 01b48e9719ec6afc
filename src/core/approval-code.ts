import { createHash } from "node:crypto";

/** Crockford's base 32, as in the names of runs: nothing in it is taken for something else. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_LENGTH = 4;
export const CODE_CHOICES = 3;

/** The four characters that stand for a question on every screen, given its digest. */
export function approvalCode(question: string): string {
  const bytes = createHash("sha256").update(`flightdeck/approval-code\n${question}`).digest();
  return Array.from(bytes.subarray(0, CODE_LENGTH), (byte) => ALPHABET.charAt(byte % 32)).join("");
}

/** The codes to choose from: the right one among made-up ones, in an order that tells nothing; always the same. */
export function codeChoices(question: string): readonly string[] {
  const right = approvalCode(question);
  const wrong: string[] = [];
  for (let n = 0; wrong.length < CODE_CHOICES - 1; n += 1) {
    const made = approvalCode(`${question}\n${n}`);
    if (made !== right && !wrong.includes(made)) wrong.push(made);
  }
  const order = createHash("sha256").update(`flightdeck/approval-order\n${question}`).digest();
  return wrong.toSpliced((order[0] ?? 0) % CODE_CHOICES, 0, right);
}

/** As people type it: case does not matter, and I, L and O are read as 1, 1 and 0. */
export function isCode(typed: string, question: string): boolean {
  const read = typed.toUpperCase().replaceAll(/[IL]/g, "1").replaceAll("O", "0");
  return read === approvalCode(question);
}
