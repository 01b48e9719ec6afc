import type { Redis } from "ioredis";

import { startRedis } from "../src/servers/redis.ts";
import { freezeProcesses, thawProcesses } from "./frozen-process.ts";
import { queues } from "./product/queue.ts";
import { createRedisLink } from "./product/redis-link.ts";
import { quietPort } from "./quiet-port.ts";

export type ProductRedis = AsyncDisposable & {
  /** As the default user, as the product does. */
  readonly ownerUrl: string;
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

const reader = "flightdeck_reader";
const requeue = "flightdeck_requeue";
const adminTimeoutMs = 5_000;

export async function startProductRedis(options: {
  readonly directory: string;
  readonly ownerPassword: string;
  readonly readerPassword: string;
  readonly requeuePassword: string;
  /** Gives up the first start. */
  readonly signal: AbortSignal;
}): Promise<ProductRedis> {
  const { directory, ownerPassword, readerPassword, requeuePassword } = options;
  const port = await quietPort();
  const launch = (signal?: AbortSignal) =>
    startRedis({
      directory,
      ...(signal === undefined ? {} : { signal }),
      durable: true,
      port,
      users: [
        `default on >${ownerPassword} ~* &* +@all`,
        // KEYS is a read command too, and walks through everything.
        `${reader} on >${readerPassword} ~* -@all +@read -@dangerous +ping +info`,
        // On these keys alone, and no other command.
        `${requeue} on >${requeuePassword} ~${queues.dead} ~${queues.default} ~flightdeck:returned:* -@all +eval +exists +llen +set +del +lrem +rpush`,
      ],
    });

  let server = await launch(options.signal);
  const ownerUrl = server.urlFor({ user: "default", password: ownerPassword });
  return {
    ownerUrl,
    readerUrl: server.urlFor({ user: reader, password: readerPassword }),
    requeueUrl: server.urlFor({ user: requeue, password: requeuePassword }),
    run: async (command) => {
      using link = createRedisLink(ownerUrl, adminTimeoutMs);
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
