import { describe, expect, test } from "vitest";

import type { CoolifyDeployment } from "../../systems/coolify.ts";
import {
  deploymentProgressText,
  deploymentsBefore,
  deploymentSince,
  judgeDeployment,
  tooLong,
} from "./deployment-sight.ts";

const wanted = "a".repeat(40);
const other = "b".repeat(40);
const at = (minute: number): Date => new Date(Date.UTC(2026, 10, 23, 4, minute));

function row(uuid: string, given: Partial<CoolifyDeployment> = {}): CoolifyDeployment {
  return {
    uuid,
    commit: wanted,
    status: "in_progress",
    isPreview: false,
    isRollback: true,
    createdAt: at(0),
    finishedAt: undefined,
    ...given,
  };
}

const done = { status: "finished", finishedAt: at(3) };
const push = { commit: "HEAD", isRollback: false, createdAt: at(5) };
const awaited = { application: "api", uuid: "ours", commit: wanted };

describe("a deployment that was asked for", () => {
  test.each(["queued", "in_progress", "something-new"])("is under way while it is %s", (status) => {
    expect(judgeDeployment(awaited, [row("ours", { status })])).toEqual({
      kind: "under-way",
      progress: { deployment: "ours", status, since: "2026-11-23T04:00:00.000Z" },
    });
  });

  test("has not ended when it is finished but for its post-deployment command", () => {
    const sight = judgeDeployment(awaited, [row("ours", { status: "finished" })]);
    expect(sight.kind).toBe("under-way");
  });

  test("has ended well when it is finished, at a time, with its commit", () => {
    const sight = judgeDeployment(awaited, [row("ours", done), row("older", done)]);
    expect(sight).toMatchObject({ kind: "finished", row: { uuid: "ours", finishedAt: at(3) } });
  });

  test.each<readonly [string, readonly CoolifyDeployment[], string]>([
    [
      "failed, with a pointer to its log",
      [row("ours", { status: "failed" })],
      "deployment ours of api failed; its log: /deployment api ours",
    ],
    [
      "was cancelled by somebody",
      [row("ours", { status: "cancelled-by-user" })],
      "deployment ours of api was cancelled in Coolify",
    ],
    [
      "was cancelled for another, which is named",
      [row("theirs", push), row("ours", { status: "cancelled-by-user" })],
      "deployment ours of api was cancelled in Coolify; deployment theirs of the head of the branch (in progress) came after it",
    ],
    [
      "put another commit in place",
      [row("ours", { ...done, commit: other })],
      "deployment ours of api put bbbbbbb in place; expected aaaaaaa",
    ],
    [
      "put in place what nobody knows",
      [row("ours", { ...done, commit: "HEAD" })],
      "deployment ours of api put HEAD in place; expected aaaaaaa",
    ],
    [
      "was overtaken by one that waits",
      [row("theirs", { ...push, status: "queued" }), row("ours", done)],
      "deployment ours of api finished, but deployment theirs of the head of the branch (queued) came after it and takes its place",
    ],
    [
      "was overtaken by one that has ended",
      [row("theirs", { ...push, ...done, commit: other }), row("ours", done)],
      "deployment ours of api finished, but deployment theirs of bbbbbbb (finished) came after it and takes its place",
    ],
  ])("fails when it %s", (_title, rows, reason) => {
    expect(judgeDeployment(awaited, rows)).toEqual({ kind: "failed", reason });
  });

  test.each<readonly [string, Partial<CoolifyDeployment>]>([
    ["a preview", { ...push, isPreview: true }],
    ["the same commit", { ...push, commit: wanted }],
    ["one that failed", { ...push, status: "failed" }],
    ["one that was cancelled", { ...push, status: "cancelled-by-user" }],
  ])("is not overtaken by %s", (_title, later) => {
    expect(judgeDeployment(awaited, [row("theirs", later), row("ours", done)]).kind).toBe(
      "finished",
    );
  });

  test("is missing when it is not in the list", () => {
    expect(judgeDeployment(awaited, [row("theirs", done)])).toEqual({ kind: "missing" });
  });

  test("is the newest that was asked for by that commit when only a person knows of it", () => {
    const unnamed = { ...awaited, uuid: undefined };
    const rows = [
      row("pushed", { ...done, isRollback: false }),
      row("newest", done),
      row("older", { status: "failed" }),
    ];
    expect(judgeDeployment(unnamed, rows)).toMatchObject({
      kind: "finished",
      row: { uuid: "newest" },
    });
    expect(judgeDeployment(unnamed, [row("theirs", { commit: other })])).toEqual({
      kind: "missing",
    });
  });
});

describe("the deployment that came of asking", () => {
  const before = deploymentsBefore([row("before", { createdAt: at(1) })]);
  const since = (...rows: readonly CoolifyDeployment[]): string | undefined =>
    deploymentSince(before, rows, wanted)?.uuid;
  const later = { createdAt: at(2) };

  test("is new, of that commit, and was asked for by it", () => {
    expect(since(row("ours", later), row("before", { createdAt: at(1) }))).toBe("ours");
  });

  test.each<readonly [string, CoolifyDeployment]>([
    ["one that was there", row("before", { createdAt: at(1) })],
    ["one that is older than what was there", row("forgotten", { createdAt: at(0) })],
    ["a preview", row("preview", { ...later, isPreview: true })],
    ["another commit", row("other", { ...later, commit: other })],
    ["a push of the same commit", row("pushed", { ...later, isRollback: false })],
  ])("is not %s", (_title, theirs) => {
    expect(since(theirs)).toBeUndefined();
  });

  test("is the one under way when there are several", () => {
    expect(since(row("ended", { ...later, ...done }), row("active", later))).toBe("active");
    expect(since(row("newer", { ...later, ...done }), row("older", { ...later, ...done }))).toBe(
      "newer",
    );
  });

  test("may be the first of all", () => {
    expect(deploymentSince(deploymentsBefore([]), [row("ours")], wanted)?.uuid).toBe("ours");
  });
});

test.each([
  ["queued", "waits in Coolify's queue, asked for 2m ago"],
  ["in_progress", "in progress, asked for 2m ago"],
  ["finished", "finished but for its post-deployment command, asked for 2m ago"],
])("a card says of one that is %s: %s", (status, text) => {
  const progress = { deployment: "ours", status, since: at(0).toISOString() };
  expect(deploymentProgressText(progress, at(2))).toBe(text);
});

test("a card says nothing of what was not reported, and nothing of the future", () => {
  expect(deploymentProgressText(null, at(0))).toBeUndefined();
  const progress = { deployment: "ours", status: "queued", since: at(5).toISOString() };
  expect(deploymentProgressText(progress, at(0))).toBe("waits in Coolify's queue, just asked for");
});

test.each([
  ["queued", /^deployment ours of api still waits in Coolify's queue after 20m;/],
  [
    "in_progress",
    /^deployment ours of api is still in progress after 20m; its log: \/deployment api ours$/,
  ],
  ["finished", /^deployment ours of api finished, but its post-deployment command has not ended/],
  [undefined, /^deployment ours of api was not seen in Coolify's list after 20m$/],
])("when time is over, what it was spent with is told: %s", (status, expected) => {
  const since = at(0).toISOString();
  const progress = status === undefined ? undefined : { deployment: "ours", status, since };
  expect(tooLong(awaited, progress, 20 * 60_000)).toMatch(expected);
});
