import { describe, expect, test } from "vitest";

import { cardText } from "../../core/card-text.ts";
import type { Json } from "../../core/json.ts";
import { Secret } from "../../core/secret.ts";
import type { JournalledStep } from "../../storage/run-step.ts";
import type { Run } from "../../storage/run.ts";
import { heldJobsOf, heldJobsStep } from "./held-jobs.ts";
import { restartWorkerCard } from "./restart-worker-card.ts";

const now = new Date("2026-11-23T03:04:05Z");
const COMMIT = "9e107d9d372bb6826bd81d3542a419d6c0ffee00";
const job = (id: string): string => JSON.stringify({ job_id: id, topic: "sync.todoist" });

/** What Redis and the database say by the first, second, … look; the last answers stay. */
type Scene = {
  readonly queue: readonly (readonly string[])[];
  readonly between?: readonly (readonly string[])[];
  readonly ended?: readonly (readonly string[])[];
};

async function held({ queue, between = [[]], ended = [[]] }: Scene, withinMs = 1_000) {
  const counts = { queue: 0, between: 0, ended: 0 };
  const next = <Of>(answers: readonly Of[], of: keyof typeof counts): Of => {
    const answer = answers[Math.min(counts[of], answers.length - 1)];
    counts[of] += 1;
    return answer as Of;
  };
  const step = heldJobsStep({
    name: "held",
    withinMs,
    everyMs: 1,
    jobs: {
      redis: new Secret("redis://localhost"),
      queue: "default_queue",
      database: new Secret("postgresql://localhost/product"),
      within: 60_000,
    },
    systems: {
      redis: { read: async () => [{ ok: true, value: next(queue, "queue").map(job) }] },
      postgres: {
        async query({ sql, values = [] }) {
          if (sql.includes("worker_retry_scheduled")) {
            return next(between, "between").map((id) => ({ id, topic: "plan.refresh" }));
          }
          const asked = values[0] as readonly string[];
          return next(ended, "ended")
            .map((id) => `job_${id}`)
            .filter((one) => asked.includes(one))
            .map((one) => ({ job: one }));
        },
      },
    },
  });
  const reported: Json[] = [];
  const result = await step.look({
    signal: new AbortController().signal,
    run: "R-1",
    key: "key",
    results: {},
    report: (progress) => void reported.push(progress),
  });
  return { held: heldJobsOf({ held: result }, "held"), reported };
}

describe("the jobs in a worker's hands", () => {
  test("are none while what waits stays in the queue, however long that is", async () => {
    expect(await held({ queue: [["a", "b"]] })).toEqual({ held: [], reported: [] });
  });

  test("are waited for when one has left the queue and no row tells of its end", async () => {
    const seen = await held({ queue: [["a", "b"], ["b"]], ended: [[], [], ["a"]] });
    expect(seen).toEqual({ held: [], reported: [{ held: 1 }, { held: 1 }] });
  });

  test("are known by the row of an attempt that another one follows, unless that waits in the queue", async () => {
    const busy = await held({ queue: [[]], between: [["c"], []], ended: [[], ["c"]] });
    expect(busy.reported).toEqual([{ held: 1 }]);
    const waiting = await held({ queue: [["c"]], between: [["c"]] });
    expect(waiting).toEqual({ held: [], reported: [] });
  });

  test("are told and not waited for any longer when they do not end, for the worker may be stuck", async () => {
    const seen = await held({ queue: [["a"], []] }, 50);
    expect(seen.held).toEqual([{ id: "a", topic: "sync.todoist" }]);
  });
});

describe("its card", () => {
  const step = (
    name: string,
    state: JournalledStep["state"],
    result: Json = null,
  ): JournalledStep => ({
    n: 0,
    name,
    kind: "look",
    state,
    key: "",
    baseline: null,
    progress: name === "jobs in hand" && state === "started" ? { held: 2 } : null,
    result,
    error: null,
    startedAt: now,
    endedAt: state === "started" ? null : now,
  });
  const seen = { application: "worker", commit: COMMIT, deployment: "d-1", status: "running" };
  const lost = { held: [{ id: "4f2a77aa-1", topic: "sync.todoist" }] };

  function drawn(steps: readonly JournalledStep[], change: Partial<Run> = {}, seesJobs = true) {
    const run = {
      id: "7",
      target: "alpha",
      state: "running",
      actor: { via: "telegram", name: "Otto", telegram: "5", role: "operator" },
      createdAt: now,
      startedAt: now,
      endedAt: null,
      cancelRequestedAt: null,
      reason: null,
      ...change,
    } as Run;
    const asked = { state: "consumed", votes: [], buttons: [], changed: [] } as never;
    const all = [step("worker now", "done", seen), ...steps];
    const view = { run, input: {}, steps: all, kept: {}, approval: asked, now, timeZone: "UTC" };
    return cardText(restartWorkerCard(view, { seesJobs }));
  }

  test("tells what the worker still holds while that is waited for", () => {
    const text = drawn([step("jobs in hand", "started")]);
    expect(text).toContain("worker anew, same code 9e107d9");
    expect(text).toContain("It holds 2 jobs.");
  });

  test("names at the end what was lost", () => {
    const steps = [
      step("jobs in hand", "done", lost),
      step("restart", "done", { deployment: "d-2", commit: COMMIT, adopted: false }),
      step("worker up", "done"),
    ];
    const text = drawn(steps, { state: "ok", endedAt: now });
    expect(text.split("\n")[0]).toBe("🟢 alpha · worker restarted");
    expect(text).toContain("Lost in its hands: sync.todoist 4f2a77aa.");
  });

  test("claims no loss when the worker was not stopped", () => {
    const text = drawn([step("jobs in hand", "done", lost), step("restart", "failed")], {
      state: "failed",
      reason: "refused",
      endedAt: now,
    });
    expect(text).not.toContain("Lost");
  });
});
