import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { Client } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { quietPort } from "../../sandbox/quiet-port.ts";
import { Secret } from "../../src/core/secret.ts";
import { startPostgres, type PostgresServer } from "../../src/servers/postgres.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createPostgresRoles } from "../../src/systems/postgres-roles.ts";

const opened = new AsyncDisposableStack();
const roles = createPostgresRoles();
const signal = (): AbortSignal => AbortSignal.timeout(20_000);
const ADMIN_PASSWORD = "canary-of-the-admin-4711";
const OLD = "canary-of-the-old-role-4711";
const NEW = "canary-of-the-new-role-4711";
let server: PostgresServer;
let directory: string;
let superuser: Client;

const urlOf = (user: string, password: string): Secret =>
  new Secret(server.urlFor({ user, password, database: "app" }));
const asked = (role: string) => ({ admin: urlOf("rotator", ADMIN_PASSWORD), role });

beforeAll(async () => {
  const folder = opened.use(await temporaryDirectory("postgres-roles"));
  directory = folder.path;
  server = opened.use(
    await startPostgres({
      directory,
      durable: false,
      port: await quietPort(),
      // As chatty as a server can be set up to be.
      settings: { log_statement: "all", log_min_duration_statement: "0" },
    }),
  );
  await server.ensureDatabase("app");
  superuser = new Client({ connectionString: server.url("app") });
  await superuser.connect();
  opened.defer(() => superuser.end());
});
afterAll(async () => {
  await opened.disposeAsync();
});
beforeEach(async () => {
  await superuser
    .query(`
    drop table if exists things;
    drop owned by app_a, app_b, app_owner, rotator cascade;
    drop role app_a; drop role app_b; drop role app_owner; drop role rotator;
  `)
    .catch(() => undefined);
  await superuser.query(`
    create role app_owner nologin;
    grant create on schema public to app_owner;
    create role app_a login password '${OLD}' in role app_owner;
    create role app_b nologin in role app_owner;
    alter role app_a set role = app_owner;
    alter role app_b set role = app_owner;
    create role rotator login createrole password '${ADMIN_PASSWORD}'
      in role pg_signal_backend, pg_read_all_stats;
  `);
});

async function holding(user: string, password: string): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString: urlOf(user, password).reveal() });
  client.on("error", () => {});
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: async () => client.end() });
}

describe("the roles by which a product logs in", () => {
  test("are looked at by somebody who is no superuser", async () => {
    expect(await roles.role(asked("app_a"), signal())).toEqual({
      canLogin: true,
      isSuperuser: false,
      actsAs: "app_owner",
      validUntil: undefined,
    });
    expect(await roles.role(asked("app_b"), signal())).toMatchObject({ canLogin: false });
    expect(await roles.role(asked("postgres"), signal())).toMatchObject({ isSuperuser: true });
    expect(await roles.role(asked("nobody"), signal())).toBeUndefined();
  });

  test("take a password that stands in no line of the server's log", async () => {
    const change = { canLogin: true, password: new Secret(NEW), validForMs: null };
    await roles.change({ ...asked("app_b"), change }, signal());
    expect(await roles.login(urlOf("app_b", NEW), signal())).toBe("accepted");
    const log = await readFile(join(directory, "postgres.log"), "utf8");
    expect(log).toMatch(/alter role "app_b" login password 'SCRAM-SHA-256\$4096:/);
    expect(log).not.toContain(NEW);
  });

  test("own alike, whichever of them it was that made something", async () => {
    const change = { canLogin: true, password: new Secret(NEW) };
    await roles.change({ ...asked("app_b"), change }, signal());
    {
      await using a = await holding("app_a", OLD);
      await a.query("create table things (id integer)");
    }
    await using b = await holding("app_b", NEW);
    await b.query("alter table things add column name text");
    const { rows } = await b.query("select tableowner from pg_tables where tablename = 'things'");
    expect(rows).toEqual([{ tableowner: "app_owner" }]);
  });

  test("tell a wrong password from a role that may not log in", async () => {
    expect(await roles.login(urlOf("app_a", OLD), signal())).toBe("accepted");
    expect(await roles.login(urlOf("app_a", NEW), signal())).toBe("wrong-password");
    await roles.change({ ...asked("app_a"), change: { canLogin: false } }, signal());
    expect(await roles.login(urlOf("app_a", OLD), signal())).toBe("no-login");
    await roles.change({ ...asked("app_a"), change: { password: null } }, signal());
    expect(await roles.login(urlOf("app_a", OLD), signal())).toBe("wrong-password");
  });

  test("work on in a live session after they may not log in and have no password", async () => {
    await using session = await holding("app_a", OLD);
    await roles.change(
      { ...asked("app_a"), change: { canLogin: false, password: null } },
      signal(),
    );
    await expect(session.query("select 1")).resolves.toBeDefined();
    expect(await roles.sessions(asked("app_a"), signal())).toEqual([{ from: "127.0.0.1" }]);

    expect(await roles.endSessions(asked("app_a"), signal())).toBe(1);
    expect(await roles.sessions(asked("app_a"), signal())).toEqual([]);
    await expect(session.query("select 1")).rejects.toThrow(/terminat|not queryable|closed/i);
  });

  test("are let in for a while and no longer, and then for ever again", async () => {
    const change = async (validForMs: number | null): Promise<void> =>
      roles.change({ ...asked("app_a"), change: { validForMs } }, signal());
    await change(3_600_000);
    const role = await roles.role(asked("app_a"), signal());
    expect(role?.validUntil?.getTime()).toBeGreaterThan(Date.now() + 3_000_000);
    expect(await roles.login(urlOf("app_a", OLD), signal())).toBe("accepted");
    await change(-1_000);
    expect(await roles.login(urlOf("app_a", OLD), signal())).toBe("wrong-password");
    await change(null);
    expect(await roles.role(asked("app_a"), signal())).toMatchObject({ validUntil: undefined });
    expect(await roles.login(urlOf("app_a", OLD), signal())).toBe("accepted");
  });

  test("prove by work that they may do what the product and its migrations do, and leave nothing", async () => {
    expect(await roles.work(urlOf("app_a", OLD), signal())).toEqual({ actsAs: "app_owner" });
    const { rows } = await superuser.query("select from pg_tables where schemaname = 'public'");
    expect(rows).toEqual([]);
    await superuser.query("revoke create on schema public from app_owner");
    await expect(roles.work(urlOf("app_a", OLD), signal())).rejects.toThrow("permission denied");
  });

  test("are not changed by whoever may not, who is told so without a password", async () => {
    const admin = urlOf("app_a", OLD);
    const change = { canLogin: true, password: new Secret(NEW) };
    const attempt = roles.change({ admin, role: "app_b", change }, signal());
    const error = await attempt.then(
      () => new Error("it was changed"),
      (failure: unknown) => failure as Error,
    );
    expect(error.message).toContain("change the role app_b of PostgreSQL at 127.0.0.1");
    expect(`${error.message} ${error.stack} ${String(error.cause)}`).not.toMatch(/canary|SCRAM/);
    expect(await roles.role(asked("app_b"), signal())).toMatchObject({ canLogin: false });
  });

  test("say nothing about a password while the server cannot be asked", async () => {
    const nowhere = new Secret(`postgresql://app_a:${OLD}@127.0.0.1:9/app`);
    await expect(roles.login(nowhere, signal())).rejects.toThrow("connection refused");
  });
});
