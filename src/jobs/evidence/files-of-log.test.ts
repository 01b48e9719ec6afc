import { execFile } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { LogPart } from "../../core/log-verification.ts";
import { temporaryDirectory } from "../../servers/temporary-directory.ts";
import { fileOfLog, filesOfLog } from "./files-of-log.ts";

const opened = new AsyncDisposableStack();
let folder: string;

beforeAll(async () => {
  ({ path: folder } = opened.use(await temporaryDirectory("files-of-log")));
  await mkdir(join(folder, "log"));
  await writeFile(join(folder, "secret"), "what nobody should read");
  await writeFile(join(folder, "log.md"), "x".repeat(200_000));
  await symlink(join(folder, "secret"), join(folder, "log", "1-10.md"));
  await promisify(execFile)("mkfifo", [join(folder, "log", "11-20.md")]);
  await mkdir(join(folder, "log", "21-30.md"));
});
afterAll(async () => {
  await opened.disposeAsync();
});

async function read(part: LogPart): Promise<number> {
  let bytes = 0;
  for await (const chunk of part.open()) bytes += chunk.length;
  return bytes;
}

describe("the files of a log", () => {
  test("are read whole, more than once, or only as far as somebody wants", async () => {
    const part = (await filesOfLog(folder)).at(-1)!;
    expect(await read(part)).toBe(200_000);
    for await (const chunk of part.open()) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect(await read(part)).toBe(200_000);
  });

  test.each(["1-10.md", "11-20.md", "21-30.md"])(
    "are no links, pipes or folders: %s",
    async (name) => {
      const part = (await filesOfLog(folder)).find((one) => one.name.endsWith(name));
      await expect(read(part!)).rejects.toThrow(`${name} is no file of its own`);
    },
  );

  test("that somebody names may lie behind a link, and are no pipes either", async () => {
    expect(await read(fileOfLog(join(folder, "log", "1-10.md")))).toBe(23);
    const pipe = fileOfLog(join(folder, "log", "11-20.md"));
    await expect(read(pipe)).rejects.toThrow("is no file of its own");
  });
});
