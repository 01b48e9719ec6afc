import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes what the bot finds in its environment, for a command line in another terminal (`node --env-file`). */
export async function writeEnvironmentFile(
  path: string,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const lines = Object.entries(environment).map(
    ([name, value]) => `${name}=${JSON.stringify(value)}`,
  );
  await writeFile(`${path}.tmp`, `${lines.join("\n")}\n`, { mode: 0o600 });
  await rename(`${path}.tmp`, path);
}
