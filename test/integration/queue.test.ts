import { expect, test } from "vitest";

import { Secret } from "../../src/core/secret.ts";
import { startQueue } from "../../src/jobs/engine/queue.ts";

test("a Redis that never was there is said to be away, and keeps nobody from closing", async () => {
  const queue = startQueue({
    // Nothing listens at the port for discarding.
    url: new Secret("redis://127.0.0.1:9"),
    prefix: "never",
    concurrency: 1,
    execute: async () => {},
    onError: () => undefined,
  });
  await expect(queue.add({ id: "1", epoch: 0 }, new Date())).rejects.toThrow(/timeout/i);
  await expect(queue.depth()).rejects.toThrow(/timeout/i);
  const closing = performance.now();
  await queue[Symbol.asyncDispose]();
  expect(performance.now() - closing).toBeLessThan(10_000);
}, 20_000);
