import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Puts secrets where the bot reads them, a file each, as a platform mounts them; and where it puts new ones itself. */
export async function writeSecretFiles(
  folder: string,
  secrets: Readonly<Record<string, string>>,
): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  for (const [name, secret] of Object.entries(secrets)) {
    await writeFile(join(folder, name), `${secret}\n`, { mode: 0o600 });
  }
}
