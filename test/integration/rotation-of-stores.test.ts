import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { quietPort } from "../../sandbox/quiet-port.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { findPrograms } from "../../src/servers/find-program.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { someOf } from "../support/long-run.ts";
import { rotating, type Rotating } from "../support/procedure.ts";
import { query } from "../support/records.ts";
import { variableIn } from "../support/rotation.ts";
import {
  loginToPostgres,
  loginToRedis,
  stayInPostgres,
  stayInRedis,
} from "../support/store-logins.ts";

const opened = new AsyncDisposableStack();
let world: World;
let data: string;

beforeAll(async () => {
  world = opened.use(await startWorld({ deploymentStepMs: 40 }));
  data = opened.use(await temporaryDirectory("rotation-of-stores")).path;
});
afterAll(async () => {
  await opened.disposeAsync();
});

type Options = { readonly isExposed?: boolean; readonly tune?: (text: string) => string };

function begun(secret: string, options: Options = {}): Rotating {
  return opened.use(rotating(world, secret, { data, ...options }));
}

/** Whoever holds on to the old one is not waited for long. */
const impatient = (text: string): string =>
  text.replaceAll(/^ {4}kind: (?:postgres-role|redis-password)$/gm, "$&\n    drainWithin: 1s");

const mintedBy = async ({ vault }: Rotating): Promise<string> => (await vault.minted()).reveal();

/** The one value in both applications and in their previews. */
function present(key: string): string {
  const values = new Set(
    (["api", "worker"] as const).flatMap((application) =>
      Object.values(variableIn(world, application, key)),
    ),
  );
  const [value = "", ...others] = values;
  expect(others).toEqual([]);
  return value;
}

/** A pool finds out by one request that its connections are gone, and there are several pools. */
async function isReady(): Promise<boolean> {
  for (let tries = 0; tries < 5; tries += 1) {
    const answer = await fetch(`${world.product.apiUrl}/health/ready`);
    await answer.arrayBuffer();
    if (answer.status === 200) return true;
  }
  return false;
}

const deployments = (): number => world.coolify.state.deployments.length;

/** Deployments take turns, and a machine may be slow. */
const LONG_MS = 180_000;

