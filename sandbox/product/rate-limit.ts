import type { RedisLink } from "./redis-link.ts";
import { Refusal } from "./refusal.ts";

/** Requests of one user in a fixed window of a minute. */
const rateLimits = { capture: 20, query: 30, plan: 15 } as const;
export type RateClass = keyof typeof rateLimits;

const windowSeconds = 60;

export async function spend(redis: RedisLink, rateClass: RateClass, user: string): Promise<void> {
  const key = `rate_limit:${rateClass}:${user}`;
  const used = await redis.run((redis) => redis.incr(key));
  if (used === 1) await redis.run((redis) => redis.expire(key, windowSeconds));
  if (used <= rateLimits[rateClass]) return;
  const seconds = await redis.run((redis) => redis.ttl(key));
  throw new Refusal(429, `Rate limit exceeded for ${rateClass}. Retry in ${seconds}s.`);
}
