import { execFile } from "node:child_process";
import { readFile, readdir, readlink, realpath, rm, stat } from "node:fs/promises";
import { platform } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { serverEnvironment } from "../servers/machine.ts";
import { isTimeout } from "./deadline.ts";
import { SystemError, codeOf, safeCause } from "./system-error.ts";
import type { SystemErrorKind } from "./system-error.ts";

/** A branch that holds one file, the newest checkpoint; its history is the order in which they were made. */
type GitBranch = {
  readonly repository: string;
  readonly branch: string;
  /** Where it is pushed to, if anywhere. */
  readonly remote?: string | undefined;
};

/** A note as a commit keeps it. */
export type KeptNote = { readonly commit: string; readonly note: string };

type BranchTip = {
  readonly commit: string;
  /** Undefined when the branch holds something else. */
  readonly note: string | undefined;
};

export type Git = {
  checkpointsIn: typeof checkpointsIn;
  /** Where the branch stands; undefined when there is none yet, neither here nor as last seen at the remote. */
  tipOf(place: GitBranch, signal: AbortSignal): Promise<BranchTip | undefined>;
  /** Puts a note on top of `parent`. False: the branch stands elsewhere by now, and nothing was changed. */
  commitNote(
    place: GitBranch,
    commit: { readonly note: string; readonly at: Date; readonly parent: string | undefined },
    signal: AbortSignal,
  ): Promise<boolean>;
  /** Pushes the branch, never by force. */
  push(place: GitBranch, remote: string, signal: AbortSignal): Promise<void>;
  /** The commit at which a branch of a repository elsewhere stands; undefined when it has no such branch. */
  headOf(remote: string, branch: string, signal: AbortSignal): Promise<string | undefined>;
  /** Removes the locks that a killed git left in the way of this branch, and names them. */
  removeStaleLocks(
    place: GitBranch,
    olderThanMs: number,
    signal: AbortSignal,
  ): Promise<readonly string[]>;
};

const FILE = "checkpoint";
const NO_COMMIT = "0".repeat(40);
const CALL_TIMEOUT_MS = 20_000;
const PUSH_TIMEOUT_MS = 60_000;
const OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * Plumbing only: there is no index, no working tree and no hook, so whatever else happens in the repository cannot get
 * into a commit of ours, and a branch moves by compare-and-swap.
 */
export function createGit(): Git {
  return { checkpointsIn, tipOf, commitNote, push, headOf, removeStaleLocks };
}

/** Every note that the history of a reference holds, oldest first; one that stood for several commits comes once. */
export async function checkpointsIn(
  repository: string,
  reference: string,
  signal: AbortSignal,
): Promise<readonly KeptNote[]> {
  const tip = await git(
    repository,
    ["rev-parse", "--verify", "--quiet", "--end-of-options", `${reference}^{commit}`],
    { signal },
  ).catch((error: unknown) => {
    if (!isPlainNo(error)) throw error;
    const message = `${repository} has no commit ${reference}`;
    throw new SystemError("git", "rejected", message, { cause: safeCause(error) });
  });
  const listed = await git(repository, ["rev-list", "--topo-order", "--reverse", tip.trim()], {
    signal,
  });
  const commits = listed.split("\n").filter((commit) => commit !== "");
  const input = commits.map((commit) => `${commit}:${FILE}\n`).join("");
  const batch = await gitBytes(repository, ["cat-file", "--batch"], { signal, input });
  return changes(notesOf(commits, batch));
}

async function tipOf(place: GitBranch, signal: AbortSignal): Promise<BranchTip | undefined> {
  const { repository, branch, remote } = place;
  const own = await commitAt(repository, `refs/heads/${branch}`, signal);
  const commit =
    own ??
    (remote === undefined
      ? undefined
      : await commitAt(repository, `refs/remotes/${remote}/${branch}`, signal));
  if (commit === undefined) return undefined;
  const batch = await gitBytes(repository, ["cat-file", "--batch"], {
    signal,
    input: `${commit}:${FILE}\n`,
  });
  return { commit, note: notesOf([commit], batch)[0]?.note };
}