describe("the roles by which the product logs in to its database", { timeout: LONG_MS }, () => {
  const KEY = "DATABASE_URL";
  const asAdmin = async (sql: string) =>
    query(world.environment["SANDBOX_DATABASE_ROTATION_URL"]!, sql);
  const roleIn = (address: string): string => new URL(address).username;
  const roleOf = async (address: string) => {
    const { rows } = await asAdmin(
      `select rolcanlogin as logs_in, coalesce(isfinite(rolvaliduntil), false) as ends,
         (select count(*)::int from pg_stat_activity where usename = rolname) as sessions
       from pg_roles where rolname = '${roleIn(address)}'`,
    );
    return rows[0];
  };

  test("change places also when the process dies after everything that it does, and nothing is done twice", async () => {
    const rotation = begun("database-login");
    const old = present(KEY);
    const before = deployments();
    await rotation.begin();
    await rotation.doAllDyingEachTime();
    const minted = await mintedBy(rotation);
    expect(present(KEY)).toBe(minted);
    expect(deployments() - before).toBe(2);
    expect([await loginToPostgres(old), await loginToPostgres(minted), await isReady()]).toEqual([
      "28P01",
      "accepted",
      true,
    ]);
    expect(roleIn(minted)).not.toBe(roleIn(old));
    expect(await roleOf(old)).toEqual({ logs_in: false, ends: false, sessions: 0 });
    expect(await roleOf(minted)).toMatchObject({ logs_in: true, ends: false });
  });

  const LED_BACK_FROM = [
    "a new password is made",
    "the other role accepts the new password",
    "api has read the new address",
    "no session of the old role is left",
  ];
  test.each(someOf(LED_BACK_FROM, 1))("are led back once it was so far that %s", async (name) => {
    const rotation = begun("database-login");
    const old = present(KEY);
    await rotation.begin();
    await rotation.doUntil(name);
    const minted = await mintedBy(rotation);
    await rotation.undoAll();
    expect(present(KEY)).toBe(old);
    expect([await loginToPostgres(old), await loginToPostgres(minted), await isReady()]).toEqual([
      "accepted",
      "28P01",
      true,
    ]);
    expect(await roleOf(old)).toMatchObject({ logs_in: true, ends: false });
    expect(await roleOf(minted)).toMatchObject({ logs_in: false, sessions: 0 });
  });

  test("are not changed while somebody else is logged in by the old one, who is named", async () => {
    const rotation = begun("database-login", { tune: impatient });
    const old = present(KEY);
    await rotation.begin();
    {
      await using _other = await stayInPostgres(`${old}?application_name=cron`);
      await expect(rotation.doUntil("nobody is logged in by the old role")).rejects.toThrow(
        "its sessions last: 1 from 127.0.0.1 (cron)",
      );
    }
    // Whatever becomes of us now, the old one is not let in for ever.
    expect(await roleOf(old)).toMatchObject({ logs_in: true, ends: true });
    await rotation.undoAll();
    expect(await roleOf(old)).toMatchObject({ logs_in: true, ends: false });
  });

  test("end every session of the old one when it is exposed, for a login that is barred does not", async () => {
    const rotation = begun("database-login", { isExposed: true });
    const old = present(KEY);
    await using stranger = await stayInPostgres(old);
    await rotation.begin();
    await rotation.doUntil("the old role may not log in");
    expect(await loginToPostgres(old)).toBe("28000");
    // As a pool would: nobody who asks through it could tell that the password is dead.
    expect((await stranger.query("select 1")).rows).toHaveLength(1);

    const told = await rotation.doUntil("no session of the old role is left");
    expect(told["sessions-ended"]).toBe("1");
    await expect(stranger.query("select 1")).rejects.toThrow(/terminat|not queryable|closed/i);
    await rotation.doAll();
    expect(await isReady()).toBe(true);
  });

  test("leave the new password to whoever could not be led back", async () => {
    const rotation = begun("database-login", { tune: impatient });
    await rotation.begin();
    await rotation.doUntil("the other role accepts the new password");
    const minted = await mintedBy(rotation);
    {
      await using _left = await stayInPostgres(minted);
      await expect(rotation.undoAll()).rejects.toThrow("its sessions last: 1 from 127.0.0.1");
      expect(await loginToPostgres(minted)).toBe("accepted");
    }
    await rotation.undoAll();
    expect(await loginToPostgres(minted)).toBe("28P01");
  });

  test("do not pass for proved when the new password is another by now", async () => {
    const rotation = begun("database-login");
    await rotation.begin();
    await rotation.doUntil("worker has read the new address");
    await asAdmin(
      `alter role ${roleIn(await mintedBy(rotation))} password 'another-one-that-nobody-expected'`,
    );
    const proof = "the new login does the work of the product and its migrations";
    await expect(rotation.doUntil(proof)).rejects.toThrow("password authentication failed");
    await rotation.undoAll();
    expect(await isReady()).toBe(true);
  });

  const idleRole = (): string => (roleIn(present(KEY)) === "product_a" ? "product_b" : "product_a");
  const rows = () =>
    world.coolify.state.variables.filter(({ key, value }) => key === KEY && value === present(KEY));

  test.each<readonly [string, () => Promise<() => Promise<unknown>>, RegExp]>([
    [
      "another role logs in",
      async () =>
        replaced(rows(), "postgresql+asyncpg://postgres:some-password@127.0.0.1:5432/app"),
      /DATABASE_URL logs in as "postgres"; expected product_a or product_b/,
    ],
    [
      "the password that stands there is wrong",
      async () => replaced(rows(), present(KEY).replace(/:[^:@]+@/, ":wrong@")),
      /refuses the present login from here: product_[ab], wrong-password/,
    ],
    [
      "the applications have different ones",
      async () => replaced(rows().slice(0, 1), "postgresql+asyncpg://product_b:other@db:5432/app"),
      /DATABASE_URL is not the same in api and worker/,
    ],
    [
      "they act as themselves",
      async () => {
        await asAdmin(`alter role ${idleRole()} reset role`);
        return () => asAdmin(`alter role ${idleRole()} set role = product_owner`);
      },
      /product_[ab] acts as itself; expected `alter role product_[ab] set role = owner`/,
    ],
    [
      "they act as different owners",
      async () => {
        await asAdmin(`alter role ${idleRole()} set role = flightdeck_reader`);
        return () => asAdmin(`alter role ${idleRole()} set role = product_owner`);
      },
      /acts as (?:product_owner|flightdeck_reader) and product_[ab] as/,
    ],
    [
      "the other one is in use",
      async () => {
        await asAdmin(`alter role ${idleRole()} login password 'a-password-of-somebody'`);
        const used = present(KEY).replace(/\/\/.*@/, `//${idleRole()}:a-password-of-somebody@`);
        const somebody = await stayInPostgres(used);
        return async () => {
          await somebody[Symbol.asyncDispose]();
          await asAdmin(`alter role ${idleRole()} nologin password null`);
        };
      },
      /product_[ab] is to take over, and is in use: 1 from 127.0.0.1/,
    ],
  ])("are not touched where %s", async (_case, prepare, reason) => {
    const restore = await prepare();
    const planned = begun("database-login").plan();
    await expect(planned).rejects.toThrow(reason);
    await restore();
  });

  test("are planned with what is seen of both, and no password", async () => {
    const [old, next] = [roleIn(present(KEY)), idleRole()];
    const { parameters, observed } = await begun("database-login").plan();
    expect({ ...parameters, ...observed }).toEqual({
      applications: "api, worker",
      redeployed: "api, worker",
      variable: KEY,
      roles: `${old} → ${next}`,
      owner: "product_owner",
      [old]: "logs in",
      [next]: "may not log in",
    });
  });
});

