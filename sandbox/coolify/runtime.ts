import type { ApplicationRow } from "./rows.ts";

/** The server behind Coolify, where the containers of its applications run. */
export type Runtime = {
  /** Whether the repository has such a commit. */
  hasCommit(commit: string): boolean;
  /** Puts a new container in the place of the one that runs, if there is one. */
  replace(application: ApplicationRow, container: Container): Promise<Replaced>;
  stop(application: ApplicationRow): Promise<void>;
  /** What the newest container wrote, the oldest line first. */
  log(application: ApplicationRow): readonly string[];
  /** In the container of the application, by its shell. */
  execute(application: ApplicationRow, command: string): Promise<Executed>;
};

type Container = {
  readonly commit: string;
  readonly variables: Readonly<Record<string, string>>;
};

export type Replaced = {
  /**
   * `rejected`: a new container that its health check did not like is gone, and the old one still runs. `exited`: there
   * was no health check, so the new one was taken, and died.
   */
  readonly ended: "running" | "exited" | "rejected";
  /** The last lines of the new container. */
  readonly log: readonly string[];
};

export type Executed = {
  readonly exitCode: number;
  /** Both of its outputs in one. */
  readonly output: string;
};

/** A server on which nothing really runs: every container starts, and knows no command. */
export const emptyRuntime: Runtime = {
  hasCommit: () => true,
  replace: async () => ({ ended: "running", log: [] }),
  stop: async () => undefined,
  log: ({ name }) => [`INFO:     ${name} is running`],
  execute: async (_application, command) => ({
    exitCode: 127,
    output: `sh: 1: ${command.split(" ")[0]}: not found\n`,
  }),
};
