import type { Entry } from "./entry.ts";
import { shortened } from "./visible-text.ts";

/** An entry as it is kept: what it says, the exact text that was hashed, and the hash. */
export type Recorded = { readonly entry: Entry; readonly canonical: string; readonly hash: string };

/** The last entry of the file before, which this one goes on from. */
export type LogPlace = { readonly seq: string; readonly hash: string };

/** The longest token of a heading, in code points; what was cut stands whole in the line of JSON. */
const LONGEST_TOKEN = 80;

/** What opens a file of the log: what it is, how anybody checks it, and where it begins. */
export function logHeader(log: {
  readonly target: string;
  readonly origin: string;
  readonly after: LogPlace | undefined;
}): string {
  const { target, origin, after } = log;
  const begins = after ? `continues #${after.seq}, sha256 \`${after.hash}\`` : "with #1";
  return `# Evidence log of ${target}

What Flightdeck did for the target \`${target}\`, who asked for it and what came of it, in the order of its recording.
This file is written by Flightdeck alone; please do not edit it. Every entry holds the hash of the one before it, and
signed checkpoints vouch for all the entries in front of them, so that nothing can be changed, removed, inserted or
moved without being found. Anybody can look, without asking Flightdeck, in the folder that holds \`log.md\`:

    flightdeck evidence verify . --key keys/${target}.vkey

Take the key from where you trust it, and compare with a checkpoint that you kept elsewhere (\`--chat\`, \`--git\`).

- origin: \`${origin}\`
- begins: ${begins}

${endMarker("header")}

`;
}

/** One entry: a heading that tells the whole of it, who and where, its place in the chain, and the very text hashed. */
export function entryBlock({ entry, canonical, hash }: Recorded): string {
  const { seq, at, kind, actor, operation, step } = entry;
  const time = `${at.slice(0, 10)} ${at.slice(11, 19)}Z`;
  const what = [actor.name, operation, ...(step === undefined ? [] : [step]), resultOf(entry)];
  const who =
    actor.via === "flightdeck"
      ? "flightdeck itself"
      : `${actor.role} ${actor.telegram} by ${actor.via}`;
  const where = [entry.run ?? entry.cause ?? "no run", who, entry.build, entry.instance];
  return `## #${seq} · ${time} · ${what.map(token).join(" · ")}

${kind} · ${where.map(token).join(" · ")}
\`sha256:${shortHash(hash)}\` ← \`sha256:${shortHash(entry.prev)}\`

\`\`\`json
${canonical}
\`\`\`

${endMarker(seq, hash)}

`;
}

/** One signed checkpoint, its note to the letter. */
export function checkpointBlock(note: string): string {
  const size = note.split("\n")[1] ?? "";
  return `### Checkpoint of ${size} entries

\`\`\`checkpoint
${note}\`\`\`

${endMarker("checkpoint", size)}

`;
}

/** The last line of every block that says anything; an empty line follows it. */
function endMarker(...words: readonly string[]): string {
  return `<!-- end ${words.join(" ")} -->`;
}

function resultOf({ kind, result }: Entry): string {
  switch (kind) {
    case "run.intent":
      return "asked";
    case "step.intent":
      return "begins";
    case "run.unknown":
      return "in doubt";
    case "run.decision":
      return `decided ${result ?? ""}`;
    default:
      return result ?? kind.slice(kind.indexOf(".") + 1);
  }
}

/**
 * What would hide or reorder text, and the dot that separates tokens. A fixed list and not Unicode's classes: these grow,
 * and a file must be rendered alike by every version of Node.
 */
const UNSHOWABLE =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class -- it lists what must not get through
  /[\u0000-\u001f\u007f-\u009f\u00ad\u00b7\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff\u{e0000}-\u{e0fff}]|\p{Cs}/gu;
const MARKUP = /[\\`*_[\]<>&~|$@#!/]/g;

/** What needs no second look, which is nearly everything: a log is rendered again whenever it is verified. */
const PLAIN = /^[\w .,:;=()+'%?-]*$/;

/** A word of a heading: it stays on its line, and is text whatever markup it looks like. */
function token(text: string): string {
  const isPlain = text.length <= LONGEST_TOKEN && PLAIN.test(text) && !text.includes("_");
  if (isPlain) return text.trim() === "" ? "(empty)" : text.trim();
  const shown = shortened(text, LONGEST_TOKEN)
    .replaceAll(UNSHOWABLE, spell)
    .replaceAll(MARKUP, String.raw`\$&`)
    .trim();
  return shown === "" ? "(empty)" : shown;
}

function spell(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

function shortHash(hash: string): string {
  return `${hash.slice(0, 12)}…`;
}
