import { createHash } from "node:crypto";

import type { Secret } from "../../core/secret.ts";
import { unsealed } from "../../systems/age.ts";
import { parseArchive } from "../../systems/archive.ts";
import type { Bucket } from "../../systems/bucket.ts";
import { findDumpPrograms } from "../../systems/dump-programs.ts";
import { SystemError } from "../../systems/system-error.ts";

export type ReadBack = {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  /** Opens it, so that its dump is read as well; without it the bytes have to do. */
  readonly identity: Secret | undefined;
  /** Of the server that was dumped. */
  readonly serverVersionNumber: number;
  readonly onBytes: (bytes: number) => void;
};

export type ReadBackResult =
  | { readonly ok: true; /** Null when it was not opened. */ readonly listed: number | null }
  | { readonly ok: false; readonly problem: string };

/**
 * Fetches every byte of an object again and compares. What is wrong with it is an answer; not being able to look is an
 * error.
 */
export async function readBack(
  bucket: Bucket,
  expected: ReadBack,
  signal: AbortSignal,
): Promise<ReadBackResult> {
  const { identity } = expected;
  const opened = identity && (await tryToOpen(bucket, { ...expected, identity }, signal));
  // What was opened to its end was read to its end; anything else is read again, for the plainest answer.
  const seen = opened && "digest" in opened ? opened : await digestOf(bucket, expected, signal);
  if (!seen) return { ok: false, problem: `${expected.name} is not in the bucket` };
  if (seen.bytes !== expected.bytes || seen.digest !== expected.sha256) {
    const written = `${expected.bytes} bytes with SHA-256 ${expected.sha256}`;
    const problem = `written were ${written}, and the bucket gives back ${seen.bytes} bytes with ${seen.digest}`;
    return { ok: false, problem };
  }
  if (opened && "problem" in opened) return { ok: false, problem: opened.problem };
  return { ok: true, listed: opened?.listed ?? null };
}

type Digest = { readonly bytes: number; readonly digest: string };

/** Whose error is about what was read, and not about reading it. */
const SAYS_IT_IS_WRONG: ReadonlySet<string> = new Set(["age", "zstd", "pg_restore"]);

async function tryToOpen(
  bucket: Bucket,
  expected: ReadBack & { readonly identity: Secret },
  signal: AbortSignal,
): Promise<(Digest & { readonly listed: number }) | { readonly problem: string } | undefined> {
  const programs = await findDumpPrograms(expected.serverVersionNumber, signal);
  const body = await bucket.read(expected.name, signal);
  if (!body) return undefined;
  const counted = counting(body, expected.onBytes);
  try {
    const packed = unsealed(counted.chunks, expected.identity);
    const { listed } = await parseArchive(packed, programs, signal);
    return { ...counted.digest(), listed };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SystemError) || !SAYS_IT_IS_WRONG.has(error.system)) throw error;
    return { problem: error.message };
  }
}

async function digestOf(
  bucket: Bucket,
  { name, onBytes }: ReadBack,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  const body = await bucket.read(name, signal);
  if (!body) return undefined;
  const counted = counting(body, onBytes);
  for await (const chunk of counted.chunks) void chunk;
  return counted.digest();
}

function counting(
  body: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): { readonly chunks: AsyncIterable<Uint8Array>; digest(): Digest } {
  const hash = createHash("sha256");
  let bytes = 0;
  return {
    chunks: (async function* () {
      for await (const chunk of body) {
        hash.update(chunk);
        bytes += chunk.length;
        onBytes(bytes);
        yield chunk;
      }
    })(),
    digest: () => ({ bytes, digest: hash.digest("hex") }),
  };
}
