/**
 * Rehearses a rollout from the first look to the way back, in a world of the sandbox, and leaves the evidence log that the
 * bot writes of it in `comms`. The people are personas; what they say is all that this program does.
 */
import { createWriteStream, readFileSync } from "node:fs";
import { cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import type { ChatMessage } from "../sandbox/telegram/server.ts";
import { startWorld } from "../sandbox/world.ts";
import type { Terminal } from "../src/cli-terminal.ts";
import { runCommandLine } from "../src/cli.ts";
import { createBell } from "../src/core/waiting.ts";
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";
import { createPeople } from "./rehearsal-people.ts";

const root = join(import.meta.dirname, "..");
const comms = join(root, "comms");
const KEY = "keys/sandbox.vkey";

process.chdir(root);
const tell = (line: string): void => void process.stdout.write(`${line}\n`);
const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stopping.abort());

await using opened = new AsyncDisposableStack();
const { path: data } = opened.use(await temporaryDirectory("rehearsal"));
tell("Starting a small world, and the bot in it …");
const log = createWriteStream(join(data, "bot.log"));
const world = opened.use(await startWorld({ signal: stopping.signal }));
const { ask, say, tap, until } = createPeople(world, tell);
/** What the bot knows of the machine; its name says nothing of the one on which somebody rehearses. */
const terminal: Omit<Terminal, "argv"> = {
  sources: {
    environment: {
      ...world.environment,
      SANDBOX_DATA: data,
      SANDBOX_LOG_ORIGIN: "flightdeck/rehearsal/sandbox",
      SANDBOX_WATCH_LASTS: "20s",
    },
    readFile: (path) => readFileSync(path, "utf8"),
  },
  stdin: process.stdin,
  osUser: "nobody",
  instance: "rehearsal",
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  signal: stopping.signal,
  hangUp: createBell(),
};
const bot = startBot();
opened.defer(() => bot.stop());

await ask("operator", "/whoami", /Otto/);
await prepare();
await release();
await rotate("database-login");
await goBack(world.releases.current);
await ask("viewer", "/evidence verify", /SOUND/);
await bot.stop();
await keep();

/** The real bot with its real configuration. */
function startBot(): { stop(): Promise<void> } {
  const ending = new AbortController();
  const ended = runCommandLine({
    ...terminal,
    argv: ["start", "ops/sandbox.yaml"],
    stdout: (line) => void log.write(line),
    signal: AbortSignal.any([ending.signal, stopping.signal]),
  });
  void (async () => {
    const code = await ended;
    // Nobody would ever be answered; whatever it has started ends with us.
    if (!ending.signal.aborted) process.exit(code || 1);
  })();
  return {
    async stop() {
      ending.abort();
      await ended;
    },
  };
}

/** The first gate: everything is looked at, and there is a backup to go back to. */
async function prepare(): Promise<void> {
  await ask("operator", "/preflight", /· GO/);
  await ask("operator", "/backup", /backup SAVED/);
  await tick(await look("gate 1 of 5"), "The commit is chosen");
}

/** A release, from the question to the signature. */
async function release(): Promise<void> {
  world.push("good");
  const asked = await ask("operator", "/deploy", /deploy\?/);
  await tap("approver", asked, "Approve");
  const deployed = await until(asked, /to be signed/);
  await ask("operator", "/smoke", /smoke GO/);
  await ask("operator", "/preflight", /· GO/);
  await tick(await look("gate 3 of 5"), "The product's own bot answered");
  await tick(await look("gate 4 of 5"), "Capture and query answer");
  await ask("operator", "/backup", /backup SAVED/);
  await ask("operator", "/drill", /VERIFIED/);
  await ask("operator", "/evidence verify", /SOUND/);
  await sign(deployed);
  await look("complete");
}

/** Whoever asked answers what the bot could not see, and somebody else reviews the whole. */
async function sign(deployed: ChatMessage): Promise<void> {
  const open = deployed.buttons.flat().filter(({ label }) => label.endsWith(": yes"));
  for (const { label } of open) {
    await tap("operator", deployed, label);
    await until(deployed, new RegExp(`☑ ${label.replace(": yes", "")} · Otto`));
  }
  say("approver", `/sign ${runOf(deployed)} complete`);
  await until(deployed, / · signed, /);
}

/** The first yes begins it. The second one, by its code, comes before what nobody can take back. */
async function rotate(secret: string): Promise<void> {
  const card = await ask("operator", `/rotate ${secret}`, /rotate [\w-]+\?/);
  await tap("approver", card, "Approve");
  const anew = await until(card, /is refused[^]*A yes of another/);
  const [, code = ""] = /code (\w{4})/.exec(anew.text) ?? [];
  await tap("approver", card, "Approve");
  await tap("approver", card, code);
  await until(card, /rotated/);
  await prove();
}

/** The way back that a release has to have, gone once. */
async function goBack(commit: string): Promise<void> {
  const line = `/rollback ${commit.slice(0, 7)} --why "rehearsed"`;
  const card = await ask("operator", line, /rollback\?/);
  await tap("approver", card, "Approve");
  await until(card, /rolled back to/);
  await prove();
}

/** What was changed is believed when all of it is looked at and used. */
async function prove(): Promise<void> {
  await ask("operator", "/preflight", /· GO/);
  await ask("operator", "/smoke", /smoke GO/);
}

/** The list as it stands once everything was looked at. */
async function look(at: string): Promise<ChatMessage> {
  return ask("operator", "/checklist rollout", new RegExp(`^(?!⏳)[^\n]*${at}`));
}

async function tick(list: ChatMessage, what: string): Promise<void> {
  await tap("operator", list, `☐ ${what.slice(0, "The commit is chosen".length)}`);
  await until(list, new RegExp(`☑ ${what}`));
}

function runOf(card: ChatMessage): string {
  const [, run = ""] = /\n(R-\w+) · /.exec(card.text) ?? [];
  return run;
}

/** Only the log and the key that proves it: nothing else of the bot's folder is for others. */
async function keep(): Promise<void> {
  const text = await readFile(join(data, "comms/log.md"), "utf8");
  if (world.secrets.some((secret) => text.includes(secret))) {
    throw new Error("The log holds a secret of the world; it is not kept.");
  }
  await mkdir(join(comms, "keys"), { recursive: true });
  for (const file of ["log.md", KEY]) await cp(join(data, "comms", file), join(comms, file));
  tell(`flightdeck evidence verify comms/log.md --key comms/${KEY}`);
  const argv = ["evidence", "verify", join(comms, "log.md"), "--key", join(comms, KEY)];
  process.exitCode = await runCommandLine({ ...terminal, argv });
}