async function commitAt(
  repository: string,
  reference: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const found = await git(repository, ["rev-parse", "--verify", "--quiet", reference], {
      signal,
    });
    return found.trim();
  } catch (error) {
    if (isPlainNo(error)) return undefined;
    throw error;
  }
}

const commitNote: Git["commitNote"] = async (place, { note, at, parent }, signal) => {
  const { repository, branch } = place;
  const blob = await git(repository, ["hash-object", "-w", "--stdin"], { signal, input: note });
  const tree = await git(repository, ["mktree"], {
    signal,
    input: `100644 blob ${blob.trim()}\t${FILE}\n`,
  });
  const parents = parent === undefined ? [] : ["-p", parent];
  const commit = await git(repository, ["commit-tree", tree.trim(), ...parents], {
    signal,
    input: `checkpoint ${note.split("\n")[1] ?? ""}\n`,
    // The same note on the same parent is the same commit, however often it is made.
    environment: identityAt(at),
  });
  const reference = `refs/heads/${branch}`;
  // A branch that exists only at the remote as yet begins here, on top of what is there.
  const before = (await commitAt(repository, reference, signal)) ?? NO_COMMIT;
  if (before !== NO_COMMIT && before !== parent) return false;
  try {
    await git(repository, ["update-ref", reference, commit.trim(), before], { signal });
    return true;
  } catch (error) {
    const after = (await commitAt(repository, reference, signal)) ?? NO_COMMIT;
    if (after === before) throw error;
    return after === commit.trim();
  }
};

async function push(
  { repository, branch }: GitBranch,
  remote: string,
  signal: AbortSignal,
): Promise<void> {
  const reference = `refs/heads/${branch}`;
  await git(repository, ["push", "--quiet", "--no-verify", remote, `${reference}:${reference}`], {
    signal,
    timeoutMs: PUSH_TIMEOUT_MS,
  });
}

async function headOf(
  remote: string,
  branch: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const reference = `refs/heads/${branch}`;
  // It asks elsewhere alone, so any folder will do, and one that is no repository has no settings of its own.
  const listed = await git("/", ["ls-remote", "--", remote, reference], { signal });
  const [commit, name] = listed.split("\n")[0]?.split("\t") ?? [];
  return name === reference && /^[0-9a-f]{40,64}$/.test(commit ?? "") ? commit : undefined;
}

async function removeStaleLocks(
  { repository, branch, remote }: GitBranch,
  olderThanMs: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const found = await git(repository, ["rev-parse", "--path-format=absolute", "--git-common-dir"], {
    signal,
  });
  const directory = found.trimEnd();
  const names = [
    `refs/heads/${branch}.lock`,
    // A branch that is checked out is locked together with the head that names it.
    "HEAD.lock",
    "packed-refs.lock",
    ...(remote === undefined ? [] : [`refs/remotes/${remote}/${branch}.lock`]),
  ];
  const removed: string[] = [];
  for (const name of names) {
    const path = join(directory, name);
    const found = await stat(path).catch(() => undefined);
    if (!found || Date.now() - found.mtimeMs < olderThanMs) continue;
    if (await gitMayBeAtWork(repository)) break;
    await rm(path, { force: true });
    removed.push(name);
  }
  return removed;
}

/** Whether a git process may be at work in the repository; what cannot be seen counts as one. */
async function gitMayBeAtWork(repository: string): Promise<boolean> {
  const place = await realpath(repository);
  if (platform() !== "linux") {
    const listed = await promisify(execFile)("ps", ["-A", "-o", "comm="], {
      env: serverEnvironment,
      timeout: CALL_TIMEOUT_MS,
    }).catch(() => undefined);
    return !listed || listed.stdout.split("\n").some((line) => /(?:^|\/)git\b/.test(line));
  }
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "");
    if (!name.startsWith("git")) continue;
    const [directory, words] = await Promise.all([
      readlink(`/proc/${pid}/cwd`).catch((error: unknown) => error),
      readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""),
    ]);
    if (codeOf(directory) === "EACCES" || words.includes(place)) return true;
    if (typeof directory === "string" && `${directory}/`.startsWith(`${place}/`)) return true;
  }
  return false;
}

