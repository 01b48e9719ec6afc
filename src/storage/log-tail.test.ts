import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { expect, onTestFinished, test } from "vitest";

import { checkpointBlock } from "../core/log-text.ts";
import { temporaryDirectory } from "../servers/temporary-directory.ts";
import { lastNoteInFiles } from "./log-tail.ts";

const note = (size: number): string => `alpha\n${size}\nroot=\n\n— alpha signature=\n`;

async function startFolder(): Promise<string> {
  const folder = await temporaryDirectory("log-tail");
  onTestFinished(async () => folder[Symbol.asyncDispose]());
  await mkdir(join(folder.path, "log"));
  return folder.path;
}

test("the last note is found in the present file, or in the newest closed one while it has none", async () => {
  const folder = await startFolder();
  expect(await lastNoteInFiles(folder)).toBeUndefined();
  await writeFile(join(folder, "log", "8-20.md"), `x\n${checkpointBlock(note(20))}`);
  await writeFile(join(folder, "log", "1-7.md"), `x\n${checkpointBlock(note(7))}`);
  await writeFile(join(folder, "log.md"), "# begun just now\n\n");
  expect(await lastNoteInFiles(folder)).toBe(note(20));
  const blocks = [note(21), note(22)].map(checkpointBlock).join("");
  await writeFile(
    join(folder, "log.md"),
    `x\n${blocks}### Checkpoint of 23\n\n\`\`\`checkpoint\nalp`,
  );
  expect(await lastNoteInFiles(folder)).toBe(note(22));
});

test("a file made to be searched without end is searched once", async () => {
  const folder = await startFolder();
  const openings = "\n```checkpoint\nx".repeat(250_000);
  await writeFile(join(folder, "log.md"), `${openings}\n${checkpointBlock(note(5))}${openings}`);
  const startedAt = performance.now();
  await lastNoteInFiles(folder);
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});

test("a pipe in the place of the file holds no note, and nobody waits for it", async () => {
  const folder = await startFolder();
  await promisify(execFile)("mkfifo", [join(folder, "log.md")]);
  expect(await lastNoteInFiles(folder)).toBeUndefined();
});
