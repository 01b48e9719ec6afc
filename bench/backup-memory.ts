import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { generateX25519Identity, identityToRecipient } from "age-encryption";

import { startPostgres } from "../src/servers/postgres.ts";
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";
import type { Bench, Round } from "./bench.ts";
import { fillAsProduct, USUAL_MESSAGES } from "./product-data.ts";
import { familyMiB } from "./resident-memory.ts";

const MEBIBYTE = 1024 * 1024;
const LOOK_EVERY_MS = 50;
const root = join(import.meta.dirname, "..");

export const backupMemory: Bench = {
  name: "backup-memory",
  summary:
    "the most memory that a backup takes, all its programs together, beside a small database",
  usualRounds: 2,
  async measure({ rounds, signal }) {
    await using opened = new AsyncDisposableStack();
    const directory = opened.use(await temporaryDirectory("backup-memory-bench"));
    const place = (name: string): string => join(directory.path, name);
    const server = opened.use(
      await startPostgres({ directory: place("postgres"), durable: false, signal }),
    );
    const sizes = { small: USUAL_MESSAGES / 2, large: 2 * USUAL_MESSAGES };
    let bytes = 0;
    for (const [name, messages] of Object.entries(sizes)) {
      await server.ensureDatabase(name);
      bytes = await fillAsProduct(server.url(name), messages);
    }
    const recipient = async (): Promise<string> =>
      identityToRecipient(await generateX25519Identity());
    const recipients = { drill: await recipient(), recovery: await recipient() };
    let backups = 0;
    const peak = async (name: string): Promise<number> => {
      backups += 1;
      const environment = {
        DATABASE_URL: server.url(name),
        DRILL_RECIPIENT: recipients.drill,
        RECOVERY_RECIPIENT: recipients.recovery,
        FOLDER: place(`backups-${backups}`),
      };
      return peakOfBackup(environment, signal);
    };
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      measured.push({ ours: await peak("large"), beside: await peak("small") });
    }
    const what = `a backup's memory in all, ${Math.round(bytes / MEBIBYTE)} MiB of database`;
    const besideName = "of a quarter of that";
    return [
      { what, unit: "MiB", besideName, rounds: measured, goal: { of: "value", atMost: 256 } },
      {
        what: "the same, which is to be flat",
        unit: "MiB",
        besideName,
        rounds: measured,
        goal: { of: "ratio", atMost: 1.25 },
      },
    ];
  },
};

/** In a process of its own; what it shares with the programs that it starts is counted once. */
async function peakOfBackup(
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<number> {
  const child = spawn(process.execPath, ["bench/one-backup.ts"], {
    cwd: root,
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stdio: ["ignore", "inherit", "inherit"],
    signal,
  });
  const exited = once(child, "exit");
  let most = 0;
  while (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    most = Math.max(most, await familyMiB(child.pid));
    await sleep(LOOK_EVERY_MS);
  }
  const [code] = (await exited) as readonly unknown[];
  if (code !== 0) throw new Error(`The backup ended with ${String(code)}.`);
  return most;
}
