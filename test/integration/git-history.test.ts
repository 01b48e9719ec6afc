import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createGitHistory } from "../../src/systems/git-history.ts";

const opened = new AsyncDisposableStack();
const history = createGitHistory();
const { signal } = new AbortController();
const at = new Date(Date.UTC(2026, 10, 20, 3));
let repository: string;
const commits: string[] = [];

async function git(...words: readonly string[]): Promise<string> {
  const date = `${at.getTime() / 1000} +0000`;
  const { stdout } = await promisify(execFile)("git", ["-C", repository, ...words], {
    env: {
      PATH: process.env["PATH"] ?? "",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_AUTHOR_NAME: "Otto",
      GIT_AUTHOR_EMAIL: "otto@example.com",
      GIT_COMMITTER_NAME: "Otto",
      GIT_COMMITTER_EMAIL: "otto@example.com",
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_DATE: date,
    },
  });
  return stdout.trim();
}

beforeAll(async () => {
  repository = opened.use(await temporaryDirectory("history")).path;
  await git("init", "--quiet", "--initial-branch=main");
  for (const subject of ["Close tasks", "Ask twice", "Wait\tlonger \u001f or so"]) {
    await git(
      "commit",
      "--quiet",
      "--allow-empty",
      "-m",
      subject,
      "-m",
      "A body that nobody reads.",
    );
    commits.push(await git("rev-parse", "HEAD"));
  }
});
afterAll(async () => {
  await opened.disposeAsync();
});

describe("a commit of the target's source", () => {
  test("has a subject and an age", async () => {
    expect(await history.summary(repository, commits[0]!, signal)).toEqual({
      subject: "Close tasks",
      committedAt: at,
    });
  });

  test("may have any characters in its subject", async () => {
    const found = await history.summary(repository, commits[2]!, signal);
    expect(found?.subject).toBe("Wait\tlonger \u001f or so");
  });

  test("that the clone does not have is unknown, and no trouble", async () => {
    expect(await history.summary(repository, "ab".repeat(20), signal)).toBeUndefined();
  });

  test("is asked for by its hash alone", async () => {
    await expect(history.summary(repository, "--all", signal)).rejects.toThrow(
      'expected the hash of a commit, got "--all"',
    );
    await expect(history.distance(repository, "main", commits[0]!, signal)).rejects.toThrow(
      "expected the hash of a commit",
    );
  });

  test("is some commits away from another", async () => {
    const [first, , last] = commits as [string, string, string];
    expect(await history.distance(repository, last, first, signal)).toEqual({
      behind: 2,
      ahead: 0,
    });
    expect(await history.distance(repository, first, last, signal)).toEqual({
      behind: 0,
      ahead: 2,
    });
  });

  test("cannot be asked for where there is no clone", async () => {
    const empty = opened.use(await temporaryDirectory("no-clone")).path;
    await expect(history.summary(empty, commits[0]!, signal)).rejects.toThrow("git log in");
  });
});
