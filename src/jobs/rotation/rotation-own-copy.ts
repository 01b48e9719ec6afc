import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";

import { Secret } from "../../core/secret.ts";
import { pause } from "../../core/waiting.ts";
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
  return (await textIn(path)) === secret.reveal();
}

/** What the configuration would read there; undefined where there is no such file. */
async function textIn(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).replace(/\r?\n$/, "");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
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

const LOOK_EVERY_MS = 2_000;

/**
 * Has a process read its configuration anew when another one has put something else there: a rotation may be run from a
 * terminal, or by a replica that has the same files. A file that this process did not read at its start is none of its own.
 */
export async function watchOwnCopies(
  {
    paths,
    holdsItself,
    readAnew,
    onError,
    everyMs = LOOK_EVERY_MS,
  }: {
    readonly paths: readonly string[];
    holdsItself(secret: Secret): boolean;
    readAnew(): void;
    readonly onError: (error: unknown, during: string) => void;
    readonly everyMs?: number;
  },
  until: AbortSignal,
): Promise<void> {
  const isOwn = async (path: string): Promise<boolean | undefined> => {
    try {
      const text = await textIn(path);
      // A file that is gone or empty would be refused by the configuration anyway.
      return text === undefined || text === "" ? undefined : holdsItself(new Secret(text));
    } catch (error) {
      onError(error, `looking at ${path}`);
      return undefined;
    }
  };
  const own: string[] = [];
  for (const path of paths) if ((await isOwn(path)) === true) own.push(path);
  while (own.length > 0 && !until.aborted) {
    for (const path of own) {
      if ((await isOwn(path)) !== false) continue;
      readAnew();
      return;
    }
    await pause(everyMs, until);
  }
}
