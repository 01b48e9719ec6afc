import type { InputStream } from "./cli-input.ts";
import { loadConfigs, type ValidConfig } from "./config/load-config.ts";
import { formatProblems } from "./config/problem.ts";
import type { ReferenceSources } from "./config/references.ts";
import type { Bell } from "./core/waiting.ts";

/** Everything of the process that the command line needs. */
export type Terminal = {
  readonly argv: readonly string[];
  readonly sources: ReferenceSources;
  readonly stdin: InputStream;
  readonly osUser: string;
  readonly instance: string;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Aborts when the process is to stop. */
  readonly signal: AbortSignal;
  /** Rung when the configuration is to be read again. */
  readonly hangUp: Pick<Bell, "wait" | "ring">;
};

/** Exit codes, so that CI can gate on an answer. */
export const EXIT = { ok: 0, no: 1, unknown: 2, usage: 3 } as const;

/** Reads the files of a process, or says on the terminal all that is wrong with them. */
export function loadFiles(
  { sources, stderr }: Pick<Terminal, "sources" | "stderr">,
  files: readonly [string, ...string[]],
): ValidConfig | undefined {
  const loaded = loadConfigs(files, sources);
  if (loaded.ok) return loaded;
  for (const { file, problems } of loaded.files) stderr(`${formatProblems(problems, file)}\n`);
  return undefined;
}
