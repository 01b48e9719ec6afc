import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { expect, test } from "vitest";

import { parseConfig } from "./load-config.ts";

const recipient = async (): Promise<string> => identityToRecipient(await generateX25519Identity());
const head = `target: production
telegram: { token: "\${env:BOT}", chat: -1001 }
operators: [{ name: Ada, telegram: 1, role: approver }]
checks: { api-is-live: { kind: http, url: "https://api.example.com" } }
`;
const backup = `backup:
  database: \${env:DATABASE}
  recipients: { drill: ${await recipient()}, recovery: ${await recipient()} }
`;
const bucket = `systems:
  bucket: { url: https://store.example.com, name: backups, accessKeyId: "\${env:KEY}", secretAccessKey: "\${env:KEY}" }
`;
const parse = (text: string) =>
  parseConfig(text, {
    environment: {
      BOT: `7000000001:S${"a".repeat(34)}`,
      DATABASE: "postgresql://backup:secret@db.example.com/app",
      KEY: "key",
    },
    readFile: () => "",
  });

test("a backup that would stay on this machine is refused, at its line", () => {
  const loaded = parse(`${head}${backup}`);
  const problems = loaded.ok ? [] : loaded.problems;
  expect(problems.map(({ line, path, message }) => `${line} ${path}: ${message}`)).toEqual([
    expect.stringMatching(/^\d backup: needs systems\.bucket: a backup that stays on this machine/),
  ]);
});

test("a backup with a bucket is taken, and so is no backup at all", () => {
  expect(parse(`${head}${backup}${bucket}`)).toMatchObject({ ok: true });
  expect(parse(head)).toMatchObject({ ok: true });
});
