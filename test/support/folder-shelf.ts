import { copyFile, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

import type { BackupShelf } from "../../src/jobs/drill/drill-shelf.ts";

/** Backups in a folder, for tests that need no bucket. */
export function folderShelf(directory: string): BackupShelf {
  const unlessMissing = (error: NodeJS.ErrnoException): undefined => {
    if (error.code !== "ENOENT") throw error;
  };
  return {
    name: `folder ${directory}`,
    list: async () => readdir(directory),
    read: async (name) => readFile(join(directory, name), "utf8").catch(unlessMissing),
    fetch: async (name, to) =>
      (await copyFile(join(directory, name), to)
        .then(() => true)
        .catch(unlessMissing)) ?? false,
  };
}
