/** Where secrets of this test file are looked for. What is found fails the test: see canary-setup.ts. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, readdir, stat } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

import { Redis } from "ioredis";
import { Client, escapeIdentifier } from "pg";

import type { VariableNews } from "../../sandbox/coolify/routes/environment-variables.ts";
import type { WorldNews } from "../../sandbox/world.ts";
import { createCanaryNet } from "./canary-net.ts";

const net = createCanaryNet();
const keysForEverybody = new Set<string>();

/** With these in the environment of every bot there are fifty secrets in its reach, and none may come out. */
export const environmentCanaries: Readonly<Record<string, string>> = Object.fromEntries(
  Array.from({ length: 27 }, (_, n) => [`CANARY_${n + 1}`, randomBytes(24).toString("hex")]),
);
net.know(environmentCanaries);

const { know, look } = net;

/** @throws {Error} that names the secrets and the places where they came out since the last time, never their values */
export function failOnLeaks(): void {
  const leaks = [
    ...net.take().map(({ secret, sink }) => `${secret} is in ${sink}`),
    ...[...keysForEverybody].map((name) => `others may read the key ${name}`),
  ];
  keysForEverybody.clear();
  if (leaks.length > 0) throw new Error(`Secrets have leaked:\n  ${leaks.join("\n  ")}`);
}

/** The messages as they stand at the end, and every call that made or edited one. */
export function watchWorld({ news, world }: WorldNews): void {
  know(world.namedSecrets);
  if (news === "begins") return;
  for (const { method, params } of world.telegram.calls()) {
    // Telegram is told this secret, because it has to send it along.
    const { secret_token: _told, ...rest } = params;
    look(`the call ${method} to Telegram`, JSON.stringify(rest));
  }
  for (const message of world.telegram.messages()) {
    look("a message in Telegram", JSON.stringify(message));
    const file = message.file && world.telegram.file(message.file.fileId);
    if (file) look(`the file ${file.name} in Telegram`, Buffer.from(file.bytes).toString());
  }
}

/** The secrets in a variable that somebody has written: every token of a list, the password of an address. */
export function watchVariable({ key, value }: VariableNews): void {
  if (value === null || !/TOKEN|SECRET|KEY|PASSWORD|_URL$/.test(key)) return;
  const password = URL.parse(value)?.password;
  const secrets = password === undefined ? value.split(/[,:]/) : [password];
  for (const secret of secrets.filter(({ length }) => length >= SHORTEST_WRITTEN)) {
    know({ [`${key} as it was written`]: secret });
  }
}

/** Shorter ones are names of users and the like. */
const SHORTEST_WRITTEN = 20;

/** What the logger was about to write, before its own net went over it. */
export function watchLog({ result }: { readonly result?: unknown }): void {
  if (typeof result === "string") look("the log", result);
}

type Started = {
  readonly spawnfile: string;
  readonly spawnargs: readonly string[];
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
};

/**
 * The arguments of every process that we start, and the output of those that are bots or command lines of ours, seen
 * without taking it away from whoever reads it. What other programs say is for the bot to keep to itself.
 */
export function watchProcess({ process: started }: { readonly process: Started }): void {
  // It is told while it is being made; once we are done with that it has its arguments and its pipes.
  queueMicrotask(() => {
    const name = basename(started.spawnfile ?? "a process");
    look(`the arguments of ${name}`, (started.spawnargs ?? []).join("\n"));
    if (started.spawnfile !== process.execPath) return;
    for (const output of [started.stdout, started.stderr]) {
      if (output) watchOutput(`the output of ${name}`, output);
    }
  });
}

/** As much of a piece as a secret may begin in that ends in the next one. */
const OVERLAP = 512;

function watchOutput(sink: string, output: Readable): void {
  const push = output.push.bind(output);
  let end = "";
  output.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (typeof chunk === "string" || Buffer.isBuffer(chunk)) {
      const text = end + chunk.toString();
      look(sink, text);
      end = text.slice(-OVERLAP);
    }
    return push(chunk, encoding);
  };
}

