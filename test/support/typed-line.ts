import { existsSync } from "node:fs";
import { PassThrough } from "node:stream";

import { parse } from "yaml";
import { z } from "zod";

import { understandVerify } from "../../src/cli-evidence-options.ts";
import { understandInit } from "../../src/cli-init-options.ts";
import { isAboutLog } from "../../src/cli-log.ts";
import { understandRestore } from "../../src/cli-restore-options.ts";
import { runCommandLine } from "../../src/cli.ts";
import type { CommandContext } from "../../src/commands/command.ts";
import { commands } from "../../src/commands/index.ts";
import { firstConfig } from "../../src/config/first-config.ts";
import type { Actor } from "../../src/core/actor.ts";
import { parseCommandLine, splitLine, type CommandLine } from "../../src/core/command-line.ts";
import { createBell } from "../../src/core/waiting.ts";
import { read } from "./documents.ts";

const names = z.record(z.string(), z.unknown()).transform((entries) => Object.keys(entries));
const sandbox = z
  .object({
    checks: names,
    secrets: z.record(z.string(), z.unknown()),
    smoke: z.object({ flow: z.string(), flows: names }),
    checklists: names,
    systems: z.object({ coolify: z.object({ applications: names }) }),
    operators: z.array(z.looseObject({ name: z.string() })),
  })
  .parse(parse(read("ops/sandbox.yaml")));

/** What a command leans on when it does something; whoever gets there was understood. */
class Understood extends Error {
  override readonly name = "Understood";
}

const doing = new Proxy(() => undefined, {
  apply: () => {
    throw new Understood();
  },
  get: () => doing,
}) as never;

/** A target as the sandbox's file describes it, with which nothing can be done. */
const target = {
  target: "sandbox",
  timeZone: "UTC",
  now: new Date(),
  cause: "sample",
  tap: undefined,
  tx: doing,
  engine: doing,
  start: doing,
  record: doing,
  backup: doing,
  caller: doing,
  checks: sandbox.checks,
  board: [],
  smoke: {
    flow: sandbox.smoke.flow,
    flows: Object.fromEntries(sandbox.smoke.flows.map((name) => [name, []])),
  },
  checklists: sandbox.checklists.map((name) => ({ name })),
  schedules: [],
  operators: sandbox.operators,
  maintenance: [],
  rosterAt: () => sandbox.operators,
  operations: { includes: () => true },
  applications: sandbox.systems.coolify.applications,
  rotated: sandbox.secrets,
  handedOver: [],
};

/** Why a line of the chat is not understood; undefined when it would do what it says. */
export async function complaintOfChat(text: string): Promise<string | undefined> {
  return complaintOfCommand(parseCommandLine(splitLine(text.replace(/^\//, ""))), "telegram");
}

async function complaintOfCommand(
  line: CommandLine,
  via: Actor["via"] = "cli",
): Promise<string | undefined> {
  const command = commands.find(({ name }) => name === line.name);
  if (!command) return `There is no command ${line.name}.`;
  const actor = { via, name: "Ada", telegram: "1003", role: "approver" };
  try {
    const answer = await command.answer({ ...target, actor } as unknown as CommandContext, line);
    return answer.kind === "refused" ? answer.message : undefined;
  } catch (error) {
    if (error instanceof Understood) return undefined;
    throw error;
  }
}

/** The same of what is typed behind `flightdeck` at a terminal. */
export async function complaintOfTerminal(argv: readonly string[]): Promise<string | undefined> {
  const { rest, files } = withoutOptions(argv);
  const line = parseCommandLine(rest);
  const [verb = ""] = line.words;
  if (files.includes("")) return "--config lacks its file.";
  switch (line.name) {
    case "start":
      return Object.keys(line.flags).length > 0 ? "start takes no flags." : undefined;
    case "init":
      return complaint(understandInit(line));
    case "restore":
      return complaint(understandRestore(line));
    case "evidence":
      if (verb === "verify" && argv.length > 2) return complaint(understandVerify(line));
      if (isAboutLog(line)) return misuseOf(argv, SMALL);
      return complaintOfCommand(line);
    case "config":
      return misuseOf(verb === "check" ? ["config", "check"] : argv, SMALL);
    case "secrets":
      return verb === "init" ? misuseOf(argv, UNREADABLE) : complaintOfCommand(line);
    case "rotate":
      return verb === "supply" ? misuseOf(argv, UNREADABLE) : complaintOfCommand(line);
    default:
      return complaintOfCommand(line);
  }
}

type Outcome = { readonly ok: true } | { readonly ok: false; readonly message: string };

function complaint(outcome: Outcome): string | undefined {
  return outcome.ok ? undefined : outcome.message;
}

/** `--config FILE` and `--json` belong to the terminal. */
function withoutOptions(argv: readonly string[]) {
  const at = argv.indexOf("--config");
  const files = at < 0 ? [] : [argv[at + 1] ?? ""];
  const rest = argv.filter(
    (token, index) => token !== "--json" && (at < 0 || (index !== at && index !== at + 1)),
  );
  return { rest, files };
}

/** A configuration whose data nobody can keep, so that nothing is opened by it. */
const SMALL = firstConfig({
  target: "sample",
  timeZone: "UTC",
  tokenReference: "${env:TOKEN}",
  apiRoot: undefined,
  group: { id: -1001234567890, title: "Ops" },
  topics: [],
  operators: [{ name: "Ada", telegram: 1003, role: "approver", os: "ada" }],
  healthUrl: undefined,
}).replace("data: data", "data: /dev/null/nowhere");

/** Words that are not understood are told before a configuration is missed. */
const UNREADABLE = undefined;
const USAGE = 3;

/** What the program itself says of its usage; it is given nothing that it could do anything with. */
async function misuseOf(
  argv: readonly string[],
  config: string | undefined,
): Promise<string | undefined> {
  let said = "";
  const code = await runCommandLine({
    argv,
    sources: {
      environment: { TOKEN: "7000000001:Sabcdefghijklmnopqrstuvwxyz0123456789" },
      readFile: () => {
        if (config === undefined) throw new Error("There is no such file.");
        return config;
      },
    },
    stdin: new PassThrough().end(),
    osUser: "ada",
    instance: "sample",
    stdout: () => undefined,
    stderr: (text) => (said += text),
    signal: AbortSignal.timeout(10_000),
    hangUp: createBell(),
  });
  const isMissed = config === undefined && said.includes("cannot read the file");
  return code === USAGE && !isMissed ? said : undefined;
}

/** Which of these files, named behind `start` or `config check`, nobody could have. */
export function missingFiles(argv: readonly string[], madeByTheReader: ReadonlySet<string>) {
  const { rest, files } = withoutOptions(argv);
  const [name, verb, ...others] = rest;
  const words = name === "start" ? [verb ?? "", ...others] : name === "config" ? others : [];
  return [...files, ...words].filter(
    (file) => file !== "" && !madeByTheReader.has(file) && !existsSync(file),
  );
}
