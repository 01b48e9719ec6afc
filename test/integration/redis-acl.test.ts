import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Redis } from "ioredis";
import { afterEach, describe, expect, test } from "vitest";

import { quietPort } from "../../sandbox/quiet-port.ts";
import { Secret } from "../../src/core/secret.ts";
import { startRedis, type RedisServer } from "../../src/servers/redis.ts";
import { makeServerDirectory, ownFile, serverUser } from "../../src/servers/server-user.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createRedisAcl } from "../../src/systems/redis-acl.ts";

const acl = createRedisAcl();
const signal = (): AbortSignal => AbortSignal.timeout(20_000);
const ADMIN = "canary-of-the-admin-4711";
const OLD = "canary-of-the-old-one-4711";
const NEW = "canary-of-the-new-one-4711";
const old = new Secret(OLD);
const minted = new Secret(NEW);

let opened = new AsyncDisposableStack();
afterEach(async () => {
  await opened.disposeAsync();
  opened = new AsyncDisposableStack();
});

type Place = {
  readonly asked: { readonly admin: Secret; readonly user: string };
  url(password: string, user?: string): Secret;
  restart(): Promise<void>;
};

/** A Redis whose users stand in a file that it keeps itself, or that the product's password alone guards. */
async function startPlace(users: "acl-file" | "requirepass"): Promise<Place> {
  const { path } = opened.use(await temporaryDirectory("redis-acl"));
  const directory = join(path, "redis");
  const port = await quietPort();
  const isFile = users === "acl-file";
  const aclFile = join(directory, "users.acl");
  if (isFile) {
    const owner = await serverUser("redis");
    await makeServerDirectory(directory, owner);
    await writeFile(
      aclFile,
      `user default on >${OLD} ~* &* +@all\nuser rotator on >${ADMIN} -@all +@admin +@connection +info +time\n`,
      { mode: 0o600 },
    );
    await ownFile(aclFile, owner);
  }
  const launch = async (): Promise<RedisServer> =>
    startRedis({
      directory,
      durable: true,
      port,
      settings: isFile ? { aclfile: aclFile } : { requirepass: OLD },
    });
  let server = await launch();
  opened.defer(() => server.stop());
  const url = (password: string, user = "default"): Secret =>
    new Secret(server.urlFor({ user, password }));
  return {
    asked: { admin: isFile ? url(ADMIN, "rotator") : url(OLD), user: "default" },
    url,
    async restart() {
      await server.stop();
      server = await launch();
    },
  };
}

describe("a user of Redis", () => {
  test("accepts a second password beside the first, and no third", async () => {
    const { asked, url } = await startPlace("acl-file");
    expect(await acl.user(asked, signal())).toMatchObject({ passwords: 1, needsNone: false });
    await acl.addPassword({ ...asked, password: minted }, signal());
    const user = await acl.user(asked, signal());
    expect([user?.passwords, user?.has(old), user?.has(minted)]).toEqual([2, true, true]);
    const answers = [OLD, NEW, "made-up"].map(async (each) => acl.login(url(each), signal()));
    expect(await Promise.all(answers)).toEqual(["accepted", "accepted", "refused"]);
  });

  test("is not there under every name", async () => {
    const { asked } = await startPlace("acl-file");
    expect(await acl.user({ ...asked, user: "nobody" }, signal())).toBeUndefined();
  });

  test("has the old password again after a restart when nobody has saved that it went", async () => {
    const { asked, url, restart } = await startPlace("acl-file");
    expect(await acl.keeping(asked, signal())).toBe("acl-file");
    await acl.addPassword({ ...asked, password: minted }, signal());
    await acl.save(asked, signal());
    await acl.removePassword({ ...asked, password: old }, signal());
    expect(await acl.login(url(OLD), signal())).toBe("refused");

    await restart();
    expect(await acl.login(url(OLD), signal())).toBe("accepted");

    await acl.removePassword({ ...asked, password: old }, signal());
    await acl.save(asked, signal());
    await restart();
    expect(await acl.login(url(OLD), signal())).toBe("refused");
    expect(await acl.login(url(NEW), signal())).toBe("accepted");
  });

  test("with requirepass takes a second one too, which stays when the configuration is written anew", async () => {
    const { asked, url } = await startPlace("requirepass");
    expect(await acl.keeping(asked, signal())).toBe("configuration");
    expect(await acl.startsWith({ ...asked, password: old }, signal())).toBe(true);
    await acl.addPassword({ ...asked, password: minted }, signal());
    expect(await acl.login(url(OLD), signal())).toBe("accepted");
    const admin = url(NEW);
    await acl.removePassword({ admin, user: "default", password: old }, signal());
    await acl.save({ admin }, signal());
    expect(await acl.login(url(OLD), signal())).toBe("refused");
    expect(await acl.startsWith({ admin, password: minted }, signal())).toBe(false);
  });

  test("loses no password that it does not have", async () => {
    const { asked } = await startPlace("acl-file");
    await acl.removePassword({ ...asked, password: minted }, signal());
    expect(await acl.user(asked, signal())).toMatchObject({ passwords: 1 });
  });

  test("works on in a connection that was made with a password which is gone, until that is ended", async () => {
    const { asked, url } = await startPlace("acl-file");
    const held = new Redis(url(OLD).reveal(), { retryStrategy: () => null });
    opened.defer(() => held.disconnect());
    held.on("error", () => {});
    await held.ping();
    const second = await acl.second(asked, signal());
    await acl.addPassword({ ...asked, password: minted }, signal());
    await acl.removePassword({ ...asked, password: old }, signal());
    expect(await held.ping()).toBe("PONG");

    const connections = await acl.connections(asked, signal());
    expect(connections).toHaveLength(1);
    expect(connections[0]?.sinceSecond).toBeLessThanOrEqual(second + 1);
    expect(connections[0]?.from).toBe("127.0.0.1");
    const ids = connections.map(({ id }) => id);
    expect(await acl.endConnections({ ...asked, ids }, signal())).toBe(1);
    expect(await acl.endConnections({ ...asked, ids }, signal())).toBe(0);
    await expect(held.ping()).rejects.toThrow(/closed/i);
  });

  test("proves by work that it may do what a queue needs, and leaves nothing", async () => {
    const { url } = await startPlace("acl-file");
    const key = `flightdeck:rotation:${randomUUID()}`;
    await acl.roundTrip(url(OLD), key, signal());
    const redis = new Redis(url(OLD).reveal());
    opened.defer(() => redis.disconnect());
    expect(await redis.dbsize()).toBe(0);
    await expect(acl.roundTrip(url(ADMIN, "rotator"), key, signal())).rejects.toThrow(
      "may not run this command",
    );
  });

  test("is not changed by whoever may not, who is told so without a password or its hash", async () => {
    const { asked, url } = await startPlace("acl-file");
    const refused = acl.addPassword({ ...asked, user: "no good", password: minted }, signal());
    const error = await refused.then(
      () => new Error("it was changed"),
      (failure: unknown) => failure as Error,
    );
    expect(error.message).toContain("change the passwords of no good in Redis at 127.0.0.1");
    expect(`${error.message} ${error.stack} ${String(error.cause)}`).not.toMatch(
      /canary|[0-9a-f]{64}/,
    );
    await expect(acl.user({ admin: url("made-up"), user: "default" }, signal())).rejects.toThrow(
      "refuses the user or the password",
    );
  });
});
