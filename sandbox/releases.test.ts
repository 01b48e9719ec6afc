import { expect, test } from "vitest";

import { gitCommits, releaseNames, releaseOf, releases } from "./releases.ts";

test("every release is one commit on top of the one that runs, and has the same hash in every world", () => {
  const hashes = releaseNames.map((name) => releases[name]);
  expect(new Set(hashes).size).toBe(releaseNames.length);
  for (const hash of hashes) expect(hash).toMatch(/^[0-9a-f]{40}$/);
  const parentOf = (name: (typeof releaseNames)[number]): string | undefined =>
    /^parent (\w{40})$/m.exec(gitCommits.get(name)!.objects.at(-1)!.bytes.toString())?.[1];
  expect(parentOf("previous")).toBeUndefined();
  expect(parentOf("current")).toBe(releases.previous);
  for (const name of releaseNames.slice(2)) expect(parentOf(name)).toBe(releases.current);
});

test("a release is found by its hash or the beginning of it, and not by a name or by too little", () => {
  const { good } = releases;
  expect(releaseOf(good, "A")?.name).toBe("good");
  expect(releaseOf(good.slice(0, 7), "A")?.name).toBe("good");
  for (const text of [good.slice(0, 6), "HEAD", "good", "main", "f".repeat(40), `${good}0`]) {
    expect(releaseOf(text, "A")).toBeUndefined();
  }
});

test("a release is of the world's revision unless it is another one, and its last migration is its head", () => {
  const headOf = (name: keyof typeof releases, revision: "A" | "B") =>
    releaseOf(releases[name], revision)!.migrations.at(-1)!.revision;
  expect(headOf("current", "A")).toBe("c3a2b7d9f1e0");
  expect(headOf("current", "B")).toBe("c4f2d9e1a7b3");
  expect(headOf("revision-b", "A")).toBe("c4f2d9e1a7b3");
  expect(headOf("migrates", "A")).toBe("a1c4e7d2f9b3");
  expect(releaseOf(releases["revision-b"], "A")!.revision).toBe("B");
});
