import { existsSync } from "node:fs";
import { join } from "node:path";
import { Script } from "node:vm";

import { parse } from "yaml";
import { z } from "zod";

import packageJson from "../../package.json" with { type: "json" };
import { read, root } from "./documents.ts";
import type { Call } from "./rehearsed-shell.ts";
import { complaintOfTerminal, missingFiles } from "./typed-line.ts";

/** What a command may name although only its reader makes it. */
const MADE_BY_THE_READER = new Set(["config/ours.yaml", "ops/ours.yaml"]);

const compose = z
  .object({ services: z.record(z.string(), z.unknown()) })
  .parse(parse(read("compose.yaml")));

/** What is wrong with how a program was called that was not really called. */
export async function complaintOfCall({ program, argv }: Call): Promise<string | undefined> {
  switch (program) {
    case "npm":
      return complaintOfNpm(argv);
    case "npx":
      return argv[0] === "vitest" ? undefined : "only vitest is started so";
    case "flightdeck":
      return complaintOfFlightdeck(argv);
    case "docker":
      return argv[0] === "compose" ? complaintOfCompose(argv.slice(1)) : complaintOfDocker(argv);
    case "sudo":
      return ["install", "tar", "tee"].includes(argv[0] ?? "") ? undefined : "no reason to be root";
    case "git":
      return ["pull", "clone"].includes(argv[0] ?? "") ? undefined : "not known here";
    case "age":
      return complaintOfFlags(argv, { "--decrypt": 0, "--identity": 1, "--recipient": 1 });
    default:
      return "not known here";
  }
}

async function complaintOfNpm(argv: readonly string[]): Promise<string | undefined> {
  const [verb, ...words] = argv;
  const bare = words.filter((word) => !["-s", "--silent"].includes(word));
  if (verb === "test" || verb === "ci") return undefined;
  if (verb !== "run") return `npm ${verb} is not known here`;
  const [name = "", dashes, ...rest] = bare;
  if (!Object.hasOwn(packageJson.scripts, name)) return `there is no script ${name}`;
  if (dashes !== undefined && dashes !== "--") return `${dashes} would be npm's own`;
  const isOurs = name === "flightdeck" || name === "sandbox:cli";
  return isOurs ? complaintOfFlightdeck(rest) : undefined;
}

async function complaintOfFlightdeck(argv: readonly string[]): Promise<string | undefined> {
  const missing = missingFiles(argv, MADE_BY_THE_READER);
  return missing.length > 0 ? `there is no ${missing[0]}` : complaintOfTerminal(argv);
}

/** The options that our documents use, and how many values each takes. */
const COMPOSE: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  build: { "--pull": 0 },
  up: { "-d": 0, "--build": 0 },
  ps: {},
  kill: { "-s": 1 },
  run: { "--rm": 0, "--no-deps": 0, "-T": 0, "--entrypoint": 1 },
  exec: { "-T": 0 },
};

async function complaintOfCompose(argv: readonly string[]): Promise<string | undefined> {
  const [verb = "", ...words] = argv[0] === "--profile" ? argv.slice(2) : argv;
  const known = COMPOSE[verb];
  if (!known) return `compose ${verb} is not known here`;
  const { flags, rest } = takeFlags(words, known);
  const [service, ...command] = rest;
  const stray = Object.keys(flags).find((flag) => !(flag in known));
  if (stray !== undefined) return `compose ${verb} has no ${stray} here`;
  if (service !== undefined && !(service in compose.services)) return `no service ${service}`;
  if (verb === "run" && flags["--entrypoint"] === undefined) return complaintOfFlightdeck(command);
  return verb === "exec" ? complaintInside(command) : undefined;
}

/** What is started in the container by its own name. */
async function complaintInside([program, ...argv]: readonly string[]): Promise<string | undefined> {
  switch (program) {
    case "flightdeck":
      return complaintOfFlightdeck(argv);
    case "bash":
      return existsSync(join(root, argv[0] ?? "")) ? undefined : `there is no ${argv[0]}`;
    case "node":
      return argv[0] === "-e" ? complaintOfScript(argv[1] ?? "") : `node ${argv[0]} is not known`;
    case "age":
      return undefined;
    default:
      return `${program} is not known in the container`;
  }
}

function complaintOfScript(code: string): string | undefined {
  try {
    void new Script(code);
    return undefined;
  } catch (error) {
    return String(error);
  }
}

function complaintOfDocker(argv: readonly string[]): string | undefined {
  const { rest } = takeFlags(argv.slice(1), { "--rm": 0 });
  const image = /^ *image: (flightdeck:\S+)$/m.exec(read("compose.yaml"))?.[1];
  return rest.includes(image ?? "none") ? undefined : `it names no image of ours (${image})`;
}

function complaintOfFlags(
  argv: readonly string[],
  known: Readonly<Record<string, number>>,
): string | undefined {
  const stray = Object.keys(takeFlags(argv, known).flags).find((flag) => !(flag in known));
  return stray === undefined ? undefined : `no option ${stray}`;
}

/** Options up to the first word that is none, as Compose reads them. */
function takeFlags(argv: readonly string[], known: Readonly<Record<string, number>>) {
  const flags: Record<string, string> = {};
  let at = 0;
  for (; argv[at]?.startsWith("-"); at += 1) {
    const [flag = "", value] = (argv[at] ?? "").split("=");
    const takes = value === undefined ? (known[flag] ?? 0) : 0;
    flags[flag] = value ?? (takes > 0 ? (argv[at + 1] ?? "") : "");
    at += takes;
  }
  return { flags, rest: argv.slice(at) };
}
