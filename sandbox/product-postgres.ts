import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { Client } from "pg";

import { startPostgres } from "../src/servers/postgres.ts";
import { freezeProcesses, thawProcesses } from "./frozen-process.ts";
import { migrationsOf, schemaOf } from "./product/migrations.ts";
import type { Revision } from "./product/revision.ts";
import { quietPort } from "./quiet-port.ts";

export type ProductPostgres = AsyncDisposable & {
  /** As the role by which the product logs in when the world begins; it acts as the owner of the product's tables. */
  readonly ownerUrl: string;
  /** As the role that may change the product's logins, and end their sessions. */
  readonly rotationUrl: string;
  /** As the role with least rights that checks use. */
  readonly readerUrl: string;
  /** As the role that may read everything, and nothing else. */
  readonly backupUrl: string;
  /** Forgets that the last migration was applied, or remembers it. */
  setMigrated(upTo: "head" | "before"): Promise<void>;
  /** As the owner, over a connection of its own, so that a restart in between does not matter. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  stop(): Promise<void>;
  /** On the same port, with the same data. */
  start(): Promise<void>;
  freeze(): Promise<void>;
  thaw(): void;
};

const databaseName = "todoist_telegram";
const owner = "product_owner";
/** Who logs in changes from one rotation to the next; what they make belongs to the owner all the same. */
const logins = ["product_a", "product_b"] as const;
const rotation = "flightdeck_rotation";
const reader = "flightdeck_reader";
const backup = "flightdeck_backup";
const adminTimeoutMs = 5_000;
/** More than a small product needs, and few enough to be used up in a moment. */
const maximumConnections = 60;

export async function startProductPostgres(options: {
  readonly directory: string;
  readonly ownerPassword: string;
  readonly readerPassword: string;
  readonly backupPassword: string;
  readonly rotationPassword: string;
  /** Whose schema it has. */
  readonly revision: Revision;
  /** Without a single table. */
  readonly empty: boolean;
  /** Gives up the first start. */
  readonly signal: AbortSignal;
}): Promise<ProductPostgres> {
  const { directory, ownerPassword, readerPassword, backupPassword, rotationPassword, revision } =
    options;
  const [head, before] = migrationsOf[revision].toReversed().map((each) => each.revision);
  const port = await quietPort();
  const launch = (signal?: AbortSignal) =>
    startPostgres({
      directory,
      ...(signal === undefined ? {} : { signal }),
      durable: false,
      port,
      // A stop must not lose what was committed; losing it to a power cut is fine for a sandbox.
      settings: { synchronous_commit: "on", max_connections: String(maximumConnections) },
    });

  await using opened = new AsyncDisposableStack();
  let server = await launch(options.signal);
  opened.defer(() => server.stop());
  let frozen: readonly number[] = [];
  opened.defer(() => thawProcesses(frozen));

  await server.ensureDatabase(databaseName);
  const adminUrl = server.url(databaseName);
  const urlFor = (user: string, password: string): string =>
    server.urlFor({ user, password, database: databaseName });
  const ownerUrl = urlFor(logins[0], ownerPassword);
  const passwords = { ownerPassword, readerPassword, backupPassword, rotationPassword };
  await withClient(adminUrl, (client) => createRoles(client, passwords));
  if (!options.empty) {
    const seed = await readFile(new URL("product/seed.sql", import.meta.url), "utf8");
    await withClient(ownerUrl, async (client) => {
      for (const text of [...(await schemaOf(revision)), seed]) await client.query(text);
    });
  }

  const query: ProductPostgres["query"] = (text, values = []) =>
    withClient(adminUrl, async (client) => {
      await client.query(`set role ${owner}`);
      const { rows } = await client.query<Record<string, unknown>>(text, [...values]);
      return rows;
    });
  const kept = opened.move();
  return {
    ownerUrl,
    readerUrl: urlFor(reader, readerPassword),
    backupUrl: urlFor(backup, backupPassword),
    rotationUrl: urlFor(rotation, rotationPassword),
    query,
    setMigrated: async (upTo) => {
      await query("update alembic_version set version_num = $1", [upTo === "head" ? head : before]);
    },
    stop: () => server.stop(),
    start: async () => {
      server = await launch();
    },
    freeze: async () => {
      frozen = await withClient(adminUrl, (client) => freezeServer(client, server.pid));
    },
    thaw: () => {
      thawProcesses(frozen);
      frozen = [];
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function createRoles(
  client: Client,
  passwords: {
    readonly ownerPassword: string;
    readonly readerPassword: string;
    readonly backupPassword: string;
    readonly rotationPassword: string;
  },
): Promise<void> {
  await client.query(`
    create role ${owner} nologin;
    create role ${logins[0]} login in role ${owner} password ${client.escapeLiteral(passwords.ownerPassword)};
    create role ${logins[1]} nologin in role ${owner};
    alter role ${logins[0]} set role = ${owner};
    alter role ${logins[1]} set role = ${owner};
    create role ${rotation} login createrole password ${client.escapeLiteral(passwords.rotationPassword)};
    grant pg_signal_backend, pg_read_all_stats to ${rotation};
    grant ${logins.join(", ")} to ${rotation} with admin option;
    alter database ${databaseName} owner to ${owner};
    alter schema public owner to ${owner};
    create role ${reader} login in role pg_monitor password ${client.escapeLiteral(passwords.readerPassword)};
    alter role ${reader} set default_transaction_read_only = on;
    create role ${backup} login in role pg_read_all_data password ${client.escapeLiteral(passwords.backupPassword)};
    alter role ${backup} set default_transaction_read_only = on;
    grant usage on schema public to ${reader};
    alter default privileges for role ${owner} in schema public grant select on tables to ${reader};
  `);
}

/** A backend that was born while we looked would go on answering, so the parent is stopped first and the look repeated. */
async function freezeServer(client: Client, postmaster: number): Promise<readonly number[]> {
  const pids = new Set([postmaster]);
  freezeProcesses(pids);
  for (let look = 0; look < 2; look += 1) {
    const { rows } = await client.query<{ pid: number }>(
      "select pid from pg_stat_activity where pid <> pg_backend_pid()",
    );
    for (const { pid } of rows) pids.add(pid);
    freezeProcesses(pids);
    await sleep(50);
  }
  return [...pids];
}

async function withClient<Result>(
  url: string,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = new Client({
    connectionString: url,
    connectionTimeoutMillis: adminTimeoutMs,
    query_timeout: adminTimeoutMs,
  });
  client.on("error", () => {
    // The query that is waiting gets the failure; an unheard event would end the process.
  });
  try {
    await client.connect();
    return await work(client);
  } finally {
    // A frozen server never confirms the end of a connection.
    client.connection.stream.destroy();
  }
}
