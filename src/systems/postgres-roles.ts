import { randomBytes } from "node:crypto";

import { type Client, escapeIdentifier, escapeLiteral } from "pg";
import { z } from "zod";

import { scramVerifier } from "../core/scram-verifier.ts";
import type { Secret } from "../core/secret.ts";
import { throughPostgres } from "./postgres.ts";
import { SystemError } from "./system-error.ts";

type Asked = {
  /** For a role that may change the others: CREATEROLE, pg_signal_backend and pg_read_all_stats do. */
  readonly admin: Secret;
  readonly role: string;
};

/** What a role is, as far as anybody but a superuser can see it. */
export type PostgresRole = {
  readonly canLogin: boolean;
  readonly isSuperuser: boolean;
  /** Whose rights and whose name its sessions take from their beginning; undefined where they act as themselves. */
  readonly actsAs: string | undefined;
  /** From then on its password opens nothing; sessions that are open stay. */
  readonly validUntil: Date | undefined;
};

export type RoleChange = {
  readonly canLogin?: boolean;
  /** Null takes the password away, for good. */
  readonly password?: Secret | null;
  /** For so long from now, by the server's clock; null ends every limit. */
  readonly validForMs?: number | null;
};

type RoleSession = {
  /** Where it comes from and what it calls itself, for people. */
  readonly from: string;
};

/**
 * `wrong-password`: refused as a stranger is, also where there is no password. `no-login`: known and not let in, which a
 * server says only to whoever has the right password.
 */
type RoleLogin = "accepted" | "wrong-password" | "no-login";

/** What a session could do. */
type RoleWork = { readonly actsAs: string };

/** Roles by which others log in, as someone sees and changes them who may. */
export type PostgresRoles = {
  /** Undefined: there is none of that name. */
  role(asked: Asked, signal: AbortSignal): Promise<PostgresRole | undefined>;
  change(asked: Asked & { readonly change: RoleChange }, signal: AbortSignal): Promise<void>;
  sessions(asked: Asked, signal: AbortSignal): Promise<readonly RoleSession[]>;
  /** Ends them all, and says how many. Neither NOLOGIN nor a new password does that. */
  endSessions(asked: Asked, signal: AbortSignal): Promise<number>;
  /** Over a connection of its own, so that no pool can answer for the password. */
  login(url: Secret, signal: AbortSignal): Promise<RoleLogin>;
  /** Makes a table, writes and reads it, and takes all of it back: what a product and its migrations do. */
  work(url: Secret, signal: AbortSignal): Promise<RoleWork>;
};

const REFUSALS: Readonly<Record<string, RoleLogin>> = {
  "28P01": "wrong-password",
  "28000": "no-login",
};
const SALT_BYTES = 16;
const STATEMENT_TIMEOUT_MS = 15_000;

export function createPostgresRoles(): PostgresRoles {
  return {
    role: async ({ admin, role }, signal) =>
      throughPostgres(admin, `look at the role ${role} of`, signal, async (client) => {
        const { rows } = await client.query(ROLE, [role]);
        const [row] = z.array(roleRow).parse(rows);
        return row;
      }),
    change: async ({ admin, role, change }, signal) =>
      throughPostgres(admin, `change the role ${role} of`, signal, async (client) => {
        await client.query(`set statement_timeout = ${STATEMENT_TIMEOUT_MS}`);
        await client.query(
          `alter role ${escapeIdentifier(role)} ${await clausesOf(client, change)}`,
        );
      }),
    sessions: async ({ admin, role }, signal) =>
      throughPostgres(admin, `look at the sessions of ${role} in`, signal, async (client) => {
        const { rows } = await client.query(SESSIONS, [role]);
        return z.array(sessionRow).parse(rows);
      }),
    endSessions: async ({ admin, role }, signal) =>
      throughPostgres(admin, `end the sessions of ${role} in`, signal, async (client) => {
        const { rows } = await client.query(END_SESSIONS, [role]);
        return rows.length;
      }),
    async login(url, signal) {
      try {
        await throughPostgres(url, "log in to", signal, async (client) => client.query("select 1"));
        return "accepted";
      } catch (error) {
        const refusal = error instanceof SystemError ? REFUSALS[error.code ?? ""] : undefined;
        if (refusal === undefined) throw error;
        return refusal;
      }
    },
    work: async (url, signal) => throughPostgres(url, "work in", signal, work),
  };
}

