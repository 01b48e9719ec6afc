import { setTimeout as sleep } from "node:timers/promises";

import type { World } from "../../sandbox/world.ts";
import { Secret } from "../../src/core/secret.ts";
import { createVault } from "../../src/jobs/rotation/rotation-vault.ts";
import { openDatabase } from "../../src/storage/database.ts";
import { query } from "./records.ts";

/** Takes what a person hands over; false as long as nothing waits for it. */
export type HandOver = AsyncDisposable & { supply(value: string): Promise<boolean> };

export function handOverOf(
  secret: string,
  bot: { readonly databaseUrl: string; readonly sealKey: string },
): HandOver {
  const database = openDatabase({
    url: new Secret(bot.databaseUrl),
    clock: (now) => now,
    onIdleError: () => undefined,
  });
  const sealKey = async (): Promise<Secret> => new Secret(bot.sealKey);
  const vault = createVault({ database, target: "sandbox", sealKey, learn: () => {} }, secret);
  return {
    supply: async (value) => vault.supply(new Secret(value)),
    [Symbol.asyncDispose]: async () => database[Symbol.asyncDispose](),
  };
}

/** Somebody at Todoist who makes the new token once the worker is paused, and hands it over when it is waited for. */
export function personAtTodoist(world: World, databaseUrl: string, sealKey: string) {
  const over = new AbortController();
  const handOver = handOverOf("todoist-token", { databaseUrl, sealKey });
  const acting = (async () => {
    let made: string | undefined;
    while (!over.signal.aborted) {
      await sleep(300);
      if (world.deployed("worker") !== undefined) continue;
      if (made === undefined && (await isAwaited(databaseUrl))) made = world.todoist.regenerate();
      if (made !== undefined) await handOver.supply(made).catch(() => false);
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      over.abort();
      await acting;
      await handOver[Symbol.asyncDispose]();
    },
  };
}

/** Whether the card asks a person for it. */
async function isAwaited(databaseUrl: string): Promise<boolean> {
  const { rows } = await query(
    databaseUrl,
    `select from run_step where name like 'a person has handed over%' and state = 'started'`,
  ).catch(() => ({ rows: [] }));
  return rows.length > 0;
}
