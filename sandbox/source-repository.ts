import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { writeGitRepository } from "./git-objects.ts";
import { gitCommits, releases } from "./releases.ts";

/** The product's source, as far as its history goes: the commits of all releases, and a branch that stands at one of them. */
export type SourceRepository = {
  /** A bare repository; to git it is a remote like any other. */
  readonly path: string;
  /** Where `main` stands from now on. */
  moveTo(commit: string): void;
};

export async function writeSourceRepository(path: string): Promise<SourceRepository> {
  await writeGitRepository(path, [...gitCommits.values()]);
  const moveTo = (commit: string): void => {
    const file = join(path, "refs", "heads", "main");
    writeFileSync(`${file}.lock`, `${commit}\n`);
    renameSync(`${file}.lock`, file);
  };
  moveTo(releases.current);
  return { path, moveTo };
}
