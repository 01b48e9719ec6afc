import { Refusal } from "./refusal.ts";

const WINDOW_MS = 60_000;

export type RateLimit = {
  /** The headers of the answer; refuses when the minute's requests are used up. */
  spend(who: string): Readonly<Record<string, string>>;
};

/** Counts by user, not by token: all tokens of one owner share it. */
export function createRateLimit(perMinute: number, now: () => number): RateLimit {
  const windows = new Map<string, { readonly endsAt: number; used: number }>();
  return {
    spend(who) {
      const time = now();
      const known = windows.get(who);
      const window =
        known === undefined || known.endsAt <= time ? { endsAt: time + WINDOW_MS, used: 0 } : known;
      windows.set(who, window);
      const headers = (remaining: number) => ({
        "x-ratelimit-limit": String(perMinute),
        "x-ratelimit-remaining": String(remaining),
      });
      if (window.used >= perMinute) {
        const retryAfter = String(Math.ceil((window.endsAt - time) / 1_000));
        const refused = { ...headers(0), "retry-after": retryAfter };
        throw new Refusal(429, { message: "Too Many Attempts." }, refused);
      }
      window.used += 1;
      return headers(perMinute - window.used);
    },
  };
}
