import { createHmac } from "node:crypto";

import { callTitle, type CallAttempt } from "../core/call.ts";
import type { Secret } from "../core/secret.ts";
import type { HttpApi } from "./http-api.ts";
import type { CallWebhookSettings } from "./second-path-settings.ts";
import { askSecretly } from "./secret-address.ts";

export type CallWebhook = {
  /** Resolves when the other side has taken the call. */
  post(attempt: CallAttempt, now: Date, signal: AbortSignal): Promise<void>;
};

/**
 * Posts calls in the manner of Standard Webhooks: an id that stays the same for every attempt, a timestamp against
 * replays, and an HMAC over both and the body.
 */
export function createCallWebhook(
  http: Pick<HttpApi, "request">,
  { url, secret }: CallWebhookSettings,
): CallWebhook {
  return {
    async post({ call, resent }, now, signal) {
      const { id, kind, target, severity, what, at, people } = call;
      const title = callTitle(call);
      const said = { id, kind, title, target, severity, what, at: at.toISOString(), people };
      const body = JSON.stringify({ ...said, resent });
      const timestamp = String(Math.floor(now.getTime() / 1_000));
      const headers = {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": `v1,${signatureOf(secret, `${id}.${timestamp}.${body}`)}`,
      };
      await askSecretly(http, "webhook", { method: "POST", url, headers, body }, signal);
    },
  };
}

const BASE64_MARK = "whsec_";

function signatureOf(secret: Secret, text: string): string {
  const revealed = secret.reveal();
  const key = revealed.startsWith(BASE64_MARK)
    ? Buffer.from(revealed.slice(BASE64_MARK.length), "base64")
    : Buffer.from(revealed);
  return createHmac("sha256", key).update(text).digest("base64");
}
