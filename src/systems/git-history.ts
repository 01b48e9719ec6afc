import { z } from "zod";

import { git } from "./git.ts";
import { SystemError } from "./system-error.ts";

/** A commit as people recognise it. */
type CommitSummary = { readonly subject: string; readonly committedAt: Date };

/** How one commit stands to another: what it lacks of it, and what it has beyond it. */
type CommitDistance = { readonly behind: number; readonly ahead: number };

export type GitHistory = {
  /** Undefined when this clone does not have the commit, as when nobody has fetched since. */
  summary(
    repository: string,
    commit: string,
    signal: AbortSignal,
  ): Promise<CommitSummary | undefined>;
  /** How many commits lie between two that the clone has. */
  distance(
    repository: string,
    from: string,
    to: string,
    signal: AbortSignal,
  ): Promise<CommitDistance>;
};

const COMMIT = /^[0-9a-f]{7,64}$/;
const UNIT = "\u001f";

/** Reads a clone of the target's source; never fetches, for a card must not wait for somebody else's server. */
export function createGitHistory(): GitHistory {
  return {
    async summary(repository, commit, signal) {
      const words = ["log", "--no-walk", "--format=%ct%x1f%s", hash(commit), "--"];
      const told = await git(repository, words, { signal }).catch((error: unknown) => {
        // That it does not have the commit is an answer; that there is no clone is none.
        if (error instanceof SystemError && UNKNOWN_COMMIT.test(error.message)) return undefined;
        throw error;
      });
      if (told === undefined) return undefined;
      const [seconds = "", ...subject] = told.trimEnd().split(UNIT);
      const committedAt = new Date(z.coerce.number().parse(seconds) * 1_000);
      return { subject: subject.join(UNIT), committedAt };
    },
    async distance(repository, from, to, signal) {
      const range = `${hash(from)}...${hash(to)}`;
      const told = await git(repository, ["rev-list", "--left-right", "--count", range, "--"], {
        signal,
      });
      const [behind, ahead] = countsSchema.parse(told.trim().split("\t"));
      return { behind, ahead };
    },
  };
}

const UNKNOWN_COMMIT = /bad object|unknown revision|bad revision/;
const countsSchema = z.tuple([z.coerce.number(), z.coerce.number()]);

/** Only a hash may be asked for: whatever else git takes there, it could be an option or somebody's branch. */
function hash(commit: string): string {
  if (COMMIT.test(commit)) return commit;
  throw new SystemError(
    "git",
    "rejected",
    `expected the hash of a commit, got ${JSON.stringify(commit).slice(0, 80)}`,
  );
}