async function replaced(
  rows: readonly { value: string | null }[],
  value: string,
): Promise<() => Promise<void>> {
  const before = rows.map((row) => row.value);
  for (const row of rows) row.value = value;
  return async () => rows.forEach((row, at) => (row.value = before[at] ?? null));
}

describe("the password by which the product uses its Redis", { timeout: LONG_MS }, () => {
  const KEY = "REDIS_URL";
  const restart = async (): Promise<void> => {
    await world.break("redis-down");
    await world.heal("redis-down");
  };

  test("is replaced also when the process dies after everything that it does, for good", async () => {
    const rotation = begun("redis-password");
    const old = present(KEY);
    const before = deployments();
    await rotation.begin();
    await rotation.doAllDyingEachTime();
    const minted = await mintedBy(rotation);
    expect(present(KEY)).toBe(minted);
    expect(deployments() - before).toBe(2);
    const answers = async () => [await loginToRedis(old), await loginToRedis(minted)];
    expect(await answers()).toEqual(["WRONGPASS", "accepted"]);
    await restart();
    expect(await answers()).toEqual(["WRONGPASS", "accepted"]);
    expect(await isReady()).toBe(true);
  });

  const LED_BACK_FROM = [
    "the user has both passwords",
    "worker has read the new address",
    "connections made by the old password are cut",
  ];
  test.each(someOf(LED_BACK_FROM, 1))("is led back once it was so far that %s", async (name) => {
    const rotation = begun("redis-password");
    const old = present(KEY);
    await rotation.begin();
    await rotation.doUntil(name);
    const minted = await mintedBy(rotation);
    await rotation.undoAll();
    expect(present(KEY)).toBe(old);
    await restart();
    expect([await loginToRedis(old), await loginToRedis(minted), await isReady()]).toEqual([
      "accepted",
      "WRONGPASS",
      true,
    ]);
  });

  test("stays while somebody else is connected from before, who is named", async () => {
    const rotation = begun("redis-password", { tune: impatient });
    const old = present(KEY);
    using other = await stayInRedis(old);
    await other.client("SETNAME", "cron");
    await rotation.begin();
    await expect(rotation.doUntil("nobody is connected from before")).rejects.toThrow(
      "1 older connections last, from 127.0.0.1 (cron)",
    );
    expect(await loginToRedis(old)).toBe("accepted");
    await rotation.undoAll();
    expect(present(KEY)).toBe(old);
  });

  test("takes every connection with it when it is exposed, also one that was made on the way", async () => {
    const rotation = begun("redis-password", { isExposed: true });
    const old = present(KEY);
    await rotation.begin();
    await rotation.doUntil("worker has read the new address");
    using stranger = await stayInRedis(old);
    await rotation.doUntil("the user has the new password alone");
    expect(await stranger.ping()).toBe("PONG");
    await rotation.doUntil("connections made by the old password are cut");
    await expect(stranger.ping()).rejects.toThrow(/closed/i);
    await rotation.doAll();
    expect(await isReady()).toBe(true);
  });

  test("leaves the applications their connections when it is not exposed", async () => {
    const rotation = begun("redis-password");
    await rotation.begin();
    await rotation.doUntil("worker has read the new address");
    using younger = await stayInRedis(await mintedBy(rotation));
    await rotation.doAll();
    expect(await younger.ping()).toBe("PONG");
  });

  test("is planned with where Redis keeps it, and nothing of it", async () => {
    const { parameters, observed } = await begun("redis-password").plan();
    expect({ ...parameters, ...observed }).toEqual({
      applications: "api, worker",
      redeployed: "api, worker",
      variable: "REDIS_URL",
      user: "default",
      kept: "acl-file",
      passwords: "1",
    });
  });
});

