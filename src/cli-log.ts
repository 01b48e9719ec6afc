import { resolve } from "node:path";

import { EXIT, loadFiles, type Terminal } from "./cli-terminal.ts";
import type { TargetConfig, ValidConfig } from "./config/load-config.ts";
import { actorOf, type Actor } from "./core/actor.ts";
import type { CommandLine } from "./core/command-line.ts";
import { mayActAs } from "./core/operator.ts";
import { createScrubber } from "./core/redaction.ts";
import { openFlightdeck } from "./flightdeck.ts";
import type { Adoption } from "./jobs/evidence/log-adoption.ts";
import { refusalText } from "./jobs/evidence/signing-refusal.ts";
import type { TargetLog } from "./jobs/evidence/target-log.ts";
import { createLogger } from "./logger.ts";
import { originOf } from "./storage/settings.ts";
import { publicKeysOf } from "./storage/signing-key.ts";

export const LOG_USAGE = `flightdeck evidence key                  the public keys of the log, the newest last
flightdeck evidence rotate-key --reason "…"   a new signing key, introduced by the old one
flightdeck evidence repair --reason "…"  renders an edited log.md afresh
flightdeck evidence adopt --reason "…"   goes on after a database was restored
`;

type Files = readonly [string, ...string[]];
type Order = { readonly actor: Actor; readonly reason: string };
type Told = { readonly code: number; readonly text: string };

/** What an approver may do to the log itself, and at a terminal alone. */
const DEEDS: Readonly<Record<string, (log: TargetLog, order: Order) => Promise<Told>>> = {
  "rotate-key": rotateKey,
  repair,
  adopt,
};

/** Whether a line is about the log itself, and not about what stands in it. */
export function isAboutLog(line: CommandLine): boolean {
  const [verb = ""] = addressed(line).words;
  return line.name === "evidence" && (verb === "key" || Object.hasOwn(DEEDS, verb));
}

export async function keepLog(
  terminal: Terminal,
  typed: CommandLine,
  files: Files,
): Promise<number> {
  const config = loadFiles(terminal, files);
  if (!config) return EXIT.usage;
  const { name, words } = addressed(typed);
  const meant = name === undefined ? config.targets[0] : targetNamed(config, name);
  if (!meant) return refuse(terminal, `There is no target @${name}.`);
  const { target } = meant.settings;
  const [verb = "", ...surplus] = words;
  const { reason, ...strays } = typed.flags;
  const deed = DEEDS[verb];
  if (surplus.length > 0 || Object.keys(strays).length > 0) return refuse(terminal, LOG_USAGE);
  if (!deed) return tell(terminal, await publicKeys(config, meant));
  if (reason === undefined || reason.trim() === "") {
    return refuse(terminal, `evidence ${verb} wants to know why: --reason "…"`);
  }
  const actor = approverAt(meant, terminal.osUser);
  if (typeof actor === "string") return refuse(terminal, actor);
  const { instance, signal } = terminal;
  const logger = createLogger(terminal.stderr, createScrubber(config.secrets));
  await using flightdeck = await openFlightdeck({ config, logger, instance, signal }, "attach");
  const log = flightdeck.logs.find((one) => one.target === target);
  if (!log) throw new Error(`There is no log of ${target}.`);
  return tell(terminal, await deed(log, { actor, reason }));
}

async function rotateKey(log: TargetLog, order: Order): Promise<Told> {
  const { vkey, signing } = await log.rotateKey(order);
  if (signing.kind === "refused") {
    const text = `The new key waits, for the log cannot be signed. ${refusalText(signing.refusal)}`;
    return { code: EXIT.no, text };
  }
  return {
    code: EXIT.ok,
    text: `The log of ${log.target} is signed by a new key. Whoever verifies it needs this line too:\n${vkey}`,
  };
}

async function repair(log: TargetLog, order: Order): Promise<Told> {
  const answer = await log.askRepair(order);
  if (answer.kind === "refused") return { code: EXIT.no, text: answer.message };
  const text = `The running instance renders the file of ${log.target} afresh; what stood there is kept beside it.`;
  return { code: EXIT.ok, text };
}

async function adopt(log: TargetLog, order: Order): Promise<Told> {
  const adoption = await log.adopt(order);
  if (adoption.kind === "refused") return { code: EXIT.no, text: adoption.message };
  const signing = await log.checkpointer.sign();
  if (signing.kind === "refused") {
    return { code: EXIT.no, text: `${adopted(adoption)}\n${refusalText(signing.refusal)}` };
  }
  return { code: EXIT.ok, text: `${adopted(adoption)}\nStart Flightdeck again.` };
}

function adopted({
  entries,
  checkpoints,
  abandoned,
  kept,
}: Extract<Adoption, { readonly kind: "adopted" }>): string {
  return [
    ...(entries > 0 ? [`Taken over: ${entries} entries and ${checkpoints} checkpoints.`] : []),
    ...(abandoned
      ? [`Given up: #${abandoned.from} to #${abandoned.size}, ${abandoned.head}.`]
      : []),
    ...kept.map((file) => `Kept aside: ${file}`),
  ].join("\n");
}

/** Needs no database, so that a verifier's key can be had whatever is down. */
async function publicKeys(config: ValidConfig, { settings }: TargetConfig): Promise<Told> {
  const { target, evidence } = settings;
  const dataFolder = resolve(config.settings.data);
  const place = { dataFolder, target, origin: originOf(evidence, target), given: evidence.key };
  const keys = await publicKeysOf(place, resolve(evidence.directory));
  return { code: EXIT.ok, text: keys.join("\n") };
}

function approverAt({ settings }: TargetConfig, osUser: string): Actor | string {
  const { target, operators } = settings;
  const operator = operators.find((one) => one.os === osUser);
  if (!operator) {
    return (
      `No operator of ${target} is the user ${osUser} of this machine; ` +
      `add \`os: ${osUser}\` to the one who you are.`
    );
  }
  if (mayActAs(operator.role, "approver")) return actorOf(operator, "cli");
  return `This needs the role approver; you are ${operator.role}.`;
}

/** `@staging` as the first word means another target than the first. */
function addressed({ words }: CommandLine): {
  readonly name: string | undefined;
  readonly words: readonly string[];
} {
  const [first = "", ...rest] = words;
  return first.startsWith("@") ? { name: first.slice(1), words: rest } : { name: undefined, words };
}

function targetNamed({ targets }: ValidConfig, name: string): TargetConfig | undefined {
  return targets.find(({ settings }) => settings.target === name);
}

function refuse({ stderr }: Terminal, message: string): number {
  stderr(`${message.trimEnd()}\n`);
  return EXIT.usage;
}

function tell({ stdout, stderr }: Terminal, { code, text }: Told): number {
  (code === EXIT.ok ? stdout : stderr)(`${text}\n`);
  return code;
}
