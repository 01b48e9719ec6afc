import { randomBytes } from "node:crypto";

import { afterAll, beforeAll, expect, test } from "vitest";

import { Secret } from "../../src/core/secret.ts";
import type { Database } from "../../src/storage/database.ts";
import { createInbox } from "../../src/storage/inbox.ts";
import { dueRuns } from "../../src/storage/run.ts";
import { createSeal } from "../../src/storage/seal.ts";
import { openOwnDatabase } from "../support/own-database.ts";
import { query } from "../support/records.ts";

const HOUR_MS = 60 * 60_000;

const opened = new AsyncDisposableStack();
let database: Database;
let url: string;
beforeAll(async () => {
  ({ database, url } = opened.use(await openOwnDatabase()));
});
afterAll(async () => opened.disposeAsync());

const hourBefore = (now: Date): Date => new Date(now.getTime() - HOUR_MS);

test("an update that came before the clock was set back is handled, and so is one that was put off", async () => {
  const inbox = createInbox(7, createSeal(new Secret(randomBytes(32).toString("base64"))));
  const update = { updateId: 1, chatId: -1, body: "{}" };
  await database.transaction(async (tx, now) => inbox.receive(tx, now, [update]));
  const due = async (when: (now: Date) => Date) =>
    (await database.transaction(async (tx, now) => inbox.takeDue(tx, when(now))))?.updateId;
  expect(await due(hourBefore)).toBe("1");
  await database.transaction(async (tx, now) => inbox.markFailed(tx, now, "1"));
  await database.transaction(async (tx, now) => inbox.markFailed(tx, now, "1"));
  expect(await due((now) => now)).toBeUndefined();
  expect(await due(hourBefore)).toBe("1");
});

test("a run that was queued before the clock was set back, and lost, is queued again", async () => {
  await query(
    url,
    `insert into run (target, operation, input, mutating, cause, actor, config_hash, created_at, enqueued_at)
     values ('sandbox', 'smoke', '{}', false, 'a-test', '{}', '', now(), now())`,
  );
  const due = async (when: (now: Date) => Date): Promise<number> =>
    (await database.transaction(async (tx, now) => dueRuns(tx, when(now), 30_000, 10))).length;
  expect(await due((now) => now)).toBe(0);
  expect(await due(hourBefore)).toBe(1);
});
