import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";

import type { Database } from "../../src/storage/database.ts";
import { SystemError } from "../../src/systems/system-error.ts";
import { openOwnDatabase, type OwnDatabase } from "../support/own-database.ts";
import { query } from "../support/records.ts";

const opened = new AsyncDisposableStack();
let own: OwnDatabase;
let database: Database;

beforeAll(async () => {
  own = opened.use(await openOwnDatabase());
  ({ database } = own);
  await query(own.url, "create table note (text text)");
});
afterAll(async () => {
  await opened.disposeAsync();
});

const pidRow = z.object({ pid: z.number() });

describe("a transaction", () => {
  test("tells the time of the database, and keeps what it wrote", async () => {
    const before = new Date();
    const now = await database.transaction(async (tx, at) => {
      await tx.change("insert into note values ('kept')");
      return at;
    });
    expect(Math.abs(now.getTime() - before.getTime())).toBeLessThan(60_000);
    expect((await query(own.url, "select from note")).rows).toHaveLength(1);
  });

  test("whose connection dies before the commit is a failure of storage, never a bug of the caller", async () => {
    const dying = database.transaction(async (tx) => {
      const [row] = await tx.rows(pidRow, "select pg_backend_pid() as pid");
      await tx.change("insert into note values ('lost')");
      await query(own.url, "select pg_terminate_backend($1)", [row?.pid]);
    });
    await expect(dying).rejects.toMatchObject({ name: "SystemError", system: "storage" });
    expect((await query(own.url, "select from note where text = 'lost'")).rows).toHaveLength(0);
  });

  test("whose connection dies while it is not asked for anything does not end the process", async () => {
    const dying = database.transaction(async (tx) => {
      const [row] = await tx.rows(pidRow, "select pg_backend_pid() as pid");
      await query(own.url, "select pg_terminate_backend($1)", [row?.pid]);
      await new Promise((resolve) => setTimeout(resolve, 200));
      await tx.change("insert into note values ('late')");
    });
    await expect(dying).rejects.toBeInstanceOf(SystemError);
    expect(await database.transaction(async () => "alive")).toBe("alive");
  });

  test("inside another one is refused, because it would wait for itself", async () => {
    await expect(
      database.transaction(async () => database.transaction(async () => "never")),
    ).rejects.toThrow("do not nest");
  });
});
