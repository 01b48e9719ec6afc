import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";

import type { Secret } from "../core/secret.ts";
import type { Deed, Phase, RotationContext } from "./rotation-procedure.ts";

const TIMEOUT_MS = 10_000;

/** What the configuration reads by `${file:…}` follows the secret; nothing where it does not say which file that is. */
export function ownCopyPhases({
  settings,
  vault,
  readAnew,
}: Pick<RotationContext<unknown>, "settings" | "vault" | "readAnew">): readonly Phase[] {
  const { keep } = settings;
  if (keep === undefined) return [];
  const copy = (name: string, value: () => Promise<Secret>): Deed => ({
    name,
    timeoutMs: TIMEOUT_MS,
    probe: async () => ((await holds(keep, await value())) ? "holds" : "absent"),
    async apply() {
      await replaceFile(keep, await value());
      readAnew();
      return { "own-copy": keep };
    },
  });
  return [
    {
      name: "distribute",
      deeds: [copy("Flightdeck's own copy is the new one", vault.minted)],
      undo: [copy("Flightdeck's own copy is the old one again", vault.old)],
    },
  ];
}

async function holds(path: string, secret: Secret): Promise<boolean> {
  try {
    return (await readFile(path, "utf8")).replace(/\r?\n$/, "") === secret.reveal();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Whoever reads it meanwhile finds the old one or the new one, whole, and it is the owner's alone. */
async function replaceFile(path: string, secret: Secret): Promise<void> {
  const draft = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(`${secret.reveal()}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new Error(`${path} cannot be written (${code})`, { cause: error });
  }
}
