import { setTimeout as sleep } from "node:timers/promises";

import { Redis, ReplyError } from "ioredis";

export type RedisLink = Disposable & {
  run<Result>(command: (redis: Redis) => Promise<Result>): Promise<Result>;
};

/**
 * One connection that is opened when it is needed. A dead one is noticed only by the command that fails on it, which is
 * why the first request after a restart of Redis fails and the second does not.
 */
export function createRedisLink(url: string, timeoutMs: number): RedisLink {
  let current: Promise<Redis> | undefined;
  const closing = new AbortController();
  const drop = (): void => {
    void current?.then(
      (redis) => redis.disconnect(),
      () => undefined,
    );
    current = undefined;
  };
  return {
    async run(command) {
      closing.signal.throwIfAborted();
      const connecting = (current ??= connect(url, timeoutMs, closing.signal));
      try {
        return await command(await connecting);
      } catch (error) {
        if (!(error instanceof ReplyError) && current === connecting) drop();
        throw error;
      }
    },
    [Symbol.dispose]: () => {
      closing.abort(new Error("the connection is closed"));
      drop();
    },
  };
}

async function connect(url: string, timeoutMs: number, closing: AbortSignal): Promise<Redis> {
  const redis = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    disconnectTimeout: 50,
    disableClientInfo: true,
  });
  redis.on("error", () => {
    // The command that is waiting gets the failure; an unheard event would end the process.
  });
  // The deadline of a connection covers TCP only, and a frozen server still accepts that.
  const connected = new AbortController();
  const signal = AbortSignal.any([closing, connected.signal]);
  try {
    await Promise.race([
      redis.connect(),
      sleep(timeoutMs, undefined, { signal, ref: false }).then(() => {
        throw new Error(`Redis did not answer within ${timeoutMs} ms`);
      }),
    ]);
    return redis;
  } catch (error) {
    redis.disconnect();
    throw error;
  } finally {
    connected.abort();
  }
}
