import { z } from "zod";

import { integerSetting, secretSetting, textSetting } from "../core/setting.ts";
import type { Measurement, Observation } from "../core/status.ts";
import { postgresUrlProblem } from "../systems/postgres.ts";
import { SystemError } from "../systems/system-error.ts";
import type { CheckKind } from "./check-kind.ts";
import { identifier } from "./identifier.ts";
import { refusedConnection } from "./refused-connection.ts";

const revisionSetting = z.strictObject({
  table: textSetting(identifier).default("alembic_version"),
  column: textSetting(identifier).default("version_num"),
  is: z
    .union([textSetting().transform((is) => [is]), z.array(textSetting()).min(1).max(4)], {
      error: "expected a revision, or a list of those that are right while a release is on its way",
    })
    .meta({
      description: "The head that the code was built for; while a release is on its way, both",
      examples: ["c3a2b7d9f1e0", ["c3a2b7d9f1e0", "e8f1a7c9d2b4"]],
    }),
});

const settings = {
  url: secretSetting({ accepts: postgresUrlProblem }).meta({
    description: "PostgreSQL URL of a role that may only read",
    examples: ["${env:DATABASE_URL}"],
  }),
  expect: z
    .strictObject({
      reachable: z
        .boolean()
        .default(false)
        .meta({ description: "A refused connection is a failure, not an unknown" }),
      role: textSetting().optional().meta({ description: "The role that the URL must log in as" }),
      connectionsAtMostPercent: integerSetting({ minimum: 1, maximum: 100 })
        .optional()
        .meta({ description: "How many of the connections that it allows may be open" }),
      revision: revisionSetting
        .optional()
        .meta({ description: "The revision of the schema, as the migrations record it" }),
    })
    .prefault({}),
} satisfies z.ZodRawShape;

type Expectation = z.output<typeof settings.expect>;

export const postgres = {
  kind: "postgres",
  summary: "a PostgreSQL accepts connections and is at the expected revision",
  settings,
  async observe({ systems, settings: { url, expect } }, signal) {
    try {
      const [session] = z
        .tuple([sessionSchema])
        .parse(await systems.postgres.query({ url, sql: SESSION }, signal));
      const observations = [
        ...connection(session),
        ...role(session, expect),
        ...connections(session, expect),
      ];
      const measurements = measurementsOf(session);
      if (expect.revision === undefined) return { observations, measurements };
      const found = await revisions(
        async (sql) => systems.postgres.query({ url, sql }, signal),
        expect.revision,
      );
      return {
        observations: [...observations, revision(found, expect.revision)],
        measurements,
      };
    } catch (error) {
      const refused = refusedConnection(error, expect.reachable);
      if (refused === undefined) throw error;
      return { observations: [refused] };
    }
  },
} satisfies CheckKind<typeof settings, "postgres">;

// What is reserved for superusers is no room for the product.
const SESSION = `
  select current_user::text as role, current_setting('server_version') as version,
    (select sum(numbackends) from pg_stat_database)::int as "openConnections",
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
      as "allowedConnections",
    pg_database_size(current_database())::float8 as "sizeBytes"`;
const sessionSchema = z.object({
  role: z.string(),
  version: z.string(),
  openConnections: z.int(),
  allowedConnections: z.int(),
  sizeBytes: z.number(),
});
type Session = z.output<typeof sessionSchema>;

function connection({ role: name, version }: Session): Observation[] {
  const actual = `accepted as ${name} by version ${version}`;
  return [{ what: "connection", expected: "accepted", actual, ok: true }];
}

function role(session: Session, { role: expected }: Expectation): Observation[] {
  if (expected === undefined) return [];
  return [{ what: "role", expected, actual: session.role, ok: session.role === expected }];
}

function connections(
  session: Session,
  { connectionsAtMostPercent: limit }: Expectation,
): Observation[] {
  if (limit === undefined) return [];
  const { openConnections, allowedConnections } = session;
  const percent = Math.ceil((100 * openConnections) / allowedConnections);
  return [
    {
      what: "open connections",
      expected: `at most ${limit}% of ${allowedConnections}`,
      actual: `${percent}% (${openConnections})`,
      ok: percent <= limit,
    },
  ];
}

function measurementsOf({ openConnections, sizeBytes }: Session): Measurement[] {
  return [
    { name: "openConnections", value: openConnections },
    { name: "sizeBytes", value: sizeBytes },
  ];
}

type Revision = NonNullable<Expectation["revision"]>;

/** Undefined when the table or column does not exist: a definite answer, not a failure to look. */
async function revisions(
  query: (sql: string) => Promise<readonly unknown[]>,
  { table, column }: Revision,
): Promise<readonly string[] | undefined> {
  try {
    // Both names are plain identifiers by their setting, so quoting them is enough.
    const rows = await query(`select "${column}"::text as revision from "${table}" limit 10`);
    return z
      .array(z.object({ revision: z.string() }))
      .parse(rows)
      .map((row) => row.revision);
  } catch (error) {
    const isMissing =
      error instanceof SystemError &&
      (error.code === UNDEFINED_TABLE || error.code === UNDEFINED_COLUMN);
    if (!isMissing) throw error;
    return undefined;
  }
}

const UNDEFINED_TABLE = "42P01";
const UNDEFINED_COLUMN = "42703";

function revision(
  found: readonly string[] | undefined,
  { table, column, is }: Revision,
): Observation {
  const what = `revision in ${table}`;
  const expected = is.join(" or ");
  if (found === undefined) return { what, expected, actual: `no ${table}.${column}`, ok: false };
  const actual = found.length === 0 ? "none" : found.join(", ");
  const ok = found.length === 1 && is.some((revision) => revision === found[0]);
  return { what, expected, actual, ok };
}
