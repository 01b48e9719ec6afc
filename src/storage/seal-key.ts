import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, unlink } from "node:fs/promises";
import { join } from "node:path";

import { Secret } from "../core/secret.ts";

const KEY_BYTES = 32;

/** The key in the data folder, made at the first start, readable by its owner alone. */
export async function keptSealKey(dataFolder: string): Promise<Secret> {
  const path = join(dataFolder, "seal.key");
  try {
    return new Secret((await readFile(path, "utf8")).trim());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  await mkdir(dataFolder, { recursive: true });
  const draft = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  const file = await open(draft, "wx", 0o600);
  await file.writeFile(`${randomBytes(KEY_BYTES).toString("base64")}\n`);
  await file.sync();
  await file.close();
  try {
    // A link never replaces: of two first starts at once one key wins, and both use it.
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await unlink(draft);
  }
  return new Secret((await readFile(path, "utf8")).trim());
}
