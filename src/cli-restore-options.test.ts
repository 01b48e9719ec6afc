import { describe, expect, test } from "vitest";

import { understandRestore } from "./cli-restore-options.ts";
import { parseCommandLine } from "./core/command-line.ts";

const understand = (...words: string[]) =>
  understandRestore(parseCommandLine(["restore", ...words]));
const TO = ["--to", "${env:RESTORE_URL}"];
const KEY = ["--identity", "key"];

describe("what restore is asked", () => {
  test.each([
    ["/backups/x.dump.zst.age", { kind: "file", path: "/backups/x.dump.zst.age" }],
    ["20261123T030000Z", { kind: "backup", id: "20261123T030000Z" }],
  ])("takes %s", (what, from) => {
    expect(understand(what, ...TO, ...KEY)).toEqual({
      ok: true,
      options: { from, to: "${env:RESTORE_URL}", identity: "key" },
    });
  });

  test.each([
    ["no backup", [...TO, ...KEY], /Which backup/],
    ["two", ["a", "b", ...TO, ...KEY], /"b" is one word too many/],
    ["no database", ["a", ...KEY], /--to is missing/],
    ["no key", ["a", ...TO], /--identity is missing/],
    ["an option that is none", ["a", ...TO, ...KEY, "--identiy", "k"], /did you mean --identity/],
    [
      "a password for everybody to see",
      ["a", "--to", "postgresql://me:secret-of-mine@host/db", ...KEY],
      /holds a password.*\$\{env:NAME\}/,
    ],
    [
      "a password behind a question mark",
      ["a", "--to", "postgresql:///db?user=me&password=secret-of-mine", ...KEY],
      /holds a password/,
    ],
  ])("refuses %s, and says what would be right", (_what, words, message) => {
    const understood = understand(...words);
    expect(understood).toMatchObject({ ok: false, message: expect.stringMatching(message) });
    expect(JSON.stringify(understood)).not.toContain("secret-of-mine");
  });
});
