/** A command as typed, in the chat or at a terminal, taken apart but not yet understood. */
export type CommandLine = {
  readonly name: string;
  readonly words: readonly string[];
  readonly flags: Readonly<Record<string, string>>;
};

/** Phones turn two hyphens into a dash and straight quotes into curly ones; the meaning stays. */
const LONG_DASH = /^[—–]/;
const TOKEN = /[“”"]([^“”"]*)[“”"]|(\S+)/g;

/** Takes a line of the chat apart, `/preflight api-is-live --failed-of R-7`; quotes hold words together. */
export function splitLine(text: string): readonly string[] {
  return [...text.matchAll(TOKEN)].map((match) => match[1] ?? match[2] ?? "");
}

/** A flag takes the token after it as its value; one that stands last, or before another flag, has the value "". */
export function parseCommandLine(tokens: readonly string[]): CommandLine {
  const [first = "", ...rest] = tokens;
  const words: string[] = [];
  const flags: Record<string, string> = {};
  let flag: string | undefined;
  for (const token of rest) {
    const name = flagName(token);
    if (name !== undefined) {
      flags[name] = "";
      flag = name;
    } else if (flag !== undefined) {
      flags[flag] = token;
      flag = undefined;
    } else {
      words.push(token);
    }
  }
  return { name: first, words, flags };
}

function flagName(token: string): string | undefined {
  return /^--([a-z][a-z-]*)$/.exec(token.replace(LONG_DASH, "--"))?.[1];
}
