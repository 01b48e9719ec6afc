import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { schemaOf } from "../sandbox/product/migrations.ts";
import { startPostgres, type PostgresServer } from "../src/servers/postgres.ts";
import { temporaryDirectory } from "../src/servers/temporary-directory.ts";
import { blocksOf, codeWordsOf, documents } from "./support/documents.ts";
import { query } from "./support/records.ts";

const [roles] = blocksOf("ops/SECRETS_ROTATION_RUNBOOK.md").filter(
  ({ language }) => language === "sql",
);

const opened = new AsyncDisposableStack();
let server: PostgresServer;
const asUser = (user: string): string => server.url("app").replace("user=postgres", `user=${user}`);

/** A product that logs in as the owner of its tables, as most do before their first rotation. */
beforeAll(async () => {
  const { path } = opened.use(await temporaryDirectory("documents-sql"));
  server = opened.use(await startPostgres({ directory: path, durable: false }));
  await query(server.url(), "create role role_until_now login");
  await query(server.url(), "create database app owner role_until_now");
  await query(asUser("role_until_now"), "create table tasks (id int)");
}, 60_000);
afterAll(async () => {
  await opened.disposeAsync();
});

describe("the roles of the runbook of rotations", () => {
  test("are made by its lines, and what the product had belongs to their owner", async () => {
    await query(server.url("app"), roles?.text ?? "");
    const { rows } = await query(
      server.url("app"),
      "select tableowner from pg_tables where tablename = 'tasks'",
    );
    expect(rows).toEqual([{ tableowner: "app_owner" }]);
  });

  test("let the one whose turn it is work as that owner, and the other one not log in", async () => {
    await query(asUser("app_a"), "insert into tasks values (1)");
    await query(asUser("app_a"), "create table made_by_a (id int)");
    const { rows } = await query(
      server.url("app"),
      "select tableowner from pg_tables where tablename = 'made_by_a'",
    );
    expect(rows).toEqual([{ tableowner: "app_owner" }]);
    await expect(query(asUser("app_b"), "select 1")).rejects.toThrow("not permitted to log in");
  });

  test("change places by the one that rotates, who may also end what is logged in", async () => {
    const rotation = asUser("flightdeck_rotation");
    await query(rotation, "alter role app_b login password 'sample'");
    expect((await query(asUser("app_b"), "select id from made_by_a")).rows).toEqual([]);
    const holding = new Client(asUser("app_a"));
    await holding.connect();
    holding.on("error", () => undefined);
    await query(rotation, "alter role app_a nologin");
    const end = "select count(pg_terminate_backend(pid))::int as ended from pg_stat_activity";
    const { rows } = await query(rotation, `${end} where usename = 'app_a'`);
    expect(rows).toEqual([{ ended: 1 }]);
    await expect(query(asUser("app_a"), "select 1")).rejects.toThrow("not permitted to log in");
    await holding.end().catch(() => undefined);
  });
});

/** What a person looks up by hand, where it is told in passing. */
const looks = documents
  .flatMap((document) => codeWordsOf(document))
  .filter(({ text }) => text.startsWith("select "))
  .map(({ document, line, text }) => [`${document}:${line}`, text] as const);

describe("what is to be looked up by hand", () => {
  beforeAll(async () => {
    await query(server.url(), "create database product");
    const schema = await schemaOf("A");
    for (const text of schema) await query(server.url("product"), text);
  }, 60_000);

  test("is told in several runbooks", () => {
    expect(looks.length).toBeGreaterThan(5);
  });

  test.each(looks)("can be asked of the product's database: %s", async (_place, text) => {
    await expect(query(server.url("product"), text.replaceAll("…", "1"))).resolves.toBeDefined();
  });
});
