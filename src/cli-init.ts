import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import { newPairingCode } from "./bot/pairing-code.ts";
import { TELEGRAM_API_ROOT } from "./bot/settings.ts";
import { SetupError } from "./bot/setup-error.ts";
import { setUp, type Dialogue, type Learnt } from "./bot/setup.ts";
import { createTelegram } from "./bot/telegram.ts";
import { INIT_USAGE, isHttpUrl, understandInit, type InitOptions } from "./cli-init-options.ts";
import { createCliInput, type CliInput } from "./cli-input.ts";
import { EXIT, type Terminal } from "./cli-terminal.ts";
import { takeToken } from "./cli-token.ts";
import { firstConfig, type FirstConfig } from "./config/first-config.ts";
import type { CommandLine } from "./core/command-line.ts";
import { createScrubber } from "./core/redaction.ts";

const CODE_LIFETIME_MS = 10 * 60_000;

/** Writes the first configuration. It asks Telegram, and the terminal only for what Telegram cannot know. */
export async function init(terminal: Terminal, line: CommandLine): Promise<number> {
  const understood = understandInit(line);
  if (!understood.ok) {
    terminal.stderr(`${understood.message}\nUsage: ${INIT_USAGE}`);
    return EXIT.usage;
  }
  const { options } = understood;
  const stopping = new AbortController();
  const signal = AbortSignal.any([terminal.signal, stopping.signal]);
  using input = createCliInput(terminal.stdin, () => stopping.abort());
  try {
    await setUpAndWrite(terminal, input, options, signal);
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    terminal.stderr(`${signal.aborted ? "Stopped; nothing was written." : error.message}\n`);
    return EXIT.no;
  }
}

async function setUpAndWrite(
  terminal: Terminal,
  input: CliInput,
  options: InitOptions,
  signal: AbortSignal,
): Promise<void> {
  // First of all, for it would be a pity to find out after everybody has been paired.
  if (existsSync(options.file)) throw alreadyThere(options.file);
  const { token, reference, keep } = await takeToken(terminal, input, options, signal);
  const apiRoot = options.apiRoot ?? TELEGRAM_API_ROOT;
  const scrub = createScrubber([token]);
  const dialogue: Dialogue = {
    tell: (text) => terminal.stdout(`${scrub(text)}\n`),
    nextLine: input.nextLine,
  };
  const learnt = await setUp(
    {
      ...options,
      api: createTelegram({ token, apiRoot }),
      dialogue,
      newCode: newPairingCode,
      codeLifetimeMs: CODE_LIFETIME_MS,
    },
    signal,
  );
  const healthUrl = options.healthUrl ?? (await askHealthUrl(dialogue, signal));
  if (signal.aborted) throw new SetupError("Stopped; nothing was written.");
  await keep();
  await writeNew(
    options.file,
    firstConfig({ ...found(terminal, options, learnt), tokenReference: reference, healthUrl }),
  );
  terminal.stdout(farewell(terminal, options.file, learnt));
}

function found(
  { osUser }: Terminal,
  { target, apiRoot }: InitOptions,
  { group, topics, operators }: Learnt,
): Omit<FirstConfig, "tokenReference" | "healthUrl"> {
  const names = distinct(operators.map(({ person }) => person.name));
  return {
    target,
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    apiRoot,
    group,
    topics,
    operators: operators.map(({ person, role }, index) => ({
      name: names[index] ?? person.name,
      telegram: person.id,
      role,
      // Whoever read the first code at this terminal is most likely its user.
      os: index === 0 ? osUser : undefined,
    })),
  };
}

/** Two people of one name would be mixed up on every card. */
function distinct(names: readonly string[]): readonly string[] {
  return names.map((name, index) => {
    const earlier = names.slice(0, index).filter((other) => other === name).length;
    return earlier === 0 ? name : `${name} ${earlier + 1}`;
  });
}

async function askHealthUrl(
  { tell, nextLine }: Dialogue,
  signal: AbortSignal,
): Promise<string | undefined> {
  const question =
    "What should answer 200 on a good day, such as https://api.example.com/health/live? It becomes a check of yours; " +
    "Enter leaves it out.";
  tell(`\n${question}`);
  for (;;) {
    const answer = (await nextLine(signal))?.trim() ?? "";
    if (answer === "") return undefined;
    if (isHttpUrl(answer)) return answer;
    tell(`That is no address that begins with https:// or http://. ${question}`);
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text, { flag: "wx", mode: 0o644 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw alreadyThere(path);
    throw new SetupError(`${path} cannot be written (${code ?? "unknown error"}).`, {
      cause: error,
    });
  }
}

function alreadyThere(path: string): SetupError {
  return new SetupError(
    `${path} exists and is never overwritten. Move it away, or name another file: --file ops/other.yaml`,
  );
}

function farewell({ sources }: Terminal, file: string, { group }: Learnt): string {
  // npm tells its scripts by which name they were called; otherwise the program was called by its own.
  const program =
    sources.environment["npm_lifecycle_event"] === "flightdeck"
      ? "npm run -s flightdeck --"
      : "flightdeck";
  return [
    "",
    `Wrote ${file}. Next:`,
    "",
    `  ${program} config check ${file}`,
    `  ${program} start ${file}`,
    "",
    `Then type /preflight in “${group.title}”.`,
    "",
  ].join("\n");
}
