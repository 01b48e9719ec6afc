import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Secret } from "../core/secret.ts";

/** The key in the data folder, made at the first start, readable by its owner alone. */
export async function keptSealKey(dataFolder: string): Promise<Secret> {
  const path = join(dataFolder, "seal.key");
  try {
    return new Secret((await readFile(path, "utf8")).trim());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  await mkdir(dataFolder, { recursive: true });
  const key = randomBytes(32).toString("base64");
  const draft = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  await writeFile(draft, `${key}\n`, { mode: 0o600 });
  await rename(draft, path);
  return keptSealKey(dataFolder);
}
