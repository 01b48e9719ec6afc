import { shortened, visibleText } from "../../core/visible-text.ts";

const LIMIT = 60;

/** `sqlalchemy.exc.IntegrityError`, `TypeError`: the name that a language gives to what went wrong. */
const NAMED = /^(?:[\w.]*\.)?\w*(?:Error|Exception|Timeout|Failure)(?=$|[\s:()])/;
/** Where what went wrong ends and what it went wrong on begins: an address, a query, the values of one. */
const DETAIL = /\s*(?:[([{]|: |https?:|\bfor url\b|\bwith\b).*$/s;

/**
 * What kind of error a text tells of. The rest of it may be a query with somebody's words in it, or an address with a
 * password, and is not for a chat.
 */
export function errorClass(text: string, scrub: (text: string) => string): string {
  const [first = ""] = scrub(text.trim()).split("\n");
  const clean = visibleText(first.replace(/^[(<\s]+/, ""));
  const named = NAMED.exec(clean)?.[0].split(".").at(-1);
  return shortened(named ?? clean.replace(DETAIL, ""), LIMIT);
}
