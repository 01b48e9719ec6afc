import { expect, test } from "vitest";

import { ids } from "../../sandbox/coolify/ids.ts";
import type { DeploymentRow } from "../../sandbox/coolify/rows.ts";
import { deploymentEffects, markEffects, type Act } from "./effects.ts";

const clock = (seconds: number): Date => new Date(Date.UTC(2026, 10, 23, 3, 0, seconds));
const begunAt = clock(0);

const act: Act = {
  runId: "1",
  name: "the api is deployed",
  state: "done",
  key: "a",
  result: { deployment: "d1" },
  job: undefined,
  startedAt: clock(10),
  endedAt: clock(20),
};

function row(uuid: string, second: number, change: Partial<DeploymentRow> = {}): DeploymentRow {
  const at = clock(second).toISOString();
  return {
    id: 1,
    deployment_uuid: uuid,
    application: ids.api,
    pull_request_id: 0,
    force_rebuild: false,
    rollback: false,
    restart_only: false,
    is_api: true,
    is_webhook: false,
    requested_commit: "c",
    commit: "c",
    status: "finished",
    logs: null,
    created_at: at,
    updated_at: at,
    finished_at: at,
    ...change,
  };
}

const counts = (all: readonly DeploymentRow[], acts: readonly Act[] = [act]) => {
  const { effects, strays } = deploymentEffects(all, begunAt, acts);
  return { counts: effects.map(({ count }) => count), strays };
};

test("the deployment that an act names is its effect", () => {
  expect(counts([row("d1", 12)])).toEqual({ counts: [1], strays: [] });
});

test("another one of the same application in its time is its effect a second time", () => {
  expect(counts([row("d1", 12), row("d2", 13)]).counts).toEqual([2]);
});

test("an act in doubt has what was begun in its time as its effect", () => {
  const unsure = { ...act, state: "unknown", result: null };
  expect(counts([row("d1", 12)], [unsure]).counts).toEqual([1]);
  expect(deploymentEffects([row("d1", 12)], begunAt, [unsure]).effects[0]?.isOwed).toBe(false);
});

test("what was begun at another time, or of another application, belongs to nobody", () => {
  const late = row("d2", 40);
  const other = row("d3", 13, { application: ids.worker });
  expect(counts([row("d1", 12), late, other])).toEqual({
    counts: [1],
    strays: [expect.stringContaining("d2"), expect.stringContaining("d3")],
  });
});

test("what a push has begun, or what was there before, is not looked at", () => {
  expect(counts([row("d1", 12), row("p", 13, { is_api: false }), row("o", -5)]).strays).toEqual([]);
});

test("a mark counts for the act of its key, and one of no act belongs to nobody", () => {
  const marks = new Map([
    ["a", 2],
    ["b", 1],
  ]);
  const { effects, strays } = markEffects(marks, [{ ...act, name: "mark" }]);
  expect(effects).toEqual([
    { runId: "1", step: "mark", stepState: "done", count: 2, isOwed: true },
  ]);
  expect(strays).toEqual(["a mark by b"]);
});
