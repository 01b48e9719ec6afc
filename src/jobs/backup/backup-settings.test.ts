import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { describe, expect, test } from "vitest";

import { Secret } from "../../core/secret.ts";
import { backupSetting } from "./backup-settings.ts";

const identity = await generateX25519Identity();
const drill = await identityToRecipient(identity);
const recovery = await identityToRecipient(await generateX25519Identity());
const good = {
  database: new Secret("postgresql+asyncpg://backup:secret@db.example.com/app"),
  recipients: { drill, recovery },
};

function problemOf(change: object): string {
  const parsed = backupSetting.safeParse({ ...good, ...change });
  return parsed.success ? "" : parsed.error.issues.map(({ message }) => message).join("; ");
}

describe("the settings of backups", () => {
  test("need a database and two keys, and know the rest", () => {
    expect(backupSetting.parse(good)).toMatchObject({
      keepHere: 1,
      keep: { atLeast: 5, daily: 7, weekly: 5, monthly: 12, yearly: 3 },
      migrationTable: "alembic_version",
    });
  });

  test.each<[string, object, RegExp]>([
    ["no recovery key", { recipients: { drill } }, /is missing/],
    ["one key for both", { recipients: { drill, recovery: drill } }, /two different recipients/],
    [
      "an identity in place of a recipient",
      { recipients: { drill: identity, recovery } },
      /this is an identity/,
    ],
    [
      "a recipient with a typing error",
      { recipients: { drill: `${drill}x`, recovery } },
      /expected a recipient/,
    ],
    ["a recipient in place of an identity", { identity: new Secret(drill) }, /AGE-SECRET-KEY/],
    ["an identity in the file itself", { identity }, /belongs in a reference/],
    ["a table that is SQL", { migrationTable: "a; drop table b" }, /the name of a table/],
    ["nothing that is kept", { keep: { atLeast: 0 } }, /at least 1|from 1/],
  ])("are refused with %s", (_what, change, words) => {
    expect(problemOf(change)).toMatch(words);
    expect(problemOf(change)).not.toContain(identity);
  });

  test("take the file that age-keygen writes", () => {
    const file = `# created: 2026-11-23\n# public key: ${drill}\n${identity}\n`;
    expect(problemOf({ identity: new Secret(file) })).toBe("");
  });
});
