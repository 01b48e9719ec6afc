import { access, constants, readdir } from "node:fs/promises";
import { join } from "node:path";

import { searchPath } from "./machine.ts";

/** Every copy of the program, best first. */
export async function findPrograms(
  name: string,
  directories?: readonly string[],
): Promise<readonly string[]> {
  const files = (directories ?? (await usualDirectories())).map((directory) =>
    join(directory, name),
  );
  const found = await Promise.all(files.map((file) => isProgram(file)));
  return [...new Set(files.filter((_, index) => found[index]))];
}

/** PATH first, then where Debian and Homebrew keep what they do not put on it, the newest version first. */
async function usualDirectories(): Promise<readonly string[]> {
  const debian = (await list("/usr/lib/postgresql")).map((version) => ({
    version: Number.parseFloat(version),
    directory: join("/usr/lib/postgresql", version, "bin"),
  }));
  const homebrew = (
    await Promise.all(
      ["/opt/homebrew/opt", "/usr/local/opt"].map(async (root) =>
        (await list(root)).flatMap((name) => {
          const version = /^postgresql@(\d+)$/.exec(name)?.[1];
          return version === undefined
            ? []
            : [{ version: Number(version), directory: join(root, name, "bin") }];
        }),
      ),
    )
  ).flat();
  return [
    ...searchPath.split(":").filter((directory) => directory !== ""),
    ...[...debian, ...homebrew]
      .toSorted((left, right) => right.version - left.version)
      .map((entry) => entry.directory),
    "/opt/homebrew/bin",
    "/usr/local/bin",
    "/usr/bin",
  ];
}

async function list(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch {
    return [];
  }
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
