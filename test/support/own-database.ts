import { Secret } from "../../src/core/secret.ts";
import { openDatabase, type Database } from "../../src/storage/database.ts";
import { migrate } from "../../src/storage/migrate.ts";
import { createTestDatabase } from "../database.ts";

/** Flightdeck's own storage, migrated and empty, without a Flightdeck. */
export type OwnDatabase = AsyncDisposable & { readonly database: Database; readonly url: string };

export async function openOwnDatabase(): Promise<OwnDatabase> {
  await using opened = new AsyncDisposableStack();
  const { url } = opened.use(await createTestDatabase());
  await migrate(new Secret(url), () => undefined);
  const database = opened.use(
    openDatabase({ url: new Secret(url), clock: (now) => now, onIdleError: () => undefined }),
  );
  const kept = opened.move();
  return { database, url, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}
