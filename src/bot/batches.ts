/** More of them in one batch would keep the first of them waiting. */
const BATCH_AT_MOST = 100;

type Waiting<Item> = { readonly item: Item; readonly done: PromiseWithResolvers<void> };

/**
 * Gathers what comes while a batch is being taken, so that many at once cost one commit, and a single one waits for
 * nobody. Each is told of its own end: a batch that fails is tried again one by one, so that one bad item fails alone.
 */
export function inBatches<Item>(
  take: (items: readonly Item[]) => Promise<void>,
): (item: Item) => Promise<void> {
  const waiting: Waiting<Item>[] = [];
  let isTaking = false;

  async function takeAll(): Promise<void> {
    isTaking = true;
    while (waiting.length > 0) await takeBatch(take, waiting.splice(0, BATCH_AT_MOST));
    isTaking = false;
  }

  return async (item) => {
    const done = Promise.withResolvers<void>();
    waiting.push({ item, done });
    if (!isTaking) void takeAll();
    return done.promise;
  };
}

/** Never rejects: each of the batch hears of what became of it. */
async function takeBatch<Item>(
  take: (items: readonly Item[]) => Promise<void>,
  batch: readonly Waiting<Item>[],
): Promise<void> {
  try {
    await take(batch.map(({ item }) => item));
    for (const { done } of batch) done.resolve();
  } catch (error) {
    if (batch.length === 1) return batch[0]?.done.reject(error);
    for (const one of batch) await takeBatch(take, [one]);
  }
}
