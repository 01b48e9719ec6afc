import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

import { serverEnvironment } from "./machine.ts";
import { ServerError } from "./server-error.ts";

export type WantedDatabase = {
  readonly name: string;
  /** The address of a database that is there. */
  readonly maintenance: string;
  /** Where the programs of the server's version are. */
  readonly programs: string;
  readonly signal?: AbortSignal | undefined;
};

/** Makes the database unless it is there. Of two that make it at once the slower one finds it, or its name taken. */
export async function ensureDatabase(wanted: WantedDatabase): Promise<void> {
  const { name, maintenance, programs, signal } = wanted;
  const args = [`--maintenance-db=${maintenance}`, "--", name];
  await promisify(execFile)(join(programs, "createdb"), args, {
    env: serverEnvironment,
    cwd: "/",
    signal,
    timeout: 60_000,
  }).catch((error: unknown) => {
    const said = (error as { stderr?: string }).stderr ?? "";
    if (/already exists|pg_database_datname_index/.test(said)) return;
    throw new ServerError(`The database ${name} could not be made: ${said.trim()}`, {
      cause: error,
    });
  });
}
