import { z } from "zod";

import type { Facts } from "../../core/approval.ts";
import { shownUrl } from "../../core/shown-url.ts";
import { usualDurations } from "../../storage/run-step.ts";
import type { RegisteredWebhook } from "../../systems/product-webhook.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { ApprovalsSettings } from "../approval/approval-settings.ts";
import {
  defineOperation,
  type ActStep,
  type AskStep,
  type Conclusion,
  type LookStep,
  type Operation,
  type Results,
} from "../operation.ts";
import { webhookCard, webhookDetails } from "./webhook-card.ts";
import {
  factsOf,
  LOOK,
  lookAtWebhook,
  settingVerdict,
  webhookReport,
  webhookVerdict,
  type WebhookReport,
} from "./webhook-report.ts";
import { BEFORE, SET, webhookPlan, webhookSetCard, type WebhookPlan } from "./webhook-set-card.ts";

export type WebhookParts = {
  readonly productWebhook: RegisteredWebhook;
  readonly approvals: ApprovalsSettings;
  readonly target: string;
};

const nothing = z.strictObject({});
const NAME = "webhook-set";
const SET_TIMEOUT_MS = 20_000;

/** Says where the updates of the product's bot go, and whether the product takes them; changes nothing. */
export function createWebhookLook({
  productWebhook,
}: Pick<WebhookParts, "productWebhook">): Operation {
  return defineOperation({
    name: "webhook",
    summary: "the product's webhook as it is registered, and its door",
    effect: "read",
    input: nothing,
    steps: () => [lookAtWebhook(productWebhook)],
    conclude: (_input, results) => conclude(results, webhookVerdict),
    card: webhookCard,
    details: webhookDetails,
  });
}

/** Registers the product's webhook with Telegram as configured, once somebody approves, and looks at what came of it. */
export function createWebhookSet(parts: WebhookParts): Operation {
  const { productWebhook, target } = parts;
  return defineOperation({
    name: NAME,
    summary: "registers the product's webhook as configured, once somebody approves",
    effect: "mutate",
    input: nothing,
    steps: () => [
      lookBefore(productWebhook),
      askWhether(parts),
      setWebhook(productWebhook),
      lookAtWebhook(productWebhook),
    ],
    conclude: (_input, results) => conclude(results, settingVerdict),
    keeps: async (tx) => usualDurations(tx, target, NAME),
    again: () => "webhook set",
    card: webhookSetCard,
    details: webhookDetails,
  });
}

function lookBefore(webhook: RegisteredWebhook): LookStep {
  return {
    kind: "look",
    name: BEFORE,
    timeoutMs: SET_TIMEOUT_MS,
    async look({ signal }): Promise<WebhookPlan> {
      const { url, pendingUpdates } = await webhook.registration(signal);
      return { from: addressText(url, webhook), to: webhook.url(), waiting: pendingUpdates };
    },
  };
}

/** Whoever moves the webhook decides where the product hears its users, and the secret decides whom it believes. */
function askWhether({ productWebhook, approvals }: WebhookParts): AskStep {
  return {
    kind: "ask",
    name: "ask whether to register it",
    timeoutMs: SET_TIMEOUT_MS,
    question(results) {
      const { from, to } = webhookPlan(results[BEFORE]);
      return {
        policy: approvals[NAME] ?? "second-person",
        needsCode: false,
        parameters: { address: to, secret: "as configured" },
        observed: registered(from),
      };
    },
    async observe({ signal }) {
      const { url } = await productWebhook.registration(signal);
      return registered(addressText(url, productWebhook));
    },
  };
}

function registered(address: string): Facts {
  return { registered: address };
}

/** Of a foreign address only whose it is. */
function addressText(url: string, webhook: RegisteredWebhook): string {
  if (url === "") return "none";
  return url === webhook.url() ? url : shownUrl(url);
}

const baselineSchema = z.object({ wasThere: z.boolean() });

/** A refusal of Telegram's own: nothing was done, whatever a look would say. */
const REFUSED: readonly string[] = ["rejected", "rate-limited", "unauthorized"];

function setWebhook(webhook: RegisteredWebhook): ActStep {
  let wasRefused = false;
  const isThere = async (signal: AbortSignal): Promise<boolean> =>
    (await webhook.registration(signal)).url === webhook.url();
  return {
    kind: "act",
    name: SET,
    timeoutMs: SET_TIMEOUT_MS,
    whenCancelled: "The webhook is registered all the same.",
    baseline: async ({ signal }) => ({ wasThere: await isThere(signal) }),
    async observe({ signal, baseline }) {
      if (wasRefused || !(await isThere(signal))) return { kind: "absent" };
      const { wasThere } = baselineSchema.parse(baseline);
      if (!wasThere) return { kind: "happened", result: { url: webhook.url() } };
      // The same address with the secret of before looks just like it, for Telegram tells no secret.
      return {
        kind: "unclear",
        reason:
          "The address was registered before; whether with this secret, Telegram does not tell. Setting it again does no harm.",
      };
    },
    async act({ signal }) {
      try {
        await webhook.register(signal);
      } catch (error) {
        wasRefused = error instanceof SystemError && REFUSED.includes(error.kind);
        throw error;
      }
      return { url: webhook.url() };
    },
  };
}

function conclude(results: Results, judge: (report: WebhookReport) => string): Conclusion {
  const report = webhookReport(results[LOOK]);
  if (!report) return { verdict: "UNKNOWN", facts: {} };
  return { verdict: judge(report), facts: factsOf(report) };
}
