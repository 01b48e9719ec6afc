import { createAlertDetails, type AlertDetailsParts } from "./alert-details.ts";
import { createChecklist } from "./checklist.ts";
import { createEvidenceVerify, type EvidenceVerifyParts } from "./evidence-verify.ts";
import type { Operation } from "./operation.ts";
import { createPreflight, type PreflightParts } from "./preflight.ts";
import { createSmoke, type SmokeParts } from "./smoke.ts";
import { createWebhookLook, createWebhookSet, type WebhookParts } from "./webhook.ts";

/** Everything Flightdeck does, one line each. */
export function createOperations(
  parts: PreflightParts & AlertDetailsParts & SmokeParts & WebhookParts & EvidenceVerifyParts,
): readonly Operation[] {
  return [
    createPreflight(parts),
    createAlertDetails(parts),
    createChecklist(parts),
    createSmoke(parts),
    createWebhookLook(parts),
    createWebhookSet(parts),
    createEvidenceVerify(parts),
  ];
}
