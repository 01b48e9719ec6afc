import { randomBytes } from "node:crypto";
import { chmod, link, lstat, mkdir, open, readFile, rename, unlink } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname } from "node:path";

/** A file or folder that others could read or replace; whoever has its key has our signature. */
class UnsafeFileError extends Error {
  override readonly name = "UnsafeFileError";
}

/** The folder, made for its owner alone if it is not there. */
export async function ensurePrivateFolder(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 });
  // The mode of a folder that is made is narrowed by the umask, but never widened.
  if (made !== undefined) await chmod(path, 0o700);
  await demandPrivate(path, "directory");
}

/**
 * Reads a file that only its owner may read; undefined when there is none.
 *
 * @throws {UnsafeFileError} with what would make it safe
 */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  if (!(await demandPrivate(path, "file"))) return undefined;
  return readFile(path, "utf8");
}

/** Makes a file that is not there yet. False: somebody else was quicker, and theirs stays. */
export async function makePrivateFile(path: string, text: string): Promise<boolean> {
  const draft = await writeDraft(path, text);
  try {
    // A link never replaces.
    await link(draft, path);
    await syncFolder(dirname(path));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await unlink(draft);
  }
}

/** Replaces a file as a whole: a crash leaves the old one or the new one, on the disk too. */
export async function replaceFile(path: string, text: string, mode = 0o600): Promise<void> {
  const draft = await writeDraft(path, text, mode);
  await rename(draft, path);
  await syncFolder(dirname(path));
}

async function writeDraft(path: string, text: string, mode = 0o600): Promise<string> {
  const draft = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  await using file = await open(draft, "wx", mode);
  await file.writeFile(text);
  await file.sync();
  return draft;
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r");
  await folder.sync();
}

async function demandPrivate(path: string, kind: "file" | "directory"): Promise<boolean> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (!found) return false;
  const { uid, username } = userInfo();
  const mode = kind === "directory" ? "700" : "600";
  const isKind = kind === "directory" ? found.isDirectory() : found.isFile();
  if (!isKind) {
    throw new UnsafeFileError(
      `${path} must be a ${kind} of its own, not a link or anything else; move the original there.`,
    );
  }
  if (found.uid !== uid) {
    throw new UnsafeFileError(
      `${path} belongs to the user ${found.uid}; it must be ${username}'s: chown ${username} ${path}`,
    );
  }
  if ((found.mode & 0o077) !== 0) {
    const seen = (found.mode & 0o777).toString(8).padStart(3, "0");
    throw new UnsafeFileError(
      `${path} has the mode ${seen}, so others can get at it: chmod ${mode} ${path}`,
    );
  }
  return true;
}
