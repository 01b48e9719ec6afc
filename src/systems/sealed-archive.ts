import { createReadStream, createWriteStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";

import { Decrypter } from "age-encryption";

import type { Secret } from "../core/secret.ts";
import { BrokenSealError, openSeal } from "./age-stream.ts";
import { SystemError, codeOf, safeCause } from "./system-error.ts";

/** An artifact that was opened, or why it is not what it should be. */
export type Opening =
  | { readonly kind: "opened"; readonly sealedFor: number; readonly archiveBytes: number }
  | { readonly kind: "refused"; readonly reason: string };

const NO_KEY = "the key is none; expected a line AGE-SECRET-KEY-1…";
const HEADER_LIMIT_BYTES = 64 * 1024;
/** What is unpacked is written in as large pieces as it was read in; Node's own are a hundredth of it, and as slow. */
const PIECE_BYTES = 1024 * 1024;

/**
 * Decrypts and unpacks an artifact into a file that only we may read. It needs no other program, because on the worst day
 * none may be there, and shares no code with what sealed it.
 *
 * @throws {SystemError} when a file cannot be read or written; what is wrong with the artifact itself is an answer
 */
export async function openSealed(
  { from, to, identity }: { readonly from: string; readonly to: string; readonly identity: Secret },
  signal: AbortSignal,
): Promise<Opening> {
  const sealedFor = await countRecipients(from);
  if (sealedFor === 0) return { kind: "refused", reason: "this is no file that age has sealed" };
  const decrypter = new Decrypter();
  const keys = identitiesIn(identity.reveal());
  try {
    for (const key of keys) decrypter.addIdentity(key);
  } catch {
    // The library's own words could quote the key.
    return { kind: "refused", reason: NO_KEY };
  }
  if (keys.length === 0) return { kind: "refused", reason: NO_KEY };
  const target = createWriteStream(to, { flags: "wx", mode: 0o600 });
  try {
    const sealed = createReadStream(from, { highWaterMark: PIECE_BYTES });
    await pipeline(
      openSeal(sealed, decrypter),
      createZstdDecompress({ chunkSize: PIECE_BYTES }),
      target,
      { signal },
    );
  } catch (error) {
    target.destroy();
    signal.throwIfAborted();
    const reason = refusalOf(error);
    if (reason !== undefined) return { kind: "refused", reason };
    throw new SystemError(
      "artifact",
      "rejected",
      `cannot open ${from}: ${safeCause(error).message}`,
      {
        cause: safeCause(error),
        code: codeOf(error),
      },
    );
  }
  return { kind: "opened", sealedFor, archiveBytes: target.bytesWritten };
}

/** A file of age-keygen holds remarks beside its keys. */
function identitiesIn(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** What the artifact is to blame for; a disk that is full, or a file that is not there, it is not. */
function refusalOf(error: unknown): string | undefined {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof BrokenSealError) {
    if (/no identity matched/i.test(message)) return "it is not sealed for this key";
    return `it was cut or changed: ${message}`;
  }
  const isPacking = codeOf(error)?.match(/^ZSTD|^Z_/) ?? /zstd|unexpected end/i.exec(message);
  return isPacking ? `what was sealed cannot be unpacked: ${message}` : undefined;
}

/** age's header has a line that begins with an arrow for every key that opens the file. */
async function countRecipients(path: string): Promise<number> {
  await using file = await open(path, "r").catch((cause: unknown) => {
    throw new SystemError("artifact", "rejected", `cannot read ${path}`, {
      cause: safeCause(cause),
      code: codeOf(cause),
    });
  });
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_LIMIT_BYTES), 0);
  const [header = "", rest] = buffer.subarray(0, bytesRead).toString("latin1").split("\n---", 2);
  if (!header.startsWith("age-encryption.org/v1\n") || rest === undefined) return 0;
  return header.split("\n").filter((line) => line.startsWith("-> ") && !line.includes("grease"))
    .length;
}
