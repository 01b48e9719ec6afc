import { createHash, randomUUID } from "node:crypto";

import type { Redis as Client } from "ioredis";
import { z } from "zod";

import type { Secret } from "../core/secret.ts";
import { throughRedis } from "./redis.ts";
import { SystemError } from "./system-error.ts";

type Asked = {
  /** Of a user with `+@admin +@connection +info +ping +time`; it may be the very user that is asked about. */
  readonly admin: Secret;
  readonly user: string;
};

/**
 * Where Redis keeps its users over a restart: in a file of their own, in its configuration, or nowhere, which is how one
 * is that has its password from its start command alone.
 */
export type RedisKeeping = "acl-file" | "configuration" | "nowhere";

type RedisUser = {
  readonly isOn: boolean;
  /** Accepts any password at all. */
  readonly needsNone: boolean;
  /** How many are accepted. */
  readonly passwords: number;
  has(password: Secret): boolean;
};

type RedisConnection = {
  readonly id: string;
  /** The second in which it began, or the one behind it, by the clock of Redis. */
  readonly sinceSecond: number;
  /** Where it comes from and what it calls itself, for people. */
  readonly from: string;
};

/**
 * The passwords of a user. They are added and taken away by their hashes, so that none is on the wire or in what Redis
 * logs; a login is the only thing that shows one, and only to Redis.
 */
export type RedisAcl = {
  /** Undefined: there is no such user. */
  user(asked: Asked, signal: AbortSignal): Promise<RedisUser | undefined>;
  keeping(asked: Pick<Asked, "admin">, signal: AbortSignal): Promise<RedisKeeping>;
  addPassword(asked: Asked & { readonly password: Secret }, signal: AbortSignal): Promise<void>;
  /** Connections that were made with it stay. */
  removePassword(asked: Asked & { readonly password: Secret }, signal: AbortSignal): Promise<void>;
  /** Has the users survive a restart, where that is possible. */
  save(asked: Pick<Asked, "admin">, signal: AbortSignal): Promise<void>;
  /** Whether the start command gives Redis this password. */
  startsWith(
    asked: Pick<Asked, "admin"> & { readonly password: Secret },
    signal: AbortSignal,
  ): Promise<boolean>;
  /** The seconds of Redis's own clock. */
  second(asked: Pick<Asked, "admin">, signal: AbortSignal): Promise<number>;
  /** All that are a user's, without the one by which this is asked. */
  connections(asked: Asked, signal: AbortSignal): Promise<readonly RedisConnection[]>;
  /** Says how many it has ended. */
  endConnections(
    asked: Pick<Asked, "admin"> & { readonly ids: readonly string[] },
    signal: AbortSignal,
  ): Promise<number>;
  /** Over a connection of its own, so that no pool can answer for the password. */
  login(url: Secret, signal: AbortSignal): Promise<"accepted" | "refused">;
  /** Puts something into a list of that name and takes it out again, as a queue does. */
  roundTrip(url: Secret, key: string, signal: AbortSignal): Promise<void>;
};

