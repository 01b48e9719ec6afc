import { Client } from "pg";

import { type Migration, statementsOf, VERSION_TABLE } from "./migrations.ts";
import type { Output, Program } from "./shell.ts";

/** `alembic` as it is in the image of a release: it knows the migrations of that release and no later ones. */
export function createAlembic(options: {
  readonly migrations: readonly Migration[];
  readonly databaseUrl: string;
  /** Whether somebody holds a lock on what every migration has to change. */
  readonly isLockedOut: () => boolean;
  readonly onApplied: () => void;
}): Program {
  const { migrations, databaseUrl } = options;
  const head = migrations.at(-1)?.revision ?? "";

  return async (words) => {
    const command = words.join(" ");
    if (command === "heads") return { exitCode: 0, stdout: `${head} (head)\n`, stderr: "" };
    if (command !== "current" && command !== "upgrade head") return usage(words);
    try {
      return await withClient(databaseUrl, (client) =>
        command === "current" ? current(client) : upgrade(client),
      );
    } catch (error) {
      return traceback(error);
    }
  };

  async function current(client: Client): Promise<Output> {
    const version = await versionOf(client);
    const mark = version === head ? " (head)" : "";
    const stdout = version === undefined ? "" : `${version}${mark}\n`;
    return { exitCode: 0, stdout, stderr: CONTEXT };
  }

  async function upgrade(client: Client): Promise<Output> {
    const version = await versionOf(client);
    const at = migrations.findIndex(({ revision }) => revision === version);
    if (version !== undefined && at < 0) {
      const stderr = `${CONTEXT}ERROR [alembic.util.messaging] Can't locate revision identified by '${version}'\nFAILED: Can't locate revision identified by '${version}'\n`;
      return { exitCode: 255, stdout: "", stderr };
    }
    const pending = migrations.slice(at + 1);
    let told = CONTEXT;
    try {
      await client.query("begin");
      if (pending.length > 0 && options.isLockedOut()) await failOnLock(client);
      await client.query(VERSION_TABLE);
      let from = version ?? "";
      let applied = 0;
      for (const migration of pending) {
        const { revision, title } = migration;
        told += `INFO  [alembic.runtime.migration] Running upgrade ${from} -> ${revision}, ${title}\n`;
        await apply(client, migration);
        await client.query("delete from alembic_version");
        await client.query("insert into alembic_version (version_num) values ($1)", [revision]);
        from = revision;
        applied += 1;
      }
      await client.query("commit");
      for (let count = 0; count < applied; count += 1) options.onApplied();
      return { exitCode: 0, stdout: "", stderr: told };
    } catch (error) {
      const { stderr, ...failed } = traceback(error);
      return { ...failed, stderr: told + stderr };
    }
  }
}

const CONTEXT =
  "INFO  [alembic.runtime.migration] Context impl PostgresqlImpl.\n" +
  "INFO  [alembic.runtime.migration] Will assume transactional DDL.\n";

/** All that is pending is one transaction, except for what says that it cannot be in one. */
async function apply(client: Client, migration: Migration): Promise<void> {
  const statements = await statementsOf(migration);
  if (!migration.isTransactional) await client.query("commit");
  for (const statement of statements) await client.query(statement);
  if (!migration.isTransactional) await client.query("begin");
}

async function versionOf(client: Client): Promise<string | undefined> {
  const { rows: tables } = await client.query<{ found: string | null }>(
    "select to_regclass('alembic_version')::text as found",
  );
  if (tables[0]?.found == null) return undefined;
  const { rows } = await client.query<{ version: string }>(
    "select version_num as version from alembic_version",
  );
  return rows[0]?.version;
}

async function failOnLock(client: Client): Promise<void> {
  await client.query(
    "do $$ begin raise sqlstate '55P03' using message = 'canceling statement due to lock timeout'; end $$",
  );
}

const CONNECT_TIMEOUT_MS = 10_000;

async function withClient<Result>(
  url: string,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on("error", () => {
    // The query that is waiting gets the failure; an unheard event would end the process.
  });
  try {
    await client.connect();
    return await work(client);
  } finally {
    // A transaction that was not committed goes with the connection.
    client.connection.stream.destroy();
  }
}

function usage(words: readonly string[]): Output {
  const stderr = `usage: alembic [-h] [--version] [-c CONFIG] {current,heads,upgrade} ...\nalembic: error: argument: '${words.join(" ")}' is not known here\n`;
  return { exitCode: 2, stdout: "", stderr };
}

function traceback(error: unknown): Output {
  const { message, code } = error as Error & { readonly code?: string };
  const said =
    code === "ECONNREFUSED"
      ? "(psycopg.OperationalError) connection failed: Connection refused"
      : `(sqlalchemy.dialects.postgresql.asyncpg.Error) ${message}`;
  const stderr = [
    "Traceback (most recent call last):",
    '  File "/usr/local/bin/alembic", line 8, in <module>',
    "    sys.exit(main())",
    `sqlalchemy.exc.DBAPIError: ${said}`,
    "(Background on this error at: https://sqlalche.me/e/21/dbapi)",
    "",
  ].join("\n");
  return { exitCode: 1, stdout: "", stderr };
}
