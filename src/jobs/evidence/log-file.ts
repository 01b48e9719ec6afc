import { createHash } from "node:crypto";
import { constants, type BigIntStats } from "node:fs";
import { mkdir, open, rename, stat, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

import { pass } from "../../core/trace.ts";
import type { FileBytes } from "./log-comparison.ts";

/**
 * A file that is only appended to, and only by us. After any failure it is of no more use: Linux marks pages that it could
 * not write as clean, so a second sync of the same descriptor would succeed without having written anything. Whoever goes
 * on opens it anew and begins at what was synced before.
 */
export type LogFile = AsyncDisposable & {
  readonly bytes: number;
  /** Writes at the end and waits for the disk. */
  append(bytes: Buffer): Promise<void>;
  /** Whether the path still leads to the file as we left it. */
  isAsWeLeftIt(): Promise<boolean>;
};

/** Opens the file to append behind `bytes`, and cuts off what stands there. */
export async function openToAppend(path: string, bytes: number): Promise<LogFile> {
  const file = await openPlain(path, constants.O_RDWR | constants.O_CREAT);
  try {
    const { size } = await file.stat();
    if (size < bytes) throw new Error(`${path} became shorter while it was looked at`);
    if (size > bytes) {
      await file.truncate(bytes);
      pass("log.cut", path);
      await file.datasync();
    }
    if (bytes === 0) await syncDirectory(dirname(path));
    return appending(file, path, bytes, signature(await file.stat({ bigint: true })));
  } catch (error) {
    await file.close();
    throw error;
  }
}

function appending(file: FileHandle, path: string, start: number, opened: string): LogFile {
  let bytes = start;
  let left = opened;
  return {
    get bytes() {
      return bytes;
    },
    async append(piece) {
      await writeAll(file, piece, bytes);
      pass("log.written", path);
      await file.datasync();
      pass("log.synced", path);
      bytes += piece.length;
      left = signature(await file.stat({ bigint: true }));
    },
    isAsWeLeftIt: async () => (await signatureOf(path)) === left,
    [Symbol.asyncDispose]: async () => file.close(),
  };
}

/** Changes whenever somebody writes to the file or puts another in its place. */
export async function signatureOf(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(missing);
  return found ? signature(found) : "";
}

function signature({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs].join(" ");
}

async function writeAll(file: FileHandle, piece: Buffer, at: number): Promise<void> {
  for (let done = 0; done < piece.length;) {
    // A disk that is nearly full takes a part; the rest is refused by the next call.
    const { bytesWritten } = await file.write(piece, done, piece.length - done, at + done);
    done += bytesWritten;
  }
}

/** Writes a whole file in place of another; a crash leaves the old one or the new one, on the disk too. */
export async function replaceBy(path: string, pieces: AsyncIterable<Buffer>): Promise<void> {
  const draft = `${path}.tmp`;
  await makeDirectory(dirname(path));
  {
    const { O_WRONLY, O_CREAT, O_TRUNC } = constants;
    await using file = await openPlain(draft, O_WRONLY | O_CREAT | O_TRUNC);
    let bytes = 0;
    for await (const piece of pieces) {
      await writeAll(file, piece, bytes);
      bytes += piece.length;
    }
    await file.sync();
  }
  pass("log.drafted", path);
  await rename(draft, path);
  pass("log.replaced", path);
  await syncDirectory(dirname(path));
}

/** Gives a file another name for good. */
export async function moveFile(from: string, to: string): Promise<void> {
  await makeDirectory(dirname(to));
  await rename(from, to);
  pass("log.moved", to);
  await syncDirectory(dirname(to));
  await syncDirectory(dirname(from));
}

/** Copies a stretch of a file, whole or not at all, and tells its digest. */
export async function keepAside(
  from: string,
  to: string,
  [start, end]: readonly [start: number, end: number],
): Promise<void> {
  await using file = await openPlain(from, constants.O_RDONLY);
  await replaceBy(to, piecesOf(bytesOf(file, end), start));
}

export async function digestOfFile(path: string): Promise<string> {
  await using file = await openPlain(path, constants.O_RDONLY);
  const digest = createHash("sha256");
  for await (const piece of piecesOf(bytesOf(file, (await file.stat()).size), 0)) {
    digest.update(piece);
  }
  return digest.digest("hex");
}

const PIECE = 256 * 1024;

async function* piecesOf(file: FileBytes, start: number): AsyncGenerator<Buffer, void> {
  for (let at = start; at < file.size; at += PIECE) {
    yield await file.read(at, Math.min(PIECE, file.size - at));
  }
}

/** The bytes of an open file up to a size; it may grow meanwhile. */
function bytesOf(file: FileHandle, size: number): FileBytes {
  return {
    size,
    async read(offset, length) {
      const wanted = Math.max(0, Math.min(length, size - offset));
      const buffer = Buffer.alloc(wanted);
      let done = 0;
      while (done < wanted) {
        const { bytesRead } = await file.read(buffer, done, wanted - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return buffer.subarray(0, done);
    },
  };
}

/** Runs `look` on the bytes of a file; a file that is not there has none. */
export async function readingFrom<Result>(
  path: string,
  look: (file: FileBytes) => Promise<Result>,
): Promise<Result> {
  const opened = await openPlain(path, constants.O_RDONLY).catch(missing);
  if (!opened) return look({ size: 0, read: async () => Buffer.alloc(0) });
  await using file = opened;
  return await look(bytesOf(file, (await file.stat()).size));
}

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(missing)) !== undefined;
}

/**
 * Opens a file and nothing else: whoever may write in the folder must not lead us elsewhere by a link, or make us wait at
 * a pipe.
 */
async function openPlain(path: string, flags: number): Promise<FileHandle> {
  const { O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, flags | O_NOFOLLOW | O_NONBLOCK, 0o644);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new Error(`${path} is no file of its own`);
}

async function makeDirectory(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true });
  if (made !== undefined) await syncDirectory(dirname(made));
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, "r");
  await directory.sync();
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT") return undefined;
  throw error;
}
