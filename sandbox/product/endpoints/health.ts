import type { Product } from "../product.ts";
import { Refusal } from "../refusal.ts";
import { openRoute } from "../route.ts";

/** Proves only that the process answers. */
export const live = openRoute("GET", "/health/live", async () => ({ status: "ok" }));

/** A looks at its stores alone. */
export const ready = openRoute("GET", "/health/ready", async (product) => {
  await demandStores(product);
  return { status: "ready" };
});

/** B names the first thing outside that fails, once its stores answer. */
export const readyWithPreflight = openRoute("GET", "/health/ready", async (product) => {
  await demandStores(product);
  const report = await product.preflight.report();
  const failed = Object.entries(report?.checks ?? {}).find(([, { ok }]) => !ok);
  if (failed !== undefined) {
    throw new Refusal(503, `Preflight failed: ${failed[0]}:${failed[1].reason}`);
  }
  return { status: "ready" };
});

/** Always 200, whatever it says. */
export const preflight = openRoute(
  "GET",
  "/health/preflight",
  async ({ preflight, settings: { environment } }) => {
    const report = await preflight.report();
    if (report === undefined) {
      return { status: "skipped", reason: "preflight_not_required_in_env", env: environment };
    }
    const { checkedAt, checks } = report;
    return {
      status: Object.values(checks).every(({ ok }) => ok) ? "ok" : "failed",
      checked_at: checkedAt.toISOString().replace("Z", "000+00:00"),
      checks,
    };
  },
);

async function demandStores({ database, redis }: Product): Promise<void> {
  try {
    await database.query("select 1");
    await redis.run((redis) => redis.ping());
  } catch {
    throw new Refusal(503, "Infrastructure unreachable");
  }
}
