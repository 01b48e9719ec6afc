import type { Secret } from "./secret.ts";

const MASK = "[secret]";

/**
 * Every pattern runs in linear time: repetitions that could start at many places are bounded or anchored, because the
 * text may come from an attacker. The last group of a pattern, if it has one, is what stays in front of the mask.
 */
const PATTERNS: readonly RegExp[] = [
  // A private key up to its end, or to the end of the text when it was cut.
  /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----[^]*?(?:-----END [A-Z0-9 ]{0,60}-----|$)/g,
  /AGE-SECRET-KEY-1[A-Z0-9]{10,}/gi,
  // The key that signs notes, such as those of the evidence log.
  /PRIVATE\+KEY\+[^\s+]{1,256}\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{20,}/g,
  // The token of a Telegram bot, also inside `/bot<token>/`.
  /\d{6,12}:[\w-]{30,}/g,
  // The password of a URL, or a token that stands in place of the user.
  /(:\/\/[^\s/?#:@"']{0,256}:)[^\s/?#"']{1,512}(?=@)/g,
  /(:\/\/)[^\s/?#:@"']{20,512}(?=@)/g,
  /([?&](?:access_token|api_?key|key|password|secret|sig|signature|token)=)[^&\s#"']+/gi,
  /(\bbearer[ \t]{1,8})[\w.~+/=|-]{6,}/gi,
  /(\bauthorization["']?[ \t]{0,8}[:=][ \t]{0,8}["']?basic[ \t]{1,8})[\w+/=-]{4,}/gi,
  // An API token of Coolify.
  /\d{1,12}\|\w{40,}/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g,
  /(aws_?secret_?access_?key["']?[ \t]{0,8}[:=][ \t]{0,8}["']?)[\w+/=-]{16,}/gi,
  // A JSON Web Token.
  /(?<![\w-])eyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]*/g,
  // Keys that providers mark by a prefix.
  /\b(?:xai|sk|sk-proj|rk)-[A-Za-z0-9]\w{19,}/g,
  /\b(?:gh[opsru]|github_pat)_\w{30,}/g,
];

/** The last net: masks whatever looks like a credential. Types and allow-lists come first; this catches what slipped. */
export function scrub(text: string): string {
  return settled(text, maskForms);
}

function maskForms(text: string): string {
  return PATTERNS.reduce(
    (scrubbed, pattern) =>
      scrubbed.replace(pattern, (_match, kept: unknown) =>
        typeof kept === "string" ? `${kept}${MASK}` : MASK,
      ),
    text,
  );
}

/** Far more often than masks ever made something look like a credential that did not before. */
const PASSES_AT_MOST = 8;

/** Masks until there is nothing left to mask, so that what was scrubbed stays as it is wherever it is scrubbed again. */
function settled(text: string, mask: (text: string) => string): string {
  let scrubbed = text;
  for (let passes = 0; passes < PASSES_AT_MOST; passes += 1) {
    const next = mask(scrubbed);
    if (next === scrubbed) break;
    scrubbed = next;
  }
  return scrubbed;
}

/** A scrubber that also knows the very values that this process holds. */
export function createScrubber(secrets: readonly Secret[]): (text: string) => string {
  return createLearningScrubber(secrets).scrub;
}

export type LearningScrubber = {
  readonly scrub: (text: string) => string;
  readonly learn: (secret: Secret) => void;
};

/** The same for a process that comes to know more of them later, such as one that it has just made. */
export function createLearningScrubber(secrets: readonly Secret[]): LearningScrubber {
  const known = new Set(secrets.map((secret) => secret.reveal()));
  let values = spelt(known);
  return {
    scrub: (text) => settled(text, (rest) => maskForms(values.reduce(withoutValue, rest))),
    learn(secret) {
      if (known.has(secret.reveal())) return;
      known.add(secret.reveal());
      values = spelt(known);
    },
  };
}

/** Between the masks, for somebody's password may be a part of that word. */
function withoutValue(text: string, value: string): string {
  if (!text.includes(value)) return text;
  return text
    .split(MASK)
    .map((part) => part.replaceAll(value, MASK))
    .join(MASK);
}

function spelt(values: ReadonlySet<string>): readonly string[] {
  return (
    [...new Set([...values].flatMap(spellings))]
      // Shorter values would mangle ordinary words; the longest first, for one may contain another.
      .filter((value) => value.length >= 6)
      .toSorted((one, other) => other.length - one.length)
  );
}

/** A secret shows up as itself, encoded for a URL or JSON, or as the password inside its URL. */
function spellings(value: string): string[] {
  const url = URL.parse(value);
  const parts = url === null ? [] : [url.password, decoded(url.password)];
  const bearer = /^(?:bearer|basic) +(\S+)$/i.exec(value)?.[1];
  if (bearer !== undefined) parts.push(bearer);
  return [value, ...parts].flatMap((part) => [
    part,
    encodeURIComponent(part.toWellFormed()),
    JSON.stringify(part).slice(1, -1),
    Buffer.from(part).toString("base64"),
  ]);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