describe("the password of a Redis that has it from its start command", { timeout: LONG_MS }, () => {
  type Server = { readonly url: string; restart(password: string): Promise<void> };

  /** As Coolify starts one: no configuration file, one user, one password. */
  async function startBare(password: string): Promise<Server> {
    const [program] = await findPrograms("redis-server");
    const port = await quietPort();
    const place = `127.0.0.1:${port}/0`;
    let child: ChildProcess | undefined;
    const stop = async (): Promise<void> => {
      if (child === undefined) return;
      child.kill("SIGTERM");
      await once(child, "exit");
      child = undefined;
    };
    const launch = async (word: string): Promise<void> => {
      child = spawn(program!, ["-"], { stdio: ["pipe", "ignore", "ignore"] });
      // By its input, for arguments are seen by everybody.
      child.stdin?.end(`port ${port}\nbind 127.0.0.1\nsave ""\nrequirepass ${word}\n`);
      await expect
        .poll(async () => loginToRedis(`redis://:${word}@${place}`), { timeout: 10_000 })
        .toBe("accepted");
    };
    await launch(password);
    opened.defer(stop);
    return {
      url: `redis://:${password}@${place}`,
      async restart(word) {
        await stop();
        await launch(word);
      },
    };
  }

  async function onBareRedis(): Promise<{ readonly server: Server; readonly rotation: Rotating }> {
    const server = await startBare("the-old-password-4711");
    const now = present("REDIS_URL");
    const rows = world.coolify.state.variables.filter(({ value }) => value === now);
    await replaced(rows, server.url);
    const environment = { ...world.environment, SANDBOX_REDIS_ROTATION_URL: server.url };
    const rotation = opened.use(rotating({ ...world, environment }, "redis-password", { data }));
    return { server, rotation };
  }
  const passwordIn = (address: string): string => new URL(address).password;

  test("is replaced with the help of a person, who is told what to do, and survives restarts on the way", async () => {
    const { server, rotation } = await onBareRedis();
    const { parameters } = await rotation.plan();
    expect(parameters["user"]).toBe("default");
    await rotation.begin();
    await rotation.doUntil("the applications are ready with the new password");
    const minted = await mintedBy(rotation);
    const waiting = rotation.doUntil("Redis would start with the new password");

    // Somebody restarts it and has changed nothing: the applications' password is given to it again.
    await server.restart("the-old-password-4711");
    await expect.poll(async () => loginToRedis(minted), { timeout: 20_000 }).toBe("accepted");

    await server.restart(passwordIn(minted));
    await waiting;
    await rotation.doAll();
    expect([await loginToRedis(server.url), await loginToRedis(minted)]).toEqual([
      "WRONGPASS",
      "accepted",
    ]);
  });
});