/**
 * Every command that anybody gives this Redis: keys, jobs and what is deleted again. A plain socket hears them, because a
 * client that also asks something of its own may take what it hears for the answer.
 */
export async function watchRedis(url: string): Promise<Disposable> {
  const { path, host, port } = new Redis(url, { lazyConnect: true }).options;
  const socket = path === undefined ? connect(port ?? 6379, host) : connect(path);
  const lines = createInterface({ input: socket });
  socket.write("MONITOR\r\n");
  await once(lines, "line");
  lines.on("line", (line: string) => {
    const [, name = "?"] = /\] "([^"]*)"/.exec(line) ?? [];
    look(`the command ${name.toUpperCase()} to Redis`, withoutEscapes(line));
  });
  return { [Symbol.dispose]: () => void socket.destroy() };
}

/** Redis quotes what it tells: line breaks, quotes and bytes are spelt. */
function withoutEscapes(line: string): string {
  const known: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };
  return line.replaceAll(/\\(?:x([0-9a-f]{2})|(.))/g, (_all, hex?: string, plain?: string) =>
    hex === undefined
      ? (known[plain ?? ""] ?? plain ?? "")
      : String.fromCharCode(parseInt(hex, 16)),
  );
}

/** Every row of every table, as text. */
export async function searchDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const tables = await client.query<{ schema: string; name: string }>(
      `select schemaname as schema, tablename as name from pg_tables
       where schemaname not in ('pg_catalog', 'information_schema')`,
    );
    for (const { schema, name } of tables.rows) {
      const table = `${escapeIdentifier(schema)}.${escapeIdentifier(name)}`;
      const rows = await client.query<{ text: string }>(`select t::text as text from ${table} t`);
      look(`the table ${name}`, rows.rows.map(({ text }) => text).join("\n"));
    }
  } finally {
    await client.end();
  }
}

/** The files of servers are their own, and their content is asked of the servers. */
const SERVERS: ReadonlySet<string> = new Set(["postgres", "redis", "sockets"]);
const LARGEST_BYTES = 16 * 1024 * 1024;

const seen = new Map<string, string>();

/** The folders that this process made for bots, also while they are in use. */
export async function searchTemporaryFolders(): Promise<void> {
  const ours = new RegExp(`^flightdeck-(?!world-).+-${process.pid}-\\w{6}$`);
  for (const name of await readdir(tmpdir())) {
    if (ours.test(name)) await searchFolder(join(tmpdir(), name));
  }
}

/** Where `flightdeck init` keeps the one secret that it was given, and `flightdeck secrets init` the one that it makes. */
const KEPT_ON_PURPOSE: ReadonlySet<string> = new Set(["bot-token", "api-token"]);

/** Every file that was not searched before. */
export async function searchFolder(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !SERVERS.has(entry.name)) await searchFolder(path);
    if (entry.isFile() && !KEPT_ON_PURPOSE.has(entry.name)) await searchFile(path);
  }
}

/** That nobody but their owner may read what is named as a key. */
export async function checkKeys(folder: string): Promise<void> {
  for (const name of await readdir(folder, { recursive: true })) {
    if (!/\.(?:key|signing-key|pem)$/.test(name)) continue;
    const { mode } = await stat(join(folder, name));
    if ((mode & 0o077) !== 0) keysForEverybody.add(basename(name));
  }
}

async function searchFile(path: string): Promise<void> {
  // A file may go while we look.
  const facts = await stat(path).catch(() => undefined);
  if (facts === undefined || facts.size > LARGEST_BYTES) return;
  const version = `${facts.size} ${facts.mtimeMs}`;
  if (seen.get(path) === version) return;
  seen.set(path, version);
  look(`the file ${basename(path)}`, await readFile(path, "utf8").catch(() => ""));
}
