import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { expect, test } from "vitest";

import packageJson from "../package.json" with { type: "json" };
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";

/** What a script of npm does in a checkout whose programs only say that they were called. */
async function said(script: string, more: { readonly installed: boolean }): Promise<string> {
  await using checkout = await temporaryDirectory("first-words");
  await mkdir(join(checkout.path, "scripts"));
  await writeFile(join(checkout.path, "scripts/setup.sh"), "echo setup; mkdir node_modules\n");
  await writeFile(join(checkout.path, "node"), '#!/bin/sh\necho "node $*"\n', { mode: 0o755 });
  if (more.installed) await mkdir(join(checkout.path, "node_modules"));
  const { stdout } = await promisify(execFile)("sh", ["-c", `${script} help`], {
    cwd: checkout.path,
    env: { PATH: `${checkout.path}:${process.env["PATH"]}` },
  });
  return stdout;
}

test("whoever begins with flightdeck in a fresh checkout gets what is missing first, and nobody else does", async () => {
  const { flightdeck } = packageJson.scripts;
  expect(await said(flightdeck, { installed: false })).toBe("setup\nnode src/main.ts help\n");
  expect(await said(flightdeck, { installed: true })).toBe("node src/main.ts help\n");
});