/** Reads the answers of `cat-file --batch`: a line about the object, its bytes, a line break; or `… missing`. */
function notesOf(commits: readonly string[], batch: Buffer): KeptNote[] {
  const notes: KeptNote[] = [];
  let offset = 0;
  for (const commit of commits) {
    const end = batch.indexOf("\n", offset);
    const size = /^[0-9a-f]+ (\w+) (\d+)$/.exec(batch.toString("utf8", offset, end));
    offset = end + 1;
    if (!size) continue;
    const bytes = Number(size[2]);
    if (size[1] === "blob") {
      notes.push({ commit, note: batch.toString("utf8", offset, offset + bytes) });
    }
    offset += bytes + 1;
  }
  return notes;
}

function changes(notes: readonly KeptNote[]): readonly KeptNote[] {
  return notes.filter(({ note }, index) => note !== notes[index - 1]?.note);
}

function identityAt(at: Date): Readonly<Record<string, string>> {
  const date = `${Math.floor(at.getTime() / 1000)} +0000`;
  return {
    GIT_AUTHOR_NAME: "Flightdeck",
    GIT_AUTHOR_EMAIL: "flightdeck@localhost",
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: "Flightdeck",
    GIT_COMMITTER_EMAIL: "flightdeck@localhost",
    GIT_COMMITTER_DATE: date,
  };
}

type Call = {
  readonly signal: AbortSignal;
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
};

export async function git(
  repository: string,
  words: readonly string[],
  call: Call,
): Promise<string> {
  return (await gitBytes(repository, words, call)).toString("utf8");
}

async function gitBytes(
  repository: string,
  words: readonly string[],
  { signal, input = "", environment = {}, timeoutMs = CALL_TIMEOUT_MS }: Call,
): Promise<Buffer> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    const running = promisify(execFile)("git", ["-C", repository, ...STRICT, ...words], {
      encoding: "buffer",
      env: { ...serverEnvironment, ...CLEAN, ...environment },
      signal: deadline,
      maxBuffer: OUTPUT_LIMIT_BYTES,
    });
    // A git that ends before it has read everything says why by its exit.
    running.child.stdin?.on("error", () => {});
    running.child.stdin?.end(input);
    return (await running).stdout;
  } catch (error) {
    if (signal.aborted && !isTimeout(signal)) throw signal.reason;
    throw gitError(words[0] ?? "", repository, deadline, error);
  }
}

/** Nothing of the machine's or a person's settings: neither their hooks, nor their signing, nor a question to nobody. */
const CLEAN = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
} as const;
const STRICT = ["-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0"] as const;

function gitError(
  verb: string,
  repository: string,
  deadline: AbortSignal,
  error: unknown,
): SystemError {
  const code = codeOf(error);
  const said = String((error as { readonly stderr?: Buffer }).stderr ?? "").trim();
  const cause = safeCause(said === "" ? error : new Error(said));
  const options = { cause, code: code ?? exitOf(error) };
  const attempt = `git ${verb} in ${repository}`;
  if (deadline.aborted)
    return new SystemError("git", "timeout", `${attempt}: no end in time`, options);
  if (code === "ENOENT") {
    return new SystemError("git", "rejected", `${attempt}: git is not installed`, options);
  }
  const lastLine = cause.message.split("\n").findLast((line) => line !== "") ?? "";
  return new SystemError("git", kindOf(said), `${attempt}: ${lastLine}`, options);
}

function kindOf(said: string): SystemErrorKind {
  if (/could not resolve|unable to access|connection (?:refused|reset|timed out)/i.test(said)) {
    return "unreachable";
  }
  return /authentication failed|permission denied|could not read username/i.test(said)
    ? "unauthorized"
    : "rejected";
}

function exitOf(error: unknown): string | undefined {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "number" ? `exit ${code}` : undefined;
}

/** `rev-parse --verify --quiet` says no by its exit alone. */
function isPlainNo(error: unknown): boolean {
  return error instanceof SystemError && error.code === "exit 1";
}
