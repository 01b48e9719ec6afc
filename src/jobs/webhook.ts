import { z } from "zod";

import type { ProductWebhook } from "../systems/product-webhook.ts";
import { SystemError } from "../systems/system-error.ts";
import {
  defineOperation,
  type ActStep,
  type Conclusion,
  type Operation,
  type Results,
} from "./operation.ts";
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

export type WebhookParts = { readonly productWebhook: ProductWebhook };

const nothing = z.strictObject({});
const SET = "set the webhook";
const SET_TIMEOUT_MS = 20_000;

/** Says where the updates of the product's bot go, and whether the product takes them; changes nothing. */
export function createWebhookLook({ productWebhook }: WebhookParts): Operation {
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

/** Registers the product's webhook with Telegram as configured, and looks at what came of it. */
export function createWebhookSet({ productWebhook }: WebhookParts): Operation {
  return defineOperation({
    name: "webhook-set",
    summary: "registers the product's webhook as configured",
    effect: "mutate",
    input: nothing,
    steps: () => [setWebhook(productWebhook), lookAtWebhook(productWebhook)],
    conclude: (_input, results) => conclude(results, settingVerdict),
    card: webhookCard,
    details: webhookDetails,
  });
}

const baselineSchema = z.object({ wasThere: z.boolean() });

/** A refusal of Telegram's own: nothing was done, whatever a look would say. */
const REFUSED: readonly string[] = ["rejected", "rate-limited", "unauthorized"];

function setWebhook(webhook: ProductWebhook): ActStep {
  let wasRefused = false;
  const isThere = async (signal: AbortSignal): Promise<boolean> =>
    (await webhook.registration(signal)).url === webhook.url();
  return {
    kind: "act",
    name: SET,
    timeoutMs: SET_TIMEOUT_MS,
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
