import { createHash } from "node:crypto";
import { constants, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable } from "node:stream";

import { createScrubber } from "../core/redaction.ts";
import type { Secret } from "../core/secret.ts";
import { startChildPipe } from "./child-pipe.ts";
import type { DumpPrograms } from "./dump-programs.ts";
import { postgresEnvironment } from "./postgres-environment.ts";
import { SystemError, codeOf, safeCause } from "./system-error.ts";

declare const whole: unique symbol;

/**
 * A file that is whole. Only `writeDump`, after every child has ended well, and `recognise`, after every byte was read
 * again, can say so; nothing else may be kept or sent.
 */
export type WholeFile = {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly [whole]: true;
};

export type DumpOrder = {
  readonly url: Secret;
  /** Exported by the transaction in which the source is counted. */
  readonly snapshot: string;
  readonly programs: DumpPrograms;
  readonly recipients: readonly string[];
  /** Where it stands in the end; until then it has another name. */
  readonly file: string;
  readonly onBytes: (bytes: number) => void;
};

/** How long pg_dump waits for a table that somebody holds, such as a migration. */
const LOCK_WAIT = "60s";

/** Dumps, packs and seals a database into a file that only its owner may read. Whatever fails leaves no file. */
export async function writeDump(order: DumpOrder, signal: AbortSignal): Promise<WholeFile> {
  signal.throwIfAborted();
  const { file, programs } = order;
  const partial = partialName(file);
  await using working = new AsyncDisposableStack();
  const environment = working.use(await postgresEnvironment(order.url));
  await rm(partial, { force: true });
  // Once it is renamed there is nothing to remove.
  working.defer(async () => rm(partial, { force: true }));
  const children = working.use(
    await startChildPipe(
      [
        {
          name: "pg_dump",
          program: programs.pgDump,
          args: [
            "--format=custom",
            "--compress=0",
            "--no-password",
            `--lock-wait-timeout=${LOCK_WAIT}`,
            `--snapshot=${order.snapshot}`,
          ],
          environment: environment.variables,
        },
        { name: "zstd", program: programs.zstd, args: ["-q", "-3", "--stdout"] },
        {
          name: "age",
          program: programs.age,
          args: order.recipients.flatMap((recipient) => ["--recipient", recipient]),
        },
      ],
      { input: "ignore", output: "pipe", scrub: createScrubber([order.url]) },
    ),
  );
  if (!children.output) throw new TypeError("The last child has an output.");
  const written = await write(children.output, partial, order.onBytes, signal);
  // Output ends when a child dies, so only now it is known that this was all of it.
  await children.ended;
  signal.throwIfAborted();
  await rename(partial, file);
  await syncFolder(dirname(file));
  return { path: file, ...written } as WholeFile;
}

/** Reads a file anew; undefined unless it is the one that was written. */
export async function recognise(
  path: string,
  expected: { readonly bytes: number; readonly sha256: string },
  signal: AbortSignal,
): Promise<WholeFile | undefined> {
  const digest = createHash("sha256");
  let bytes = 0;
  try {
    await using file = await open(path, "r");
    for await (const chunk of file.createReadStream({ autoClose: false, signal })) {
      digest.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  const sha256 = digest.digest("hex");
  if (bytes !== expected.bytes || sha256 !== expected.sha256) return undefined;
  return { path, bytes, sha256 } as WholeFile;
}

/** What a dump is called while it is not whole. */
export function partialName(file: string): string {
  return `${file}.partial`;
}

async function write(
  output: Readable,
  path: string,
  onBytes: (bytes: number) => void,
  signal: AbortSignal,
): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const digest = createHash("sha256");
  let bytes = 0;
  const stop = (): void => void output.destroy();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
    await using file = await open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
    const { mode } = await file.stat();
    if ((mode & 0o077) !== 0) {
      throw new SystemError(
        "dump",
        "rejected",
        `others may read ${path}; its folder forces a mode`,
      );
    }
    for await (const chunk of output as AsyncIterable<Buffer>) {
      digest.update(chunk);
      await file.writeFile(chunk);
      bytes += chunk.length;
      onBytes(bytes);
    }
    signal.throwIfAborted();
    await file.sync();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SystemError) throw error;
    const full = codeOf(error) === "ENOSPC" ? ": the disk is full" : "";
    const message = `cannot write ${path}${full}`;
    throw new SystemError("dump", "rejected", message, {
      cause: safeCause(error),
      code: codeOf(error),
    });
  } finally {
    signal.removeEventListener("abort", stop);
  }
  return { bytes, sha256: digest.digest("hex") };
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r");
  await folder.sync();
}
