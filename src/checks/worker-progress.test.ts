import { describe, expect, test } from "vitest";
import { z } from "zod";

import { Secret } from "../core/secret.ts";
import type { RedisReply } from "../systems/redis.ts";
import type { EarlierLook } from "./check-kind.ts";
import { workerProgress } from "./worker-progress.ts";

const signal = new AbortController().signal;
const schema = z.strictObject(workerProgress.settings);
const settings = schema.parse({
  redis: new Secret("redis://127.0.0.1"),
  queue: "jobs",
  database: new Secret("postgresql://reader@db/app"),
  within: "10m",
});

const look = (minutesAgo: number, jobs: number): EarlierLook => ({
  at: new Date(Date.now() - minutesAgo * 60_000),
  measurements: [{ name: "jobs.jobs", value: jobs }],
});

async function ask(seen: {
  readonly jobs?: RedisReply;
  readonly completedAgoSeconds?: number | null;
  readonly betweenAttempts?: number;
  readonly lost?: number;
  readonly earlier?: readonly EarlierLook[];
}) {
  const { jobs = { ok: true, value: 0 }, earlier = [], ...history } = seen;
  const windows: number[] = [];
  const row = { completedAgoSeconds: 7_200, betweenAttempts: 0, lost: 0, ...history };
  const result = await workerProgress.observe(
    {
      systems: {
        redis: { read: async () => [jobs] },
        postgres: { query: async () => [row] },
      },
      settings,
      previous: async (lastMs) => {
        windows.push(lastMs);
        return earlier;
      },
    },
    signal,
  );
  return { ...result, windows };
}

const waiting = (jobs: number): RedisReply => ({ ok: true, value: jobs });

describe("an empty queue", () => {
  test("with a last completion hours ago is an idle worker, and passes", async () => {
    const seen = await ask({});
    expect(seen.observations).toEqual([
      expect.objectContaining({ actual: "nothing waits, the last one completed 2h ago", ok: true }),
    ]);
    expect(seen.measurements).toEqual([{ name: "jobs.jobs", value: 0 }]);
  });

  test("is not called idle while a job is between attempts", async () => {
    const { observations } = await ask({ betweenAttempts: 1 });
    expect(observations[0]).toMatchObject({
      actual: "1 job between attempts, the last one completed 2h ago",
      ok: true,
    });
  });

  test("fails when a job that was to be tried again never was", async () => {
    const { observations } = await ask({ lost: 2, completedAgoSeconds: null });
    expect(observations[0]).toMatchObject({
      actual: "2 jobs not tried again for more than 10m, none was ever completed",
      ok: false,
    });
  });
});

describe("jobs in the queue", () => {
  test("pass while others are being completed", async () => {
    const { observations } = await ask({ jobs: waiting(40), completedAgoSeconds: 3 });
    expect(observations[0]).toMatchObject({
      actual: "40 jobs in jobs, the last one completed 3s ago",
      ok: true,
    });
  });

  test("fail when they wait for too long by our own earlier looks", async () => {
    const { observations, windows } = await ask({
      jobs: waiting(3),
      earlier: [look(15, 1), look(1, 3)],
    });
    expect(observations[0]).toMatchObject({
      expected: "a completion within 10m while jobs wait",
      ok: false,
    });
    expect(windows).toEqual([20 * 60_000]);
  });

  test("are unknown at the first look, with the reason, and the look is kept", async () => {
    const seen = await ask({ jobs: waiting(3) });
    expect(seen.observations).toEqual([]);
    expect(seen.reason).toContain(
      "no earlier look tells how long they wait, so ask again after 10m",
    );
    expect(seen.measurements).toEqual([{ name: "jobs.jobs", value: 3 }]);
  });
});

test("a completion in the future fails: the worker's clock would make it look alive for hours", async () => {
  const { observations } = await ask({ completedAgoSeconds: -7_200 });
  expect(observations.at(-1)).toMatchObject({
    what: "time of the last completion",
    actual: "2h ahead: is the worker's clock in UTC?",
    ok: false,
  });
  const slightly = await ask({ completedAgoSeconds: -5 });
  expect(slightly.observations.every(({ ok }) => ok)).toBe(true);
});

test("a queue without a length is unknown", async () => {
  await expect(ask({ jobs: { ok: false, code: "WRONGTYPE" } })).rejects.toMatchObject({
    kind: "malformed",
  });
});
