import { afterAll, beforeAll, expect, test } from "vitest";

import { startRollout, type Rollout } from "../support/rollout.ts";

const opened = new AsyncDisposableStack();
let rollout: Rollout;

beforeAll(async () => {
  rollout = opened.use(await startRollout());
});
afterAll(async () => {
  await opened.disposeAsync();
});

test("the log of an application is picked by a tap, and shown folded without a secret", async () => {
  const { world, say } = rollout;
  const which = await say("operator", "/logs", /the log of which application\?/);
  expect(which.buttons.flat().map(({ label }) => label)).toContain("worker");
  world.as("operator").tap({ messageId: which.id, label: "api" });
  const log = await world.telegram.waitFor(
    () =>
      world.telegram
        .messages()
        .find(
          ({ replyTo, text }) => replyTo?.id === which.id && /log of api · the newest/.test(text),
        ),
    { timeoutMs: 30_000 },
  );
  expect(log.entities.map(({ type }) => type)).toContain("expandable_blockquote");
  // The product prints the token of its bot, which nobody here is to see.
  expect(log.text).toContain("/bot[secret]/sendMessage");
  const one = await say("operator", "/logs api 1", /log of api · 1 line/);
  expect(one.buttons.flat().map(({ label }) => label)).toEqual(["Look again"]);
  const shown = JSON.stringify(world.telegram.messages());
  for (const secret of world.secrets) expect(shown.includes(secret)).toBe(false);
});

test("of an application that cannot be asked it says why, and of none that is not named it says anything", async () => {
  const { world, say } = rollout;
  await world.break("worker-app-exited");
  try {
    const card = await say("operator", "/logs worker", /not seen/);
    expect(card.text).toContain("not running");
  } finally {
    await world.heal("worker-app-exited");
  }
  await say("operator", "/logs wroker", /There is no application "wroker"\. Did you mean worker\?/);
  await say("operator", "/logs api 0", /"0" is no number of lines from 1 to 2000/);
  await say("viewer", "/logs api", /needs the role operator/);
});
