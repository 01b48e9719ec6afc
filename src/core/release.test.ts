import { describe, expect, test } from "vitest";

import {
  earlierReleases,
  isKnownGood,
  lessonWords,
  releaseMeant,
  schemaWords,
  type DeployedApplication,
  type MetRelease,
} from "./release.ts";

const day = (of: number): Date => new Date(Date.UTC(2026, 10, of, 3));
const [older, old, bad, present] = ["aaa1", "bbb2", "ccc3", "ddd4"] as const;

const application = (given: Partial<DeployedApplication> = {}): DeployedApplication => ({
  name: "api",
  images: [present, bad, old],
  finished: [
    { commit: present, at: day(22) },
    { commit: bad, at: day(21) },
    { commit: old, at: day(20) },
    { commit: older, at: day(10) },
  ],
  ...given,
});
const worker = application({ name: "worker" });

const met = (commit: string, at: number, given: Partial<MetRelease> = {}): MetRelease => ({
  commit,
  lesson: "smoke-go",
  schemaRevision: "c3a2",
  firstMetAt: day(at),
  metAt: day(at),
  ...given,
});

const commits = (of: readonly MetRelease[], applications = [application(), worker]) =>
  earlierReleases(applications, of).map(({ commit }) => commit);

describe("what one could go back to", () => {
  test("is everything that ran but what runs now, the newest first when nothing is known", () => {
    expect(commits([])).toEqual([bad, old, older]);
  });

  test("begins with what was proved, however much was deployed since", () => {
    expect(commits([met(older, 12)])).toEqual([older, bad, old]);
  });

  test("orders what was proved by when it was last seen good", () => {
    expect(commits([met(old, 20), met(older, 12), met(older, 11)])).toEqual([old, older, bad]);
  });

  test("puts last what somebody left, until it is proved anew", () => {
    const left = met(bad, 21, { lesson: "rolled-back-from" });
    expect(commits([met(bad, 20), left])).toEqual([old, older, bad]);
    expect(commits([met(bad, 20), left, met(bad, 22)])).toEqual([bad, old, older]);
    const [first] = earlierReleases([application(), worker], [met(bad, 20), left]).slice(-1);
    expect(first && isKnownGood(first)).toBe(false);
  });

  test("holds what runs in one application only, for half of it is to be rolled back", () => {
    const ahead = application({ finished: [{ commit: bad, at: day(22) }] });
    expect(commits([], [ahead, worker])).toContain(present);
  });

  test("still holds what only our own rows remember", () => {
    expect(commits([met("eee5", 1)])).toContain("eee5");
  });

  test("names each application whose image is gone", () => {
    const pruned = application({ name: "worker", images: [present] });
    const releases = earlierReleases([application(), pruned], []);
    expect(releases.map(({ commit, rebuilds }) => [commit, rebuilds])).toEqual([
      [bad, ["worker"]],
      [old, ["worker"]],
      [older, ["api", "worker"]],
    ]);
  });
});

test("where images cannot be seen nobody says that one is gone", () => {
  const hidden = application({ images: undefined });
  expect(earlierReleases([hidden, worker], [])[2]).toMatchObject({
    commit: older,
    rebuilds: ["worker"],
    unseen: ["api"],
  });
});

describe("the beginning of a hash", () => {
  const releases = [{ commit: "aaa1" }, { commit: "aab2" }];

  test.each([
    ["aaa", { commit: "aaa1" }],
    ["aaa1", { commit: "aaa1" }],
    ["aa", "several"],
    ["bb", "none"],
  ] as const)("%s means %j", (prefix, meant) => {
    expect(releaseMeant(releases, prefix)).toEqual(meant);
  });
});

test("what speaks for a release is said with its age", () => {
  expect(lessonWords({ lesson: "smoke-go", metAt: day(20) }, day(22))).toBe("smoke GO 2d ago");
  expect(lessonWords({ lesson: "rolled-back-from", metAt: day(20) }, day(22))).toBe(
    "left by a rollback 2d ago",
  );
  expect(lessonWords(undefined, day(22))).toBe("never proved here");
});

describe("whether a release runs on the present schema", () => {
  test.each([
    ["it was seen there", "c3a2", [met(old, 20)], "It ran well on schema c3a2, the present one."],
    [
      "it was never seen anywhere",
      "c3a2",
      [],
      "Unknown whether it runs on schema c3a2: never seen there.",
    ],
    [
      "it was seen on another one",
      "e8f1",
      [met(old, 20)],
      "Unknown whether it runs on schema e8f1: never seen there; it was on c3a2.",
    ],
    [
      "it was only left there",
      "c3a2",
      [met(old, 20, { lesson: "rolled-back-from" })],
      "Unknown whether it runs on schema c3a2: never seen there.",
    ],
    [
      "only another release was seen there",
      "c3a2",
      [met(older, 20)],
      "Unknown whether it runs on schema c3a2: never seen there.",
    ],
    [
      "the schema could not be read",
      undefined,
      [met(old, 20)],
      "Unknown whether it runs on the present schema, which could not be read.",
    ],
  ] as const)("when %s", (_when, revision, known, words) => {
    expect(schemaWords(old, revision, known)).toBe(words);
  });
});
