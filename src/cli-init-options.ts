import { basename } from "node:path";

import type { CommandLine } from "./core/command-line.ts";
import { nearest } from "./core/nearest.ts";

export const INIT_USAGE = `flightdeck init [--file FILE] [--token-file FILE | --token-env NAME] [--operators N] [--health-url URL]
       [--target NAME] [--api-root URL] [--delete-webhook]

The bot's token comes on standard input unless a file or a variable is named.
`;

const DEFAULT_FILE = "ops/production.yaml";
const FLAGS = [
  "file",
  "token-file",
  "token-env",
  "operators",
  "health-url",
  "target",
  "api-root",
  "delete-webhook",
];

export type InitOptions = {
  readonly file: string;
  readonly target: string;
  readonly apiRoot: string | undefined;
  readonly tokenFile: string | undefined;
  readonly tokenEnv: string | undefined;
  /** How many operators are paired in all; until Enter when left out. */
  readonly people: number | undefined;
  readonly healthUrl: string | undefined;
  readonly deleteWebhook: boolean;
};

export type UnderstoodInit =
  | { readonly ok: true; readonly options: InitOptions }
  | { readonly ok: false; readonly message: string };

/** Reads what `init` was called with, and says what would be right. */
export function understandInit({ words, flags }: CommandLine): UnderstoodInit {
  const refused = (message: string): UnderstoodInit => ({ ok: false, message });
  // Neither is repeated: it may be a token that somebody gave as an argument.
  if (words.length > 0) return refused("init takes options only; the token never is an argument.");
  const stray = Object.keys(flags).find((flag) => !FLAGS.includes(flag));
  if (stray !== undefined) {
    const meant = nearest(stray, FLAGS);
    return refused(
      `There is no option --${stray}${meant === undefined ? "." : `; did you mean --${meant}?`}`,
    );
  }
  const empty = Object.keys(flags).find((flag) => flag !== "delete-webhook" && flags[flag] === "");
  if (empty !== undefined) return refused(`--${empty} lacks its value.`);
  const { file = DEFAULT_FILE, operators } = flags;
  const target = flags["target"] ?? basename(file).replace(/\.ya?ml$/, "");
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(target)) {
    return refused(
      "The target needs a short name of small letters, digits and dashes: --target production",
    );
  }
  if (operators !== undefined && !/^[1-9]\d?$/.test(operators)) {
    return refused("--operators takes how many people are paired in all, from 1 to 99.");
  }
  const url = ["health-url", "api-root"].find(
    (flag) => flags[flag] !== undefined && !isHttpUrl(flags[flag]),
  );
  if (url !== undefined)
    return refused(`--${url} takes an address that begins with https:// or http://.`);
  if (flags["token-file"] !== undefined && flags["token-env"] !== undefined) {
    return refused("Give one of --token-file and --token-env.");
  }
  return {
    ok: true,
    options: {
      file,
      target,
      apiRoot: flags["api-root"],
      tokenFile: flags["token-file"],
      tokenEnv: flags["token-env"],
      people: operators === undefined ? undefined : Number(operators),
      healthUrl: flags["health-url"],
      deleteWebhook: flags["delete-webhook"] !== undefined,
    },
  };
}

export function isHttpUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && ["http:", "https:"].includes(url.protocol);
}
