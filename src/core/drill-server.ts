import { absence, few, sameness } from "./drill-words.ts";
import type { Observation } from "./status.ts";

export type ThrowAwayServer = {
  readonly major: number;
  readonly systemIdentifier: string;
  /** `listen_addresses`; empty when it can be reached by its socket alone. */
  readonly listensOn: string;
  /** The mode of the folder in which its socket lies, such as `700`. */
  readonly socketMode: string;
  /** What was in the database before anything was restored into it. */
  readonly objects: readonly string[];
};

/**
 * The major version that an archive is restored to: the source's, unless a newer pg_dump wrote it, whose archive older
 * programs cannot read.
 */
export function majorFor(source: {
  readonly serverVersionNumber: number;
  readonly clientVersion: string;
}): number {
  const client = Number.parseInt(source.clientVersion, 10);
  return Math.max(Math.floor(source.serverVersionNumber / 10_000), client || 0);
}

/** Where a drill restores to must be new, of the same major, out of everybody's reach, and never what was backed up. */
export function judgeServer(
  source: Parameters<typeof majorFor>[0] & { readonly systemIdentifier: string | null },
  server: ThrowAwayServer,
): readonly Observation[] {
  const { systemIdentifier } = server;
  const isSource = source.systemIdentifier === systemIdentifier;
  return [
    sameness("major version", String(majorFor(source)), String(server.major)),
    {
      what: "cluster",
      expected: "another than the one that was backed up",
      actual: isSource ? `the same, ${systemIdentifier}` : `another, ${systemIdentifier}`,
      ok: !isSource,
    },
    sameness("addresses that it listens on", "none", server.listensOn || "none"),
    sameness("mode of the folder of its socket", "700", server.socketMode),
    absence("objects in it before", server.objects),
  ];
}

export type RestoreEnd = {
  readonly exitCode: number | null;
  /** What pg_restore wrote to its standard error, without blank lines. */
  readonly complaints: readonly string[];
};

/** A restore that goes on after an error may still end with 0, so it has to end without a word too. */
export function judgeRestore({ exitCode, complaints }: RestoreEnd): readonly Observation[] {
  return [
    sameness("exit code of pg_restore", "0", exitCode === null ? "killed" : String(exitCode)),
    {
      what: "words of pg_restore",
      expected: "none",
      actual: complaints.length === 0 ? "none" : few(complaints),
      ok: complaints.length === 0,
    },
  ];
}

/** What a drill could leave behind: a server, a file in clear, a folder. */
export type Leftovers = {
  readonly processes: readonly string[];
  readonly paths: readonly string[];
};

export function judgeTeardown({ processes, paths }: Leftovers): readonly Observation[] {
  return [
    absence("processes that still work there", processes),
    absence("files and folders that are still there", paths),
  ];
}
