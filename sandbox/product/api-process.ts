import { setTimeout as sleep } from "node:timers/promises";

import { createApi } from "./api.ts";
import { openProduct, type Product } from "./product.ts";

/** One process of the API, not yet behind an address. */
export type ApiProcess = AsyncDisposable & {
  answer(request: Request): Promise<Response>;
};

/** How long a process that is told to end finishes what it was asked. */
const GRACE_MS = 2_000;

export function startApiProcess(
  started: Pick<Product, "release" | "settings" | "effects" | "switches">,
): ApiProcess {
  const closing = new AbortController();
  const product = openProduct(started, closing.signal);
  const api = createApi(product);
  const answering = new Set<Promise<Response>>();
  return {
    async answer(request) {
      const answer = Promise.resolve(api.fetch(request));
      answering.add(answer);
      try {
        return await answer;
      } finally {
        answering.delete(answer);
      }
    },
    async [Symbol.asyncDispose]() {
      const ended = new AbortController();
      const grace = sleep(GRACE_MS, undefined, { signal: ended.signal, ref: false });
      const answered = Promise.allSettled(answering);
      await Promise.race([answered, grace.catch(() => undefined)]);
      ended.abort();
      closing.abort();
      product.redis[Symbol.dispose]();
      product.database[Symbol.dispose]();
    },
  };
}
