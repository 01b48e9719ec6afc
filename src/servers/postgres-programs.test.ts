import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { findPostgresPrograms } from "./postgres-programs.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

describe("the programs of PostgreSQL", () => {
  test("are the first found for new data, and those of its version for old data", async () => {
    await using temporary = await temporaryDirectory("programs");
    const fresh = await install(temporary.path, "PostgreSQL) 17.2 (Debian 17.2-1)");
    const old = await install(temporary.path, "PostgreSQL) 15.13");
    const broken = await install(temporary.path, undefined);
    const among = [broken, fresh, old];
    expect(await findPostgresPrograms(undefined, "data", among)).toEqual({
      major: 17,
      directory: fresh,
    });
    expect(await findPostgresPrograms(15, "data", among)).toEqual({ major: 15, directory: old });
    await expect(findPostgresPrograms(14, "data", among)).rejects.toThrow(
      /data was made by PostgreSQL 14, and installed is PostgreSQL 17/,
    );
    await expect(findPostgresPrograms(undefined, "data", [broken])).rejects.toThrow(
      /PostgreSQL is not installed/,
    );
  });
});

async function install(root: string, version: string | undefined): Promise<string> {
  const directory = join(root, `bin-${version ?? "broken"}`.replaceAll(/[^\w-]/g, "-"));
  await mkdir(directory);
  await writeFile(join(directory, "initdb"), "#!/bin/sh\n", { mode: 0o755 });
  const answer = version === undefined ? "exit 1" : `echo 'postgres (${version}'`;
  await writeFile(join(directory, "postgres"), `#!/bin/sh\n${answer}\n`, { mode: 0o755 });
  return directory;
}
