import { answerCommand } from "./cli-command.ts";
import { isOffline } from "./cli-evidence-options.ts";
import { verifyEvidence } from "./cli-evidence.ts";
import { init } from "./cli-init.ts";
import { isAboutLog, keepLog, LOG_USAGE } from "./cli-log.ts";
import { restoreBackup } from "./cli-restore.ts";
import { initSecrets, isSecretsInit, SECRETS_USAGE } from "./cli-secrets.ts";
import { start } from "./cli-start.ts";
import { isSupply, ROTATE_USAGE, supplySecret } from "./cli-supply.ts";
import { EXIT, loadFiles, type Terminal } from "./cli-terminal.ts";
import { configSchema } from "./config/load-config.ts";
import { parseCommandLine, type CommandLine } from "./core/command-line.ts";
import { visibleBlock } from "./core/visible-text.ts";

const DEFAULT_FILE = "ops/production.yaml";

const USAGE = `flightdeck init [--file FILE]            the first configuration: pairs the bot with your group
flightdeck start [FILE…]                 run the bot; a file is a target
flightdeck status                        how the target stands, from the newest samples
flightdeck preflight [check…] [--json]   0 GO, 1 NO-GO, 2 UNKNOWN, 3 usage
flightdeck smoke [FLOW] [--dry-run]      the same codes; uses the target for real
flightdeck evidence show [N]             the newest entries
${LOG_USAGE}flightdeck evidence verify FILE… --key K 0 sound, 1 tampered, 2 incomplete, 3 usage or key; needs the file alone
flightdeck drill [older|BACKUP]          0 VERIFIED, 1 FAILED, 2 COULD NOT VERIFY
flightdeck rollback [COMMIT] [--why "…"] [--break-glass "…"]   an earlier release, once somebody else has said yes
flightdeck review [RUN "…"]              what was done alone, and what somebody else found
flightdeck restore FILE|BACKUP --to ADDRESS --identity KEYFILE   the way back; needs the file and the key alone
flightdeck runs [RUN] · cancel RUN · lock NAME · unlock NAME · whoami
flightdeck calls [test]                  who is on call, and the last calls; or one to try it
flightdeck webhook [set]                 the product's webhook: shown, or registered with Telegram once somebody approves
${SECRETS_USAGE}${ROTATE_USAGE}flightdeck approve RUN CODE · deny RUN   the answer to what a run asks, by somebody who may give it
flightdeck checklist NAME                a list that people tick: checklist tick RUN ITEM
flightdeck config check [FILE…]          every problem of a configuration
flightdeck config schema                 JSON Schema for editors

FILE is ${DEFAULT_FILE} by default; --config FILE names another, as often as there are targets.
@TARGET as the first word of a command means another target than the first.
`;

/** Runs one command line to its end and returns the exit code. */
export async function runCommandLine(given: Terminal): Promise<number> {
  // An error may quote a file or an answer, and a terminal obeys what it cannot show.
  const terminal = { ...given, stderr: (text: string) => given.stderr(visibleBlock(text)) };
  const { files, json, rest } = takeOptions(terminal.argv);
  const line = parseCommandLine(rest);
  try {
    switch (line.name) {
      case "":
      case "help":
        terminal.stdout(USAGE);
        return line.name === "" ? EXIT.usage : EXIT.ok;
      case "init":
        return await init(terminal, line);
      case "config":
        return configCommand(terminal, line, files);
      case "start":
        if (Object.keys(line.flags).length > 0) return misuse(terminal);
        return await start(terminal, filesNamed(line.words, files));
      case "restore":
        return await restoreBackup(terminal, line, files);
      case "evidence":
        if (isAboutLog(line)) return await keepLog(terminal, line, files);
        if (isOffline(line)) return await verifyEvidence(terminal, line, { files, json });
        return await answerCommand(terminal, line, { files, json });
      case "secrets":
        if (isSecretsInit(line)) return await initSecrets(terminal, line, files);
        return await answerCommand(terminal, line, { files, json });
      case "rotate":
        if (isSupply(line)) return await supplySecret(terminal, line, files);
        return await answerCommand(terminal, line, { files, json });
      default:
        return await answerCommand(terminal, line, { files, json });
    }
  } catch (error) {
    terminal.stderr(`${error instanceof Error ? error.message : String(error)}\n`);
    // Whatever broke on the way, nothing is known of the target.
    return EXIT.unknown;
  }
}

type Files = readonly [string, ...string[]];

/** `--config FILE` and `--json` belong to the terminal; all else belongs to the command. */
function takeOptions(argv: readonly string[]): {
  readonly files: Files;
  readonly json: boolean;
  readonly rest: readonly string[];
} {
  const rest: string[] = [];
  const files: string[] = [];
  let json = false;
  for (let index = 0; index < argv.length; index += 1) {
    const token = argv[index] ?? "";
    if (token === "--json") json = true;
    else if (token === "--config") files.push(argv[(index += 1)] ?? "");
    else rest.push(token);
  }
  return { files: filesNamed(files, [DEFAULT_FILE]), json, rest };
}

function misuse(terminal: Terminal): number {
  terminal.stderr(USAGE);
  return EXIT.usage;
}

function filesNamed([first, ...further]: readonly string[], otherwise: Files): Files {
  return first === undefined ? otherwise : [first, ...further];
}

function configCommand(terminal: Terminal, line: CommandLine, otherwise: Files): number {
  const [verb, ...named] = line.words;
  if (verb === "schema") {
    terminal.stdout(`${JSON.stringify(configSchema(), undefined, 2)}\n`);
    return EXIT.ok;
  }
  if (verb !== "check") {
    terminal.stderr("Usage: flightdeck config check [FILE…] | flightdeck config schema\n");
    return EXIT.usage;
  }
  const files = filesNamed(named, otherwise);
  const config = loadFiles(terminal, files);
  if (!config) return EXIT.no;
  for (const [index, { settings }] of config.targets.entries()) {
    const count = Object.keys(settings.checks).length;
    terminal.stdout(`${files[index]} is valid: ${settings.target}, ${count} checks.\n`);
  }
  return EXIT.ok;
}
