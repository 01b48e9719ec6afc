import { z } from "zod";

import { secretSetting, textSetting } from "../core/setting.ts";
import type { Observation } from "../core/status.ts";
import type { PgDumpProgram } from "../systems/pg-dump.ts";
import { postgresUrlProblem } from "../systems/postgres.ts";
import type { CheckKind } from "./check-kind.ts";

const settings = {
  url: secretSetting({ accepts: postgresUrlProblem }).meta({
    description: "PostgreSQL URL of the server that will be dumped",
    examples: ["${env:DATABASE_URL}"],
  }),
  program: textSetting({ pattern: /^\//, expected: "an absolute path" })
    .optional()
    .meta({ description: "The pg_dump to use; the newest of this machine by default" }),
} satisfies z.ZodRawShape;

export const pgDump = {
  kind: "pg-dump",
  summary: "this machine's pg_dump can dump the server: it is not older",
  settings,
  async observe({ systems, settings: { url, program } }, signal) {
    const [found, rows] = await Promise.all([
      systems.pgDump.find(program, signal),
      systems.postgres.query({ url, sql: VERSION }, signal),
    ]);
    const [{ version }] = z.tuple([versionSchema]).parse(rows);
    return { observations: [observationOf(found, serverVersion(version), program)] };
  },
} satisfies CheckKind<typeof settings, "pgDump" | "postgres">;

const VERSION = "select current_setting('server_version_num')::int as version";
const versionSchema = z.object({ version: z.int() });

type Version = PgDumpProgram["version"];

/** Since version 10 the number is the major one, four digits, and the minor one. */
function serverVersion(number: number): Version {
  return { major: Math.floor(number / 10_000), minor: number % 10_000 };
}

function observationOf(
  found: PgDumpProgram | undefined,
  server: Version,
  program: string | undefined,
): Observation {
  const what = "version of pg_dump";
  const expected = `at least ${spelt(server)}, which the server has`;
  if (found === undefined) {
    const place = program ?? "PATH, /usr/lib/postgresql and Homebrew";
    return { what, expected, actual: `none is installed at ${place}`, ok: false };
  }
  const actual = `${spelt(found.version)} at ${found.path}`;
  return { what, expected, actual, ok: !isOlder(found.version, server) };
}

/** An older major refuses the server; an older minor lacks what was mended in between, holes among it. */
function isOlder(client: Version, server: Version): boolean {
  return client.major === server.major ? client.minor < server.minor : client.major < server.major;
}

function spelt({ major, minor }: Version): string {
  return `${major}.${minor}`;
}
