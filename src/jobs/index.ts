import type { Operation } from "./operation.ts";
import { createPreflight, type PreflightParts } from "./preflight.ts";
import { createWebhookLook, createWebhookSet, type WebhookParts } from "./webhook.ts";

/** Everything Flightdeck does, one line each. */
export function createOperations(parts: PreflightParts & WebhookParts): readonly Operation[] {
  return [createPreflight(parts), createWebhookLook(parts), createWebhookSet(parts)];
}
