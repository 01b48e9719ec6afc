import { Refusal } from "../refusal.ts";
import { openRoute } from "../route.ts";

/** Proves only that the process answers. */
export const live = openRoute("GET", "/health/live", async () => ({ status: "ok" }));

export const ready = openRoute("GET", "/health/ready", async ({ database, redis }) => {
  try {
    await database.query("select 1");
    await redis.run((redis) => redis.ping());
  } catch {
    throw new Refusal(503, "Infrastructure unreachable");
  }
  return { status: "ready" };
});
