import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { keepMade, makingSources } from "./cli-secrets-kept.ts";
import { Secret } from "./core/secret.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "kept-"));
});
afterAll(async () => rm(folder, { recursive: true }));

const sources = { environment: {}, readFile: (path: string) => readFileSync(path, "utf8") };

async function configured(text: string) {
  const file = join(folder, "config.yaml");
  await writeFile(file, text);
  return makingSources(sources, [file]);
}

describe("a file that keeps a made secret", () => {
  test("is made up while it is missing, the same whenever it is read, and written by nobody", async () => {
    const path = join(folder, "token");
    const { sources: making, made } = await configured(
      `variables:\n  TOKENS: { applications: [api], generate: token, keep: ${path} }\n`,
    );
    const value = making.readFile(path);
    expect(value).toMatch(/^[\w-]{43}$/);
    expect(making.readFile(path)).toBe(value);
    expect(made.get(path)?.value.reveal()).toBe(value);
    await expect(stat(path)).rejects.toThrow("ENOENT");
  });

  test("is read where it is", async () => {
    const path = join(folder, "there");
    await writeFile(path, "of before\n");
    const { sources: making, made } = await configured(
      `variables:\n  TOKENS: { generate: hex, keep: ${path} }\n`,
    );
    expect(making.readFile(path)).toBe("of before\n");
    expect(made.size).toBe(0);
  });

  test.each([
    ["no configuration", "{"],
    ["one that keeps another", "variables:\n  A: { generate: token, keep: /another }\n"],
    ["one that makes nothing", "variables:\n  A: { ask: what, keep: /missing/file }\n"],
  ])("is missing all the same for %s", async (_what, text) => {
    const { sources: making } = await configured(text);
    expect(() => making.readFile("/missing/file")).toThrow("ENOENT");
  });
});

test("a made secret is kept for its owner's eyes, and never over another", async () => {
  const path = join(folder, "deep", "er", "token");
  await keepMade({ path, value: new Secret("first") });
  expect(await readFile(path, "utf8")).toBe("first\n");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await expect(keepMade({ path, value: new Secret("second") })).rejects.toThrow("EEXIST");
  expect(await readFile(path, "utf8")).toBe("first\n");
});
