import { afterAll, beforeAll, expect, test } from "vitest";

import { query } from "../support/records.ts";
import { startRollout, type Rollout } from "../support/rollout.ts";

const opened = new AsyncDisposableStack();
let rollout: Rollout;

beforeAll(async () => {
  rollout = opened.use(await startRollout());
});
afterAll(async () => {
  await opened.disposeAsync();
});

const underWay = async (): Promise<readonly string[]> => {
  const sql = "select name from run_step where state = 'started'";
  return (await query<{ name: string }>(rollout.databaseUrl, sql)).rows.map(({ name }) => name);
};
const runOf = (text: string): string => /R-[0-9A-Z]+/.exec(text)?.[0] ?? "";

test("a run whose question waits is cancelled by one tap, and nothing was done", async () => {
  const { say, until, entries } = rollout;
  const card = await say("operator", "/restart worker", /restart worker\?/);
  const answer = await say("operator", `/cancel ${runOf(card.text)}`, /asked to stop/);
  expect(answer.text).toContain("Its question is withdrawn.");
  expect(answer.text).toContain("Nothing was done yet.");
  await until(card, /withdrawn|cancelled/);
  expect((await entries()).some(({ kind }) => kind === "step.intent")).toBe(false);
});

test("a deployment that was asked for goes on: whoever cancels is told so first, and the run stops waiting", async () => {
  const { world, say, tap, until } = rollout;
  await world.break("deployments-hang");
  try {
    const card = await say("operator", "/restart worker", /restart worker\?/);
    await tap("approver", card, "Approve");
    const run = runOf(card.text);
    await expect.poll(underWay, { timeout: 30_000 }).toEqual(["worker up"]);
    const warning = await say("operator", `/cancel ${run}`, /stop it now\?/);
    expect(warning.text).toContain(
      "Coolify goes on with the deployment of worker that was asked for.",
    );
    expect(warning.text).toContain("Done already, and not undone: restart.");
    // A code of other words is no yes to these.
    await say("operator", `/cancel ${run} 0000`, /stop it now\?/);
    await tap("operator", warning, "Stop it all the same");
    const end = await until(card, /restart worker cancelled/);
    expect(end.text).toContain("cancelled by an operator");
    const late = await say("operator", `/cancel ${run}`, /has ended/);
    expect(late.text).toContain("cancelled");
  } finally {
    await world.heal("deployments-hang");
  }
});
