import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { generateX25519Identity, identityToRecipient } from "age-encryption";

import { startS3 } from "../sandbox/s3/server.ts";
import { artifactNames } from "../src/core/manifest.ts";
import { Secret } from "../src/core/secret.ts";
import { dump } from "../src/jobs/backup/backup-dump.ts";
import { backupSetting, type BackupSettings } from "../src/jobs/backup/backup-settings.ts";
import { startPostgres } from "../src/servers/postgres.ts";
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";
import { createBucket } from "../src/systems/bucket.ts";
import { recognise } from "../src/systems/dump.ts";
import type { Bench, Comparison, Round } from "./bench.ts";
import { fillAsProduct } from "./product-data.ts";

const MEBIBYTE = 1024 * 1024;
const MEMORY_EVERY_MS = 50;
const keys = { accessKeyId: "bench", secretAccessKey: "bench-secret" };

export const backup: Bench = {
  name: "backup",
  summary:
    "a backup beside pg_dump | gzip, beside the same programs in a shell, and beside the floor",
  usualRounds: 5,
  async measure({ rounds, signal }) {
    await using opened = new AsyncDisposableStack();
    const directory = opened.use(await temporaryDirectory("backup-bench"));
    const place = (name: string): string => join(directory.path, name);
    const server = opened.use(
      await startPostgres({ directory: place("postgres"), durable: false, signal }),
    );
    const bytes = await fillAsProduct(server.url());
    const s3 = opened.use(
      await startS3({ bucket: "bench", keys, effects: { add: () => undefined } }),
    );
    const settings = await settingsFor(server.url());
    const bucket = createBucket(
      {
        url: s3.url,
        region: "us-east-1",
        name: "bench",
        accessKeyId: new Secret(keys.accessKeyId),
        secretAccessKey: new Secret(keys.secretAccessKey),
      },
      "bench",
    );
    opened.defer(async () => bucket.close());

    const pgDump = join(server.programs, "pg_dump");
    const shell = async (script: string): Promise<Cost> =>
      cost(async () =>
        promisify(execFile)("/bin/sh", ["-c", script, "sh", pgDump, server.url()], { signal }),
      );
    const recipients = `-r ${settings.recipients.drill} -r ${settings.recipients.recovery}`;
    const dumped = async (how: Partial<BackupSettings> = {}) =>
      dump(
        {
          target: "bench",
          origin: "bench",
          configHash: "bench",
          build: "bench",
          settings: { ...settings, ...how },
          folder: place("backups"),
        },
        "R-1",
        { bytes: null, ids: new Set() },
        { signal, report: () => {} },
      );

    const measured: {
      readonly ours: Cost;
      readonly uploaded: Cost;
      readonly gzip: Cost;
      readonly floor: Cost;
      readonly same: Cost;
      readonly unhashed: Cost;
      readonly sizes: Round;
      readonly peak: number;
    }[] = [];
    for (let round = 0; round < rounds; round += 1) {
      signal.throwIfAborted();
      const gzip = await shell(`"$1" -Fp "$2" | gzip > ${place("usual.sql.gz")}`);
      const floor = await shell(`"$1" -Fc -Z0 "$2" > /dev/null`);
      const same = await shell(
        `"$1" -Fc -Z0 "$2" | zstd -q -3 -c | age ${recipients} > ${place("same.age")}`,
      );
      const memory = watchMemory();
      const ours = await cost(async () => dumped());
      const { id, bytes: size, sha256 } = ours.result;
      const path = place(`backups/${artifactNames(id).artifact}`);
      const upload = await cost(async () => {
        const file = await recognise(path, { bytes: size, sha256 }, signal);
        if (!file) throw new Error("The dump is not what was written.");
        await bucket.upload(`${round}`, file, () => {}, signal);
      });
      const uploaded = { ms: ours.ms + upload.ms, cpuMs: ours.cpuMs + upload.cpuMs };
      const unhashed = await cost(async () => dumped({ hashUpToMebibytes: 0 }));
      const usual = (await stat(place("usual.sql.gz"))).size;
      const sizes = { ours: size / MEBIBYTE, beside: usual / MEBIBYTE };
      measured.push({ ours, uploaded, gzip, floor, same, unhashed, sizes, peak: memory.stop() });
    }
    const data = `${Math.round(bytes / MEBIBYTE)} MiB of database`;
    const compare = (
      what: string,
      besideName: string,
      atMost: number,
      rounds_: readonly Round[],
    ): Comparison => ({
      what: `${what}, ${data}`,
      unit: "ms",
      besideName,
      rounds: rounds_,
      goal: { of: "ratio", atMost },
    });
    const usual = "pg_dump | gzip";
    return [
      compare("a sealed, hashed and counted backup", usual, 0.35, wall(measured, "ours", "gzip")),
      compare("CPU of its programs and of Node", usual, 0.35, cpu(measured, "ours", "gzip")),
      compare("the same", "one connection's floor", 1.25, wall(measured, "ours", "floor")),
      compare(
        "the same, and uploaded",
        "one connection's floor",
        1.5,
        wall(measured, "uploaded", "floor"),
      ),
      compare("the same", "its programs in a shell", 1.15, wall(measured, "ours", "same")),
      {
        what: `the same without a hash of every row, ${data}`,
        unit: "ms",
        besideName: "one connection's floor",
        rounds: wall(measured, "unhashed", "floor"),
      },
      {
        what: `size of a backup, ${data}`,
        unit: "MiB",
        besideName: usual,
        rounds: measured.map(({ sizes }) => sizes),
        goal: { of: "ratio", atMost: 0.95 },
      },
      {
        what: "the most memory that Node grows by meanwhile",
        unit: "MiB",
        besideName: "nothing",
        rounds: measured.map(({ peak }) => ({ ours: peak, beside: 0 })),
        goal: { of: "value", atMost: 256 },
      },
    ];
  },
};

type Cost = { readonly ms: number; readonly cpuMs: number };
type Costs = Readonly<Record<"ours" | "uploaded" | "gzip" | "floor" | "same" | "unhashed", Cost>>;

function wall(measured: readonly Costs[], ours: keyof Costs, beside: keyof Costs): Round[] {
  return measured.map((one) => ({ ours: one[ours].ms, beside: one[beside].ms }));
}

function cpu(measured: readonly Costs[], ours: keyof Costs, beside: keyof Costs): Round[] {
  return measured.map((one) => ({ ours: one[ours].cpuMs, beside: one[beside].cpuMs }));
}

async function settingsFor(url: string): Promise<BackupSettings> {
  const recipient = async (): Promise<string> =>
    identityToRecipient(await generateX25519Identity());
  const settings = backupSetting.parse({
    database: new Secret(url),
    recipients: { drill: await recipient(), recovery: await recipient() },
  });
  if (!settings) throw new Error("The settings were given.");
  return settings;
}

/** Wall time, and the CPU of this process and of the children that have ended meanwhile. */
async function cost<Result>(work: () => Promise<Result>): Promise<Cost & { result: Result }> {
  const before = await cpuMs();
  const startedAt = performance.now();
  const result = await work();
  return { ms: performance.now() - startedAt, cpuMs: (await cpuMs()) - before, result };
}

/** From Linux's own account, in hundredths of a second; elsewhere our own time alone. */
async function cpuMs(): Promise<number> {
  try {
    const text = await readFile("/proc/self/stat", "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * 10;
  } catch {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  }
}

function watchMemory(): { stop(): number } {
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, MEMORY_EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      return (most - before) / MEBIBYTE;
    },
  };
}