const roleRow = z
  .object({
    can_login: z.boolean(),
    is_superuser: z.boolean(),
    acts_as: z.string().nullable(),
    valid_until: z.date().nullable(),
  })
  .transform((row): PostgresRole => ({
    canLogin: row.can_login,
    isSuperuser: row.is_superuser,
    actsAs: row.acts_as ?? undefined,
    validUntil: row.valid_until ?? undefined,
  }));

/** `infinity` is no limit either, and no date. A setting that is made for one database alone goes before one for all. */
const ROLE = `
  select rolcanlogin as can_login, rolsuper as is_superuser,
    case when isfinite(rolvaliduntil) then rolvaliduntil end as valid_until,
    (
      select substr(setting, 6)
      from pg_db_role_setting, unnest(setconfig) as setting
      where setrole = pg_roles.oid and setting like 'role=%'
        and setdatabase in (0, (select oid from pg_database where datname = current_database()))
      order by setdatabase desc limit 1
    ) as acts_as
  from pg_roles where rolname = $1`;

const sessionRow = z
  .object({ address: z.string().nullable(), application: z.string().nullable() })
  .transform(({ address, application }): RoleSession => {
    const called = application === null || application === "" ? "" : ` (${application})`;
    return { from: `${address ?? "the server itself"}${called}` };
  });

const SESSIONS = `
  select host(client_addr) as address, application_name as application
  from pg_stat_activity where usename = $1 and pid <> pg_backend_pid() order by backend_start`;

/** A session that is told to end does so at its next occasion. */
const ENDS_WITHIN_MS = 5_000;

const END_SESSIONS = `
  select pg_terminate_backend(pid, ${ENDS_WITHIN_MS}) from pg_stat_activity where usename = $1 and pid <> pg_backend_pid()`;

/** A statement that changes a role takes no parameters. */
async function clausesOf(client: Client, change: RoleChange): Promise<string> {
  const { canLogin, password, validForMs } = change;
  const clauses = [];
  if (canLogin !== undefined) clauses.push(canLogin ? "login" : "nologin");
  if (password === null) clauses.push("password null");
  else if (password !== undefined) {
    const verifier = scramVerifier(password, randomBytes(SALT_BYTES));
    clauses.push(`password ${escapeLiteral(verifier.reveal())}`);
  }
  if (validForMs === null) clauses.push("valid until 'infinity'");
  if (typeof validForMs === "number") {
    const sql = "select (now() + $1 * interval '1 millisecond')::text as moment";
    const { rows } = await client.query<{ moment: string }>(sql, [validForMs]);
    clauses.push(`valid until ${escapeLiteral(rows[0]?.moment ?? "")}`);
  }
  return clauses.join(" ");
}

async function work(client: Client): Promise<RoleWork> {
  const table = escapeIdentifier(`flightdeck_proof_${randomBytes(6).toString("hex")}`);
  await client.query(`begin; set local statement_timeout = ${STATEMENT_TIMEOUT_MS}`);
  await client.query(`create table ${table} (value integer not null)`);
  await client.query(`insert into ${table} values (1)`);
  const { rows } = await client.query<{ acts_as: string }>(
    `select current_user::text as acts_as from ${table} where value = 1`,
  );
  await client.query("rollback");
  const [row] = rows;
  if (row === undefined) {
    throw new SystemError(
      "postgres",
      "malformed",
      "PostgreSQL does not give back what was written",
    );
  }
  return { actsAs: row.acts_as };
}
