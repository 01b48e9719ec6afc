import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { lastLines, openServerLog } from "./server-log.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

describe("a server's log", () => {
  test("goes on where it ended, and begins anew beside one older file when it has grown large", async () => {
    await using directory = await temporaryDirectory("log");
    const file = join(directory.path, "server.log");
    for (const line of ["first\n", "second\n"]) {
      await using log = await openServerLog(file);
      await log.write(line);
    }
    expect(await readFile(file, "utf8")).toBe("first\nsecond\n");

    const large = "x".repeat(5_000_001);
    await writeFile(file, large);
    {
      await using log = await openServerLog(file);
      await log.write("anew\n");
    }
    expect(await readFile(file, "utf8")).toBe("anew\n");
    expect(await readFile(`${file}.1`, "utf8")).toBe(large);
  });

  test("shows its last lines, and none from before the start in question", async () => {
    await using directory = await temporaryDirectory("log");
    const file = join(directory.path, "server.log");
    const before = "a line of an earlier start\n";
    const lines = Array.from({ length: 40 }, (_, index) => `line ${index + 1}`);
    await writeFile(file, `${before}${lines.join("\n")}\n`);
    expect(await lastLines(file, before.length, 3)).toBe("line 38\nline 39\nline 40");
    expect(await lastLines(file, before.length, 100)).toBe(lines.join("\n"));
    expect(await lastLines(join(directory.path, "missing.log"))).toBe("");
  });
});
