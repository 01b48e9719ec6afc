import { z } from "zod";

import { secretSetting, textSetting } from "../core/setting.ts";
import type { Observation } from "../core/status.ts";
import { postgresUrlProblem } from "../systems/postgres.ts";
import { SystemError } from "../systems/system-error.ts";
import type { CheckKind } from "./check-kind.ts";
import { refusedConnection } from "./refused-connection.ts";

const identifier = {
  pattern: /^[A-Za-z_][A-Za-z0-9_]{0,62}$/,
  expected: "the plain name of a table or column",
} as const;

const revisionSetting = z.strictObject({
  table: textSetting(identifier).default("alembic_version"),
  column: textSetting(identifier).default("version_num"),
  is: textSetting().meta({ description: "The head that the code was built for" }),
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
      const observations = [...connection(session), ...role(session, expect)];
      if (expect.revision === undefined) return { observations };
      const found = await revisions(
        async (sql) => systems.postgres.query({ url, sql }, signal),
        expect.revision,
      );
      return { observations: [...observations, revision(found, expect.revision)] };
    } catch (error) {
      const refused = refusedConnection(error, expect.reachable);
      if (refused === undefined) throw error;
      return { observations: [refused] };
    }
  },
} satisfies CheckKind<typeof settings, "postgres">;

const SESSION = "select current_user::text as role, current_setting('server_version') as version";
const sessionSchema = z.object({ role: z.string(), version: z.string() });
type Session = z.output<typeof sessionSchema>;

function connection({ role: name, version }: Session): Observation[] {
  const actual = `accepted as ${name} by version ${version}`;
  return [{ what: "connection", expected: "accepted", actual, ok: true }];
}

function role(session: Session, { role: expected }: Expectation): Observation[] {
  if (expected === undefined) return [];
  return [{ what: "role", expected, actual: session.role, ok: session.role === expected }];
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
  if (found === undefined)
    return { what, expected: is, actual: `no ${table}.${column}`, ok: false };
  const actual = found.length === 0 ? "none" : found.join(", ");
  return { what, expected: is, actual, ok: found.length === 1 && found[0] === is };
}
