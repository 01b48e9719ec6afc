import { Redis } from "ioredis";
import { Client } from "pg";

/** `accepted`, or the code by which PostgreSQL refuses whoever comes by this address. */
export async function loginToPostgres(address: string): Promise<string> {
  const client = new Client({ connectionString: withoutDriver(address) });
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query("select 1");
    return "accepted";
  } catch (error) {
    return (error as { readonly code?: string }).code ?? String(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Somebody who is logged in and stays it, as a pool does. */
export async function stayInPostgres(address: string): Promise<Client & AsyncDisposable> {
  const client = new Client({ connectionString: withoutDriver(address) });
  client.on("error", () => {});
  await client.connect();
  return Object.assign(client, {
    [Symbol.asyncDispose]: async () => client.end().catch(() => undefined),
  });
}

/** `accepted`, or the word by which Redis refuses whoever comes by this address. */
export async function loginToRedis(address: string): Promise<string> {
  const redis = new Redis(address, { lazyConnect: true, retryStrategy: () => null });
  let refusal = "";
  redis.on("error", ({ message }) => (refusal = message));
  try {
    await redis.connect();
    return (await redis.ping()) === "PONG" ? "accepted" : "odd";
  } catch {
    return refusal.split(" ")[0] ?? "refused";
  } finally {
    redis.disconnect();
  }
}

/** Somebody who is connected and stays it, as a worker does. */
export async function stayInRedis(address: string): Promise<Redis & Disposable> {
  const redis = new Redis(address, { lazyConnect: true, retryStrategy: () => null });
  redis.on("error", () => {});
  await redis.connect();
  return Object.assign(redis, { [Symbol.dispose]: () => redis.disconnect() });
}

/** SQLAlchemy names its driver in an address. */
export function withoutDriver(address: string): string {
  return address.replace("postgresql+asyncpg:", "postgresql:");
}
