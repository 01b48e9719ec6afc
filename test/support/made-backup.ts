/** A backup as it lies in a folder, made by the programs of PostgreSQL and age alone: no code of ours that takes backups. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { zstdCompressSync, constants } from "node:zlib";

import { Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { Client } from "pg";

import {
  artifactNames,
  backupIdOf,
  manifestSchema,
  type Manifest,
} from "../../src/core/manifest.ts";
import { sourceFacts } from "../../src/systems/source-facts.ts";
import { query } from "./records.ts";

export type BackupKeys = {
  readonly drill: string;
  readonly recovery: string;
  readonly recipients: { readonly drill: string; readonly recovery: string };
};

export async function newKeys(): Promise<BackupKeys> {
  const [drill, recovery] = [await generateX25519Identity(), await generateX25519Identity()];
  return {
    drill,
    recovery,
    recipients: {
      drill: await identityToRecipient(drill),
      recovery: await identityToRecipient(recovery),
    },
  };
}

export type MadeBackup = {
  readonly id: string;
  readonly folder: string;
  readonly manifest: Manifest;
  readonly archive: Buffer;
};

export type BackupOrder = {
  readonly url: string;
  /** Where pg_dump is. */
  readonly programs: string;
  readonly folder: string;
  readonly keys: BackupKeys;
  readonly at?: Date;
  /** What is done to the database after it was counted and before it is dumped. */
  readonly between?: string;
  /** More arguments for pg_dump. */
  readonly dumpOptions?: readonly string[];
  /** What befalls the archive, the packed archive and the sealed one before the manifest is written. */
  readonly sealFor?: readonly string[];
  readonly spoil?: Partial<Record<"archive" | "packed" | "sealed", (bytes: Buffer) => Buffer>>;
};

export async function makeBackup(order: BackupOrder): Promise<MadeBackup> {
  const { url, programs, folder, keys, at = new Date(), spoil = {} } = order;
  const asItIs = (bytes: Buffer): Buffer => bytes;
  const client = new Client({ connectionString: url });
  await client.connect();
  let source;
  try {
    await client.query("begin isolation level repeatable read read only");
    source = await sourceFacts(
      async (sql, values = []) => (await client.query(sql, [...values])).rows,
      { migrationTable: "alembic_version", hashUpToBytes: 1e9 },
    );
    await client.query("rollback");
  } finally {
    await client.end();
  }
  if (order.between !== undefined) await query(url, order.between);
  const file = join(folder, "dump");
  await promisify(execFile)(join(programs, "pg_dump"), [
    "-Fc",
    "-Z0",
    ...(order.dumpOptions ?? []),
    `--file=${file}`,
    url,
  ]);
  const dumped = await readFile(file);
  const { stdout: list } = await promisify(execFile)(join(programs, "pg_restore"), ["-l", file]);
  const archive = (spoil.archive ?? asItIs)(dumped);
  const packed = (spoil.packed ?? asItIs)(
    zstdCompressSync(archive, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
  );
  const encrypter = new Encrypter();
  for (const recipient of order.sealFor ?? Object.values(keys.recipients)) {
    encrypter.addRecipient(recipient);
  }
  const sealed = (spoil.sealed ?? asItIs)(Buffer.from(await encrypter.encrypt(packed)));
  const id = backupIdOf(at);
  const names = artifactNames(id);
  const { stdout: version } = await promisify(execFile)(join(programs, "pg_dump"), ["--version"]);
  const manifest = manifestSchema.parse({
    format: "flightdeck-backup",
    v: 1,
    id,
    target: "sandbox",
    origin: "flightdeck/evidence/sandbox",
    run: "R-1",
    config: "0".repeat(64),
    build: "0.1.0",
    artifact: {
      key: names.artifact,
      bytes: sealed.length,
      sha256: createHash("sha256").update(sealed).digest("hex"),
      dump: "pg_dump custom",
      compression: "zstd",
      encryption: "age",
      recipients: keys.recipients,
      listed: list.split("\n").filter((line) => /^\d+; /.test(line)).length,
    },
    snapshotAt: at.toISOString(),
    madeAt: at.toISOString(),
    source: { ...source, clientVersion: /(\d+\.\d+)/.exec(version)?.[1] ?? "" },
  });
  await writeFile(join(folder, names.artifact), sealed);
  await writeFile(join(folder, names.manifest), JSON.stringify(manifest));
  return { id, folder, manifest, archive };
}
