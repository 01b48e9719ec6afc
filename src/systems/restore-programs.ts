import { join } from "node:path";
import type { Readable } from "node:stream";

import { startGuarded, type Exit } from "../servers/guarded-child.ts";
import { serverEnvironment } from "../servers/machine.ts";
import { SystemError, safeCause } from "./system-error.ts";

/** How a program ended, and what it said of it: never more than fits on a card or two. */
export type ProgramEnd = {
  readonly exitCode: number | null;
  readonly complaints: readonly string[];
};

type ArchiveList = {
  /** How many entries the table of contents has. */
  readonly listed: number;
  readonly lines: readonly string[];
};

/** What it takes to bring an archive of pg_dump back, by the programs of one version of PostgreSQL. */
export type RestorePrograms = {
  list(archive: string, signal: AbortSignal): Promise<ArchiveList | ProgramEnd>;
  /** Reads the archive to its last byte and keeps nothing. */
  read(archive: string, signal: AbortSignal): Promise<ProgramEnd>;
  /** Makes an empty database of that encoding, the role that owns it, and roles that may not log in. */
  prepare(order: PrepareOrder, signal: AbortSignal): Promise<ProgramEnd>;
  /** Stops at the first error. */
  restore(order: RestoreOrder, signal: AbortSignal): Promise<ProgramEnd>;
  /** Tells the planner what the tables hold, without which the first queries take for ever. */
  analyze(environment: Environment, jobs: number, signal: AbortSignal): Promise<ProgramEnd>;
  /** Compares heap and indexes of a whole database; undefined where pg_amcheck is not installed. */
  amcheck(
    environment: Environment,
    jobs: number,
    signal: AbortSignal,
  ): Promise<ProgramEnd | undefined>;
};

/** Where a program finds its database: variables, because arguments are seen by everybody. */
export type Environment = Readonly<Record<string, string>>;

type PrepareOrder = {
  /** Of a superuser. */
  readonly environment: Environment;
  readonly database: string;
  readonly owner: string;
  readonly encoding: string;
  readonly roles: readonly string[];
};

type RestoreOrder = {
  readonly archive: string;
  readonly environment: Environment;
  /**
   * A real restore is all or nothing, one statement after the other. A rehearsal goes as fast as its jobs do, and does
   * without what carries no data and asks for the rights of a superuser.
   */
  readonly manner:
    | { readonly kind: "real" }
    | { readonly kind: "rehearsal"; readonly jobs: number };
};

const LIST_LIMIT_BYTES = 64 * 1024 * 1024;
const COMPLAINT_LIMIT_BYTES = 64 * 1024;
const COMPLAINT_LINES = 20;

/** @param directory where the programs of that version are */
export function createRestorePrograms(directory: string): RestorePrograms {
  const run = async (
    program: string,
    args: readonly string[],
    options: { readonly environment?: Environment; readonly signal: AbortSignal },
  ): Promise<Ended> => runProgram(join(directory, program), args, options);
  return {
    async list(archive, signal) {
      const ended = await run("pg_restore", ["--list", "--", archive], { signal });
      if (ended.exitCode !== 0) return endOf(ended);
      const lines = ended.stdout.split("\n").filter((line) => /^\d+; /.test(line));
      return { listed: lines.length, lines };
    },
    async read(archive, signal) {
      return endOf(await run("pg_restore", ["--file=/dev/null", "--", archive], { signal }));
    },
    async prepare({ environment, database, owner, encoding, roles }, signal) {
      const wanted = [["--login", owner] as const, ...roles.map((role) => ["--no-login", role])];
      for (const [login = "", role = ""] of wanted) {
        const made = await run("createuser", [login, "--", role], { environment, signal });
        if (made.exitCode !== 0) return endOf(made);
      }
      // Text in another encoding than UTF-8 fits no locale but C.
      const locale = encoding === "UTF8" ? [] : ["--locale=C"];
      const owned = ["--template=template0", `--owner=${owner}`, `--encoding=${encoding}`];
      const args = [...owned, ...locale, "--", database];
      return endOf(await run("createdb", args, { environment, signal }));
    },
    async restore({ archive, environment, manner }, signal) {
      const how =
        manner.kind === "real"
          ? ["--single-transaction"]
          : [`--jobs=${manner.jobs}`, "--no-comments", "--no-publications", "--no-subscriptions"];
      const args = [
        ...how,
        "--exit-on-error",
        // Roles belong to a cluster and not to a dump: what is restored belongs to whoever restores it.
        "--no-owner",
        "--no-privileges",
        "--no-password",
        // Empty, so that the name comes from the environment, where it is nothing but a name.
        "--dbname=",
        "--",
        archive,
      ];
      return endOf(await run("pg_restore", args, { environment, signal }));
    },
    async analyze(environment, jobs, signal) {
      const args = ["--analyze-only", "--quiet", "--no-password", `--jobs=${jobs}`];
      return endOf(await run("vacuumdb", args, { environment, signal }));
    },
    async amcheck(environment, jobs, signal) {
      const args = ["--install-missing", "--heapallindexed", "--no-password", `--jobs=${jobs}`];
      const ended = await run("pg_amcheck", args, { environment, signal }).catch(
        (error: unknown) => {
          if (error instanceof SystemError && error.code === "ENOENT") return undefined;
          throw error;
        },
      );
      // It tells what is corrupt on its standard output, and its own trouble on the other.
      return ended && endOf({ ...ended, stderr: `${ended.stdout}\n${ended.stderr}` });
    },
  };
}

type Ended = { readonly exitCode: number | null; readonly stdout: string; readonly stderr: string };

function endOf({ exitCode, stderr }: Ended): ProgramEnd {
  const complaints = stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .slice(0, COMPLAINT_LINES);
  return { exitCode, complaints };
}

/** Runs a program to its end. It dies with us, however we go, and when the signal aborts. */
async function runProgram(
  command: string,
  args: readonly string[],
  {
    environment = {},
    signal,
  }: { readonly environment?: Environment; readonly signal: AbortSignal },
): Promise<Ended> {
  signal.throwIfAborted();
  const child = await startGuarded(command, args, {
    cwd: "/",
    env: { ...serverEnvironment, ...environment },
    stdout: "pipe",
    stderr: "pipe",
    graceMs: 2_000,
  });
  const stop = (): void => void child.stop();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const [stdout, stderr, exit] = await Promise.all([
      textOf(child.stdout, LIST_LIMIT_BYTES),
      textOf(child.stderr, COMPLAINT_LIMIT_BYTES),
      child.exited,
    ]);
    signal.throwIfAborted();
    if (isMissing(exit, stderr)) {
      throw new SystemError("postgres", "rejected", `there is no ${command}`, { code: "ENOENT" });
    }
    return { exitCode: exit.code, stdout, stderr };
  } catch (error) {
    if (error instanceof SystemError || signal.aborted) throw error;
    throw new SystemError("postgres", "rejected", `cannot run ${command}`, {
      cause: safeCause(error),
    });
  } finally {
    signal.removeEventListener("abort", stop);
    await child.stop();
  }
}

/** The shell that becomes the program says so with 127 when there is none. */
function isMissing({ code }: Exit, stderr: string): boolean {
  return code === 127 && /not found/.test(stderr);
}

/** What comes after the limit is read and dropped, so that a program is never kept waiting. */
async function textOf(stream: Readable | null, limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream ?? []) {
    const piece = chunk as Buffer;
    if (bytes < limitBytes) chunks.push(piece);
    bytes += piece.length;
  }
  return Buffer.concat(chunks).toString("utf8");
}
