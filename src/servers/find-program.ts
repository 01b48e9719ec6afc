import { access, constants, readdir } from "node:fs/promises";
import { join } from "node:path";

import { searchPath } from "./machine.ts";

/** Every place that holds the program, best first: PATH, then where Debian and Homebrew hide their versions. */
export async function findPrograms(name: string, path = searchPath): Promise<readonly string[]> {
  const candidates = [...path.split(":").filter((part) => part !== ""), ...(await versioned())];
  const found = await Promise.all(
    candidates.map(async (directory) =>
      (await isProgram(join(directory, name))) ? directory : "",
    ),
  );
  return [...new Set(found.filter((directory) => directory !== ""))].map((directory) =>
    join(directory, name),
  );
}

async function versioned(): Promise<readonly string[]> {
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
