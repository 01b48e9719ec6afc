import type { HttpSettings } from "./bot/health-settings.ts";
import type { Door } from "./bot/http.ts";
import type { WebhookSettings } from "./bot/webhook-settings.ts";
import type { WebhookParts } from "./bot/webhook.ts";
import type { HealthParts } from "./health.ts";
import type { Metrics } from "./metrics.ts";

export type DoorsParts = Omit<HealthParts, "http" | "metrics" | "fetches"> &
  Omit<WebhookParts, "webhook"> & {
    readonly http: HttpSettings | undefined;
    readonly metrics: Metrics | undefined;
    readonly webhook: WebhookSettings | undefined;
  };

/** Listens where the configuration says so: for machines that ask how we are, and for Telegram. */
export async function openDoors(parts: DoorsParts): Promise<AsyncDisposable> {
  const { http, metrics, webhook } = parts;
  await using opening = new AsyncDisposableStack();
  const doors: Door[] = [];
  // Each is loaded by those who need it; most listen nowhere.
  if (http && metrics) {
    const { openHealth } = await import("./health.ts");
    const health = openHealth({ ...parts, http, metrics, fetches: webhook === undefined });
    doors.push(opening.use(health).door);
  }
  if (webhook) {
    const { openWebhook } = await import("./bot/webhook.ts");
    doors.push(opening.use(openWebhook({ ...parts, webhook })).door);
  }
  if (doors.length > 0) {
    const { startDoors } = await import("./bot/http.ts");
    opening.use(await startDoors(doors));
  }
  return opening.move();
}
