import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect, test } from "vitest";

import { startTelegram } from "../../sandbox/telegram/server.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { talkWith } from "../support/init-child.ts";

const TOKEN = `7000000001:${"StoppedEarly".padEnd(35, "x")}`;

test("a bot that is told to stop while it starts ends in order, and calls nothing a failure", async () => {
  await using telegram = await startTelegram({ botToken: TOKEN });
  await using directory = await temporaryDirectory("stopped-early");
  const file = join(directory.path, "ours.yaml");
  await writeFile(file, configuration(telegram.url, telegram.chatId));
  await using bot = talkWith(["start", file], {
    cwd: directory.path,
    environment: { TOKEN },
  });
  // Its own PostgreSQL is being made, which takes a while.
  const begun = join(directory.path, "data/postgres");
  await expect.poll(() => existsSync(begun), { timeout: 30_000 }).toBe(true);
  bot.interrupt();
  expect(await bot.exited).toBe(0);
  expect(bot.said()).toContain("stopped before it had started");
  expect(bot.said()).not.toMatch(/does not start|aborted/);
}, 60_000);

const configuration = (apiRoot: string, chat: number): string => `
target: production
telegram: { token: "\${env:TOKEN}", apiRoot: ${apiRoot}, chat: ${chat} }
operators:
  - { name: Ada, telegram: 1003, role: approver }
data: data
checks:
  ops-bot-is-safe: { kind: telegram-bot, token: "\${env:TOKEN}", apiRoot: ${apiRoot} }
`;
