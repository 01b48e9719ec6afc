import { afterAll, afterEach, beforeAll, expect, test } from "vitest";

import type { ChatMessage } from "../../sandbox/telegram/server.ts";
import { startRollout, type Rollout } from "../support/rollout.ts";

const opened = new AsyncDisposableStack();
let rollout: Rollout;

beforeAll(async () => {
  rollout = opened.use(
    await startRollout({ watches: true, world: { deadLetterEveryMs: 3_600_000 } }),
  );
});
afterAll(async () => {
  await opened.disposeAsync();
});
afterEach(async () => {
  await rollout.world.healAll();
});

/** The card of an alert, once it has this button. */
async function alertWith(reads: RegExp, label: string): Promise<ChatMessage> {
  return rollout.world.telegram.waitFor(
    () =>
      rollout.world.telegram
        .messages()
        .find(
          ({ text, buttons }) =>
            reads.test(text) && buttons.flat().some((button) => button.label === label),
        ),
    { timeoutMs: 60_000 },
  );
}

/** The card that answers a tap stands under the one that was tapped. */
async function askedBy({ id }: ChatMessage, reads: RegExp): Promise<ChatMessage> {
  return rollout.world.telegram.waitFor(
    () =>
      rollout.world.telegram
        .messages()
        .find(({ replyTo, text }) => replyTo?.id === id && reads.test(text)),
    { timeoutMs: 60_000 },
  );
}

test("a dead letter is put back from its alert, by a tap and the yes of another person", async () => {
  const { world, tap, until } = rollout;
  await world.break("dead-letters-grow");
  const alert = await alertWith(/dead-letters-are-none fails/, "Requeue dead letter");
  expect(alert.buttons.flat().map(({ label }) => label)).not.toContain("Restart worker");
  await tap("operator", alert, "Requeue dead letter");
  const card = await askedBy(alert, /requeue\?/);
  await tap("approver", card, "Approve");
  await until(card, /🟢 sandbox · the job completed/);
}, 150_000);

test("a worker that stands still is started anew from its alert", async () => {
  const { world, tap, until } = rollout;
  await world.break("worker-died-silently");
  const alert = await alertWith(/worker-completes-jobs fails/, "Restart worker");
  await tap("operator", alert, "Restart worker");
  const card = await askedBy(alert, /restart worker\?/);
  await tap("approver", card, "Approve");
  await until(card, /🟢 sandbox · worker restarted/);
  const over = await until(alert, /✅ sandbox · worker-completes-jobs/);
  expect(over.buttons.flat()).toEqual([]);
}, 200_000);
