import { scrub } from "./redaction.ts";
import { visibleText } from "./visible-text.ts";

/** An address of somebody else as it may be shown: many programs put a secret into its path or query. */
export function shownUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null) return visibleText(scrub(text));
  const rest = url.pathname === "/" && url.search === "" ? "/" : "/…";
  return `${url.protocol}//${url.host}${rest}`;
}
