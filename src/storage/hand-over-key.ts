import { join } from "node:path";

import { Secret } from "../core/secret.ts";
import { newIdentity } from "../systems/age.ts";
import { makePrivateFile, readPrivateFile } from "./private-file.ts";

/** The identity that opens what people seal for this Flightdeck; made in the data folder when it is first needed. */
export async function keptHandOverIdentity(dataFolder: string): Promise<Secret> {
  const path = join(dataFolder, "hand-over.key");
  const kept = await readPrivateFile(path);
  if (kept !== undefined) return new Secret(kept.trim());
  await makePrivateFile(path, `${(await newIdentity()).reveal()}\n`);
  // Of two first times at once one wins, and both use it.
  return new Secret(((await readPrivateFile(path)) ?? "").trim());
}
