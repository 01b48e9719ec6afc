import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import { SetupError } from "./bot/setup-error.ts";
import type { CliInput } from "./cli-input.ts";
import type { Terminal } from "./cli-terminal.ts";
import { Secret } from "./core/secret.ts";
import { botTokenProblem } from "./systems/telegram-bot.ts";

export type TokenSource = {
  readonly tokenFile: string | undefined;
  readonly tokenEnv: string | undefined;
};

export type GivenToken = {
  readonly token: Secret;
  /** How a configuration refers to it. */
  readonly reference: string;
  /** Puts it where the reference leads, if it is not there yet. */
  keep(): Promise<void>;
};

/** In the folder that holds what must survive, which belongs in no repository. */
const KEPT_AT = "data/bot-token";

/**
 * Takes the bot's token from a file, a variable, or standard input; never from an argument, which every process of the
 * machine can read.
 *
 * @throws {SetupError} when there is none, or it cannot be one
 */
export async function takeToken(
  terminal: Pick<Terminal, "sources" | "stdin" | "stderr">,
  input: CliInput,
  { tokenFile, tokenEnv }: TokenSource,
  signal: AbortSignal,
): Promise<GivenToken> {
  if (tokenFile !== undefined) {
    const token = tokenFrom(await contentOf(tokenFile), tokenFile);
    await warnOfReaders(tokenFile, terminal.stderr);
    return { token, reference: `\${file:${tokenFile}}`, keep: async () => {} };
  }
  if (tokenEnv !== undefined) {
    const token = tokenFrom(terminal.sources.environment[tokenEnv], `the variable ${tokenEnv}`);
    return { token, reference: `\${env:${tokenEnv}}`, keep: async () => {} };
  }
  terminal.stderr("The bot's token, as BotFather gave it (it stays unseen):\n");
  const token = tokenFrom(await input.nextHiddenLine(signal), "standard input");
  const kept = await contentOf(KEPT_AT);
  if (kept !== undefined && kept.trim() !== token.reveal()) {
    throw new SetupError(
      `${KEPT_AT} exists and holds another token. Move it away if it is of no use any more, or use it by ` +
        `--token-file ${KEPT_AT}.`,
    );
  }
  return {
    token,
    reference: `\${file:${KEPT_AT}}`,
    async keep() {
      if (kept !== undefined) return;
      await mkdir(dirname(KEPT_AT), { recursive: true });
      await writeFile(KEPT_AT, `${token.reveal()}\n`, { flag: "wx", mode: 0o600 });
    },
  };
}

function tokenFrom(text: string | undefined, source: string): Secret {
  const token = text?.trim() ?? "";
  if (token === "") {
    throw new SetupError(
      `No token came from ${source}. Pipe it in, type it at a terminal, or name a file that holds it by --token-file.`,
    );
  }
  const problem = botTokenProblem(token);
  if (problem !== undefined)
    throw new SetupError(`What came from ${source} is no token; ${problem}.`);
  return new Secret(token);
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new SetupError(`${path} cannot be read (${code ?? "unknown error"}).`, { cause: error });
  }
}

async function warnOfReaders(path: string, tell: (text: string) => void): Promise<void> {
  const { mode } = await stat(path);
  if ((mode & 0o077) === 0) return;
  tell(`Others on this machine may read ${path}; set its mode: chmod 600 ${path}\n`);
}
