import { describe, expect, test } from "vitest";

import { Secret } from "../../core/secret.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { LookStep } from "../operation.ts";
import { drainStep, type JobsPlace } from "./drain-step.ts";

const jobs: JobsPlace = {
  redis: new Secret("redis://localhost"),
  queue: "default_queue",
  database: new Secret("postgresql://localhost/product"),
  within: 2_000,
};

type Scene = {
  readonly queue: readonly string[];
  readonly between?: readonly { readonly id: string; readonly topic: string }[];
  /** The jobs that have ended by the first, second, … look; the last one stays. */
  readonly ended: readonly (readonly string[])[];
};

function stepOf({ queue, between = [], ended }: Scene, within = jobs.within): LookStep {
  let looks = 0;
  return drainStep({
    name: "known jobs drained",
    jobs: { ...jobs, within },
    everyMs: 1,
    systems: {
      redis: { read: async () => [{ ok: true, value: [...queue] }] },
      postgres: {
        async query({ sql, values = [] }) {
          if (sql.includes("worker_retry_scheduled")) return between;
          const asked = values[0] as readonly string[];
          const now = ended[Math.min(looks, ended.length - 1)] ?? [];
          looks += 1;
          return now.filter((job) => asked.includes(job)).map((job) => ({ job }));
        },
      },
    },
  });
}

function contextOf(reported: unknown[] = []) {
  return {
    signal: new AbortController().signal,
    run: "R-1",
    key: "key",
    results: {},
    report: (progress: unknown) => void reported.push(progress),
  };
}

const job = (id: string, more: object = {}): string =>
  JSON.stringify({ job_id: id, topic: "sync.todoist", payload: { user_id: "private" }, ...more });

describe("draining the known jobs", () => {
  test("is over at once when none waits and none is between attempts", async () => {
    const step = stepOf({ queue: [], ended: [[]] });
    expect(await step.look(contextOf())).toEqual({ known: 0, waiting: 0 });
  });

  test("follows what waited, and what is between two attempts, to its end", async () => {
    const reported: unknown[] = [];
    const step = stepOf({
      queue: [job("a"), job("b", { attempt: 2 })],
      between: [{ id: "c", topic: "plan.refresh" }],
      ended: [[], ["job_a"], ["job_a", "job_b"], ["job_a", "job_b", "job_c"]],
    });
    expect(await step.look(contextOf(reported))).toEqual({ known: 3, waiting: 2 });
    expect(reported).toEqual([
      { known: 3, left: 3 },
      { known: 3, left: 2 },
      { known: 3, left: 1 },
    ]);
  });

  test("fails with the names of jobs that do not end, and nothing of what they hold", async () => {
    const step = stepOf({ queue: [job("4f2a77aa-1"), job("b")], ended: [["job_b"]] }, 50);
    const failure = await Promise.resolve(step.look(contextOf())).catch(String);
    expect(failure).toContain("1 of 2 known jobs have not ended within");
    expect(failure).toContain("sync.todoist 4f2a77aa");
    expect(failure).not.toContain("private");
  });

  test("counts a job once that waits in the queue for its next attempt", async () => {
    const between = [{ id: "a", topic: "sync.todoist" }];
    const step = stepOf({ queue: [job("a")], between, ended: [["job_a"]] });
    expect(await step.look(contextOf())).toMatchObject({ known: 1 });
  });

  test("passes over what is no job, as the worker does", async () => {
    const step = stepOf({ queue: ["{", "[]", job("a")], ended: [["job_a"]] });
    expect(await step.look(contextOf())).toMatchObject({ known: 1 });
  });

  test("lets rise that it could not look", async () => {
    const step = drainStep({
      name: "known jobs drained",
      jobs,
      systems: {
        redis: { read: async () => [{ ok: false, code: "WRONGTYPE" }] },
        postgres: { query: async () => [] },
      },
    });
    await expect(step.look(contextOf())).rejects.toBeInstanceOf(SystemError);
  });
});
