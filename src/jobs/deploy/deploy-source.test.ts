import { describe, expect, test } from "vitest";

import type { CoolifyApplication, CoolifyDeployment } from "../../systems/coolify.ts";
import { SystemError } from "../../systems/system-error.ts";
import { resolveSource, type SourceParts } from "./deploy-source.ts";

const HEAD = "c0ffee00".padEnd(40, "0");
const OLD = "c0ffee11".padEnd(40, "1");
const KEPT = "badc0de0".padEnd(40, "2");
const never = new AbortController().signal;

function partsOf(
  more: {
    readonly repository?: string;
    readonly source?: { readonly remote: string; readonly branch: string };
    readonly head?: string | undefined | Error;
  } = {},
) {
  const asked: string[] = [];
  const { repository = "owner/name", head = HEAD, source } = more;
  const parts: SourceParts = {
    rollout: { api: "api", source },
    systems: {
      git: {
        async headOf(remote, branch) {
          asked.push(`${remote} ${branch}`);
          if (head instanceof Error) throw head;
          return "head" in more ? (more.head as string | undefined) : head;
        },
      },
      coolify: {
        application: async () => ({ repository, branch: "main" }) as CoolifyApplication,
        deployments: async () => [{ commit: OLD }, { commit: "HEAD" }] as CoolifyDeployment[],
        rollbackImages: async () => [OLD, KEPT],
      },
    },
  };
  return { parts, asked };
}

describe("what is to be deployed", () => {
  test("is the head of the application's branch when nothing is said, by its full hash", async () => {
    const { parts, asked } = partsOf();
    expect(await resolveSource(parts, undefined, never)).toEqual({
      commit: HEAD,
      meant: "the head of main",
    });
    expect(asked).toEqual(["https://github.com/owner/name main"]);
  });

  test("is the head of the branch that is configured, where one is", async () => {
    const source = { remote: "file:///somewhere", branch: "release" };
    const { parts, asked } = partsOf({ source });
    expect(await resolveSource(parts, undefined, never)).toMatchObject({
      meant: "the head of release",
    });
    expect(asked).toEqual(["file:///somewhere release"]);
  });

  test("is a full hash as it is, whatever is known of it", async () => {
    const stranger = "f".repeat(40);
    const { parts, asked } = partsOf();
    expect(await resolveSource(parts, stranger, never)).toEqual({
      commit: stranger,
      meant: "as asked",
    });
    expect(asked).toEqual([]);
  });

  test.each([
    ["the head", HEAD.slice(0, 8), HEAD],
    ["what was deployed before", OLD.slice(0, 8), OLD],
    ["what an image is kept of", KEPT.slice(0, 7), KEPT],
  ])("is completed from %s", async (_title, prefix, commit) => {
    const { parts } = partsOf();
    expect((await resolveSource(parts, prefix, never)).commit).toBe(commit);
  });

  test("is completed although the branch cannot be asked", async () => {
    const { parts } = partsOf({ head: new SystemError("git", "unreachable", "no network") });
    expect((await resolveSource(parts, KEPT.slice(0, 7), never)).commit).toBe(KEPT);
  });

  test("is not guessed: a beginning of two commits, or of none, is refused", async () => {
    const { parts } = partsOf();
    await expect(resolveSource(parts, "c0ffee", never)).rejects.toThrow("beginning of 2 commits");
    await expect(resolveSource(parts, "1234567", never)).rejects.toThrow("give all 40 digits");
  });

  test("says which branch there is none of", async () => {
    const { parts } = partsOf({ head: undefined });
    await expect(resolveSource(parts, undefined, never)).rejects.toThrow(
      "https://github.com/owner/name has no branch main",
    );
  });

  test.each(["git@example.com:owner/name.git", "https://user:hunter2@example.com/name.git"])(
    "is not asked of a repository that needs a key, and repeats nothing of its address (%#)",
    async (repository) => {
      const { parts, asked } = partsOf({ repository });
      const failure = await resolveSource(parts, undefined, never).catch(String);
      expect(failure).toContain("give /deploy the commit, or configure rollout.source");
      expect(failure).not.toContain("hunter2");
      expect(asked).toEqual([]);
    },
  );
});
