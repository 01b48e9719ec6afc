import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";

/**
 * Where the bot's data goes: the usual place, unless we are root and its servers, which must not be root, could not get
 * there (a checkout in root's own home). Then a place beside temporary files, the same one at every start.
 */
export async function reachableDataDirectory(usual: string): Promise<string> {
  if (userInfo().uid !== 0 || (await anybodyMayPass(dirname(usual)))) return usual;
  const name = createHash("sha256").update(usual).digest("hex").slice(0, 12);
  return join(tmpdir(), `flightdeck-sandbox-${name}`);
}

async function anybodyMayPass(directory: string): Promise<boolean> {
  const mode = await stat(directory).then(
    (found) => found.mode,
    // What does not exist yet will be made open to passage.
    () => 0o001,
  );
  if ((mode & 0o001) === 0) return false;
  const parent = dirname(directory);
  return parent === directory || (await anybodyMayPass(parent));
}