export function createRedisAcl(): RedisAcl {
  return {
    user: async ({ admin, user }, signal) =>
      throughRedis(admin, `look at the user ${user} of`, signal, async (client) => {
        const answer = await client.call("ACL", "GETUSER", user);
        return answer === null ? undefined : readUser(answer);
      }),
    keeping: async ({ admin }, signal) =>
      throughRedis(admin, "look at the configuration of", signal, readKeeping),
    addPassword: async (order, signal) => setPassword("#", order, signal),
    removePassword: async (order, signal) => setPassword("!", order, signal),
    save: async ({ admin }, signal) =>
      throughRedis(admin, "save the users of", signal, async (client) => {
        const keeping = await readKeeping(client);
        if (keeping === "acl-file") await client.call("ACL", "SAVE");
        if (keeping === "configuration") await client.call("CONFIG", "REWRITE");
      }),
    startsWith: async ({ admin, password }, signal) =>
      throughRedis(admin, "look at the configuration of", signal, async (client) => {
        return (await settingOf(client, "requirepass")) === password.reveal();
      }),
    second: async ({ admin }, signal) => throughRedis(admin, "ask the time of", signal, secondOf),
    connections: async ({ admin, user }, signal) =>
      throughRedis(admin, `look at the connections of ${user} to`, signal, async (client) => {
        const [own, second] = [String(await client.client("ID")), await secondOf(client)];
        const lines = z
          .string()
          .parse(await client.client("LIST"))
          .split("\n");
        return lines
          .filter((line) => line !== "")
          .map(fieldsOf)
          .filter((fields) => fields["user"] === user && fields["id"] !== own)
          .map((fields) => connectionOf(fields, second));
      }),
    endConnections: async ({ admin, ids }, signal) =>
      throughRedis(admin, "end connections to", signal, async (client) => {
        let ended = 0;
        for (const id of ids) ended += Number(await client.call("CLIENT", "KILL", "ID", id));
        return ended;
      }),
    async login(url, signal) {
      try {
        await throughRedis(url, "log in to", signal, async (client) => client.ping());
        return "accepted";
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        // Whoever may not PING was let in.
        if (error.code === "NOPERM") return "accepted";
        if (error.kind === "unauthorized") return "refused";
        throw error;
      }
    },
    roundTrip: async (url, key, signal) =>
      throughRedis(url, "work in", signal, async (client) => {
        const put = `proof ${randomUUID()}`;
        await client.rpush(key, put);
        if ((await client.lrem(key, -1, put)) === 1) return;
        throw new SystemError(
          "redis",
          "malformed",
          "Redis does not give back what was put into it",
        );
      }),
  };
}

async function setPassword(
  sign: "#" | "!",
  { admin, user, password }: Asked & { readonly password: Secret },
  signal: AbortSignal,
): Promise<void> {
  const hash = hashOf(password);
  await throughRedis(admin, `change the passwords of ${user} in`, signal, async (client) => {
    const now = await client.call("ACL", "GETUSER", user);
    // Taking away what is not there is an error to Redis.
    if (sign === "!" && now !== null && !readUser(now).has(password)) return;
    try {
      await client.call("ACL", "SETUSER", user, `${sign}${hash}`);
    } catch (error) {
      // Redis quotes the rule that it could not follow, and a hash lets guesses be tried.
      throw error instanceof Error
        ? Object.assign(new Error(error.message.replaceAll(hash, "…")), { name: error.name })
        : error;
    }
  });
}

function hashOf(password: Secret): string {
  return createHash("sha256").update(password.reveal()).digest("hex");
}

const userSchema = z.object({ flags: z.array(z.string()), passwords: z.array(z.string()) });

function readUser(answer: unknown): RedisUser {
  const pairs = z.array(z.unknown()).parse(answer);
  const fields = Object.fromEntries(
    Array.from({ length: pairs.length / 2 }, (_, n) => [String(pairs[2 * n]), pairs[2 * n + 1]]),
  );
  const { flags, passwords } = userSchema.parse(fields);
  return {
    isOn: flags.includes("on"),
    needsNone: flags.includes("nopass"),
    passwords: passwords.length,
    has: (password) => passwords.includes(hashOf(password)),
  };
}

async function readKeeping(client: Client): Promise<RedisKeeping> {
  if ((await settingOf(client, "aclfile")) !== "") return "acl-file";
  return /^config_file:\S/m.test(await client.info("server")) ? "configuration" : "nowhere";
}

async function settingOf(client: Client, name: string): Promise<string> {
  const [, value = ""] = z.array(z.string()).parse(await client.call("CONFIG", "GET", name));
  return value;
}

async function secondOf(client: Client): Promise<number> {
  const [second] = z.array(z.coerce.number()).parse(await client.time());
  return second ?? 0;
}

/** `id=7 addr=127.0.0.1:4711 name= age=3 …`; no value has a blank in it. */
function fieldsOf(line: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    line.split(" ").map((field) => {
      const [name = "", ...value] = field.split("=");
      return [name, value.join("=")];
    }),
  );
}

function connectionOf(fields: Readonly<Record<string, string>>, second: number): RedisConnection {
  const { id = "", addr = "", name = "", age = "" } = fields;
  if (!/^\d+$/.test(age)) {
    throw new SystemError("redis", "malformed", "Redis does not say how old its connections are");
  }
  const place = addr.replace(/:\d+$/, "");
  return {
    id,
    sinceSecond: second - Number(age),
    from: name === "" ? place : `${place} (${name})`,
  };
}
