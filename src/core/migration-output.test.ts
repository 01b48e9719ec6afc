import { describe, expect, test } from "vitest";

import { readMigrationOutput } from "./migration-output.ts";

const INFO =
  "INFO  [alembic.runtime.migration] Running upgrade c3a2b7d9f1e0 -> e8f1a7c9d2b4, work items";

describe("what a migration wrote", () => {
  test("tells the code and the head of one that went well", () => {
    const output = `${INFO}\ne8f1a7c9d2b4 (head)\nRC=0\n`;
    expect(readMigrationOutput(output)).toEqual({ code: 0, heads: ["e8f1a7c9d2b4"], said: "" });
  });

  test("tells what went wrong, although Coolify puts its own words before it", () => {
    const output =
      `Job permanently failed after 1 attempts: ${INFO}\nTraceback (most recent call last):\n` +
      'sqlalchemy.exc.ProgrammingError: relation "work_items" already exists\n' +
      "(Background on this error at: https://sqlalche.me/e/20/f405)\n" +
      "e8f1a7c9d2b4 (head)\nc3a2b7d9f1e0\nRC=1\n";
    expect(readMigrationOutput(output)).toEqual({
      code: 1,
      heads: ["e8f1a7c9d2b4"],
      said: 'sqlalchemy.exc.ProgrammingError: relation "work_items" already exists',
    });
  });

  test("has no code when the command did not come to its end", () => {
    expect(readMigrationOutput(INFO)).toEqual({ heads: [], said: "" });
    expect(readMigrationOutput("").code).toBeUndefined();
  });

  test("takes no line for a code that merely holds one", () => {
    expect(readMigrationOutput("the last line said RC=0, they say").code).toBeUndefined();
  });

  test("tells every head once, and more than one where the code has branched", () => {
    const output = "aaaa (head)\nbbbb (head)\naaaa (head)\nRC=0";
    expect(readMigrationOutput(output).heads).toEqual(["aaaa", "bbbb"]);
  });

  test("takes the code of the last attempt, for Coolify may have tried more than once", () => {
    expect(readMigrationOutput("Connection refused\nRC=1\nmore\nRC=0").code).toBe(0);
  });
});
