import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import type { Actor } from "../../src/core/actor.ts";
import type { Database } from "../../src/storage/database.ts";
import { meetRelease, metReleases } from "../../src/storage/release.ts";
import {
  askReview,
  countReminder,
  findReview,
  giveReview,
  openReviews,
} from "../../src/storage/review.ts";
import { admitRun } from "../../src/storage/run.ts";
import { openOwnDatabase } from "../support/own-database.ts";
import { query } from "../support/records.ts";

const opened = new AsyncDisposableStack();
const [ada, otto] = (["Ada", "Otto"] as const).map((name): Actor => ({
  via: "telegram",
  name,
  telegram: "1",
  role: "approver",
})) as [Actor, Actor];
const at = (hour: number): Date => new Date(Date.UTC(2026, 10, 23, hour));
let database: Database;
let url: string;
let runId: string;

beforeAll(async () => {
  ({ database, url } = opened.use(await openOwnDatabase()));
  const admission = await database.transaction(async (tx) =>
    admitRun(tx, at(1), {
      target: "production",
      operation: "rollback",
      input: {},
      mutating: true,
      holds: true,
      cause: "cli-1",
      actor: ada,
      configHash: "0",
    }),
  );
  runId = admission.run.id;
});
afterAll(async () => {
  await opened.disposeAsync();
});
beforeEach(async () => {
  await query(url, "truncate release, review");
});

describe("a release", () => {
  const meet = async (hour: number, schemaRevision: string | undefined): Promise<void> =>
    database.transaction(async (tx) =>
      meetRelease(tx, at(hour), "production", {
        commit: "aaa1",
        lesson: "smoke-go",
        schemaRevision,
        runId,
      }),
    );
  const known = async (target: string) =>
    database.transaction(async (tx) => metReleases(tx, target));

  test("that is met again keeps when it was met first and last, for each schema", async () => {
    await meet(1, "c3a2");
    await meet(3, "c3a2");
    await meet(2, "e8f1");
    await meet(4, undefined);
    await meet(5, undefined);
    const lesson = "smoke-go";
    expect(await known("production")).toEqual([
      { commit: "aaa1", lesson, schemaRevision: undefined, firstMetAt: at(4), metAt: at(5) },
      { commit: "aaa1", lesson, schemaRevision: "c3a2", firstMetAt: at(1), metAt: at(3) },
      { commit: "aaa1", lesson, schemaRevision: "e8f1", firstMetAt: at(2), metAt: at(2) },
    ]);
  });

  test("is not met less by a clock that went back", async () => {
    await meet(3, "c3a2");
    await meet(2, "c3a2");
    expect((await known("production"))[0]?.metAt).toEqual(at(3));
  });

  test("of another target is nobody's here", async () => {
    await meet(1, "c3a2");
    expect(await known("staging")).toEqual([]);
  });
});

describe("a review", () => {
  const ask = async (): Promise<boolean> =>
    database.transaction(async (tx) =>
      askReview(tx, at(1), {
        runId,
        target: "production",
        actedBy: ada,
        reason: "nobody answered",
        dueAt: at(23),
      }),
    );
  const give = async (words: string): Promise<boolean> =>
    database.transaction(async (tx) => giveReview(tx, at(2), { runId, by: otto, words }));

  test("is asked for once, and given once", async () => {
    expect([await ask(), await ask()]).toEqual([true, false]);
    expect([await give("right so"), await give("wrong")]).toEqual([true, false]);
    const review = await database.transaction(async (tx) => findReview(tx, runId));
    expect(review).toMatchObject({
      actedBy: { name: "Ada" },
      given: { by: { name: "Otto" }, words: "right so", at: at(2) },
    });
  });

  test("is open until it is given", async () => {
    await ask();
    const open = async () =>
      database.transaction(async (tx) => openReviews(tx, "production").then((all) => all.length));
    expect(await open()).toBe(1);
    await give("right so");
    expect(await open()).toBe(0);
  });

  test("counts each reminder once, and none after it was given", async () => {
    await ask();
    const remind = async (count: number): Promise<boolean> =>
      database.transaction(async (tx) => countReminder(tx, runId, count));
    expect([await remind(1), await remind(1), await remind(2)]).toEqual([true, false, true]);
    await give("right so");
    expect(await remind(3)).toBe(false);
  });
});
