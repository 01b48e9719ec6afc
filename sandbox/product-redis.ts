import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { Redis } from "ioredis";

import { startRedis } from "../src/servers/redis.ts";
import { makeServerDirectory, ownFile, serverUser } from "../src/servers/server-user.ts";
import { freezeProcesses, thawProcesses } from "./frozen-process.ts";
import { queues } from "./product/queue.ts";
import { createRedisLink } from "./product/redis-link.ts";
import { quietPort } from "./quiet-port.ts";

export type ProductRedis = AsyncDisposable & {
  /** As the default user, as the product does when the world begins. */
  readonly ownerUrl: string;
  /** As the user that may change the others. */
  readonly rotationUrl: string;
  /** As the user with least rights that checks use. */
  readonly readerUrl: string;
  /** As the user that may put a dead letter back, and nothing else. */
  readonly requeueUrl: string;
  /** Over a connection of its own, so that a restart in between does not matter. */
  run<Result>(command: (redis: Redis) => Promise<Result>): Promise<Result>;
  stop(): Promise<void>;
  /** On the same port, with the same data. */
  start(): Promise<void>;
  freeze(): void;
  thaw(): void;
};

const product = "default";
const world = "sandbox";
const rotation = "flightdeck_rotation";
const reader = "flightdeck_reader";
const requeue = "flightdeck_requeue";
const adminTimeoutMs = 5_000;

export async function startProductRedis(options: {
  readonly directory: string;
  readonly ownerPassword: string;
  readonly readerPassword: string;
  readonly requeuePassword: string;
  readonly rotationPassword: string;
  /** Whose commands are the world's own. */
  readonly worldPassword: string;
  /** Gives up the first start. */
  readonly signal: AbortSignal;
}): Promise<ProductRedis> {
  const { directory } = options;
  const port = await quietPort();
  const users = join(directory, "users.acl");
  const owner = await serverUser("redis");
  await makeServerDirectory(directory, owner);
  await writeFile(users, usersOf(options), { mode: 0o600 });
  await ownFile(users, owner);
  const launch = (signal?: AbortSignal) =>
    startRedis({
      directory,
      ...(signal === undefined ? {} : { signal }),
      durable: true,
      port,
      // Users in a file of their own, which Redis itself keeps: what was saved to it outlives a restart.
      settings: { aclfile: `"${users}"` },
    });

  let server = await launch(options.signal);
  const urlFor = (user: string, password: string): string => server.urlFor({ user, password });
  const worldUrl = urlFor(world, options.worldPassword);
  return {
    ownerUrl: urlFor(product, options.ownerPassword),
    rotationUrl: urlFor(rotation, options.rotationPassword),
    readerUrl: urlFor(reader, options.readerPassword),
    requeueUrl: urlFor(requeue, options.requeuePassword),
    run: async (command) => {
      using link = createRedisLink(worldUrl, adminTimeoutMs);
      return await link.run(command);
    },
    stop: () => server.stop(),
    start: async () => {
      server = await launch();
    },
    freeze: () => freezeProcesses([server.pid]),
    thaw: () => thawProcesses([server.pid]),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

function usersOf(passwords: {
  readonly ownerPassword: string;
  readonly readerPassword: string;
  readonly requeuePassword: string;
  readonly rotationPassword: string;
  readonly worldPassword: string;
}): string {
  const users = [
    `${product} on >${passwords.ownerPassword} ~* &* +@all`,
    `${world} on >${passwords.worldPassword} ~* &* +@all`,
    // It can make itself anything, so it is as good as the whole server.
    `${rotation} on >${passwords.rotationPassword} -@all +@admin +@connection +info +ping +time`,
    // KEYS is a read command too, and walks through everything.
    `${reader} on >${passwords.readerPassword} ~* -@all +@read -@dangerous +ping +info`,
    // On these keys alone, and no other command.
    `${requeue} on >${passwords.requeuePassword} ~${queues.dead} ~${queues.default} ~flightdeck:returned:* -@all +eval +exists +llen +set +del +lrem +rpush`,
  ];
  return users.map((user) => `user ${user}\n`).join("");
}
