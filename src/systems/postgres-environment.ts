import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Client } from "pg";

import type { Secret } from "../core/secret.ts";
import { temporaryDirectory } from "../servers/temporary-directory.ts";
import { postgresOptions } from "./postgres.ts";

/** How a program of PostgreSQL is told where to go: no part of it is an argument, and the password is in a file. */
export type PostgresEnvironment = AsyncDisposable & {
  readonly variables: Readonly<Record<string, string>>;
};

/** The address in parts, because the programs know neither a driver's name in it nor a whole URL in PGDATABASE. */
export async function postgresEnvironment(url: Secret): Promise<PostgresEnvironment> {
  const { host, port, user, database, password, ssl } = new Client(postgresOptions(url));
  const query = new URL(url.reveal().replace("@/", "@socket/")).searchParams;
  const authority = query.get("sslrootcert");
  await using made = new AsyncDisposableStack();
  const folder = made.use(await temporaryDirectory("passfile"));
  await chmod(folder.path, 0o700);
  const passfile = join(folder.path, "pass");
  await writeFile(passfile, `*:*:*:*:${(password ?? "").replace(/[\\:]/g, "\\$&")}\n`, {
    mode: 0o600,
    flag: "wx",
  });
  const kept = made.move();
  return {
    variables: {
      PGHOST: host,
      PGPORT: String(port),
      PGUSER: user ?? "",
      PGDATABASE: database ?? "",
      PGPASSFILE: passfile,
      PGSSLMODE: ssl ? "verify-full" : "disable",
      ...(authority === null ? {} : { PGSSLROOTCERT: authority }),
      PGAPPNAME: "flightdeck backup",
      PGCONNECT_TIMEOUT: "15",
    },
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}
