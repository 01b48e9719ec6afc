import { z } from "zod";

/** What the command of a migration left behind, as far as it can be read. */
export const migrationOutputSchema = z.object({
  /** Undefined when the command did not come to its end. */
  code: z.number().optional(),
  /** The heads that the deployed code knows. */
  heads: z.array(z.string()),
  /** The last thing that it said for people. */
  said: z.string(),
});
export type MigrationOutput = z.output<typeof migrationOutputSchema>;

/**
 * Reads what a migration wrote: alembic's own words, then the heads that it knows, then `RC=` and its exit code, for
 * Coolify has no field for that.
 */
export function readMigrationOutput(output: string): MigrationOutput {
  const lines = output
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const code = lines.map((line) => /^RC=(\d{1,3})$/.exec(line)?.[1]).findLast(isThere);
  const heads = lines.map((line) => /^(\w{1,64}) \(head\)$/.exec(line)?.[1]).filter(isThere);
  const said = lines.findLast((line) => !isOurs(line) && !isProgress(line) && !isPointer(line));
  return {
    ...(code === undefined ? {} : { code: Number(code) }),
    heads: [...new Set(heads)],
    said: said ?? "",
  };
}

function isThere<Value>(value: Value | undefined): value is Value {
  return value !== undefined;
}

function isOurs(line: string): boolean {
  return /^RC=\d+$/.test(line) || /^\w{1,64} \(head\)$|^[0-9a-f]{12}$/.test(line);
}

/** `INFO  [alembic.runtime.migration] Running upgrade a -> b` is what it does when all goes well. */
function isProgress(line: string): boolean {
  return /^INFO\b/.test(line);
}

/** `(Background on this error at: https://…)` is how a library ends what it says, and says nothing itself. */
function isPointer(line: string): boolean {
  return line.startsWith("(Background on this error at: ");
}
