import { z } from "zod";

import { badRequest, conflict, tooManyRequests } from "../refusal.ts";
import type { TelegramState } from "../state.ts";
import { unixTime } from "../state.ts";
import { defineMethod } from "./api-method.ts";

const MAX_CONNECTIONS = 40;

const UPDATE_KINDS = [
  "message",
  "edited_message",
  "channel_post",
  "edited_channel_post",
  "business_connection",
  "business_message",
  "edited_business_message",
  "deleted_business_messages",
  "guest_message",
  "message_reaction",
  "message_reaction_count",
  "inline_query",
  "chosen_inline_result",
  "callback_query",
  "shipping_query",
  "pre_checkout_query",
  "purchased_paid_media",
  "poll",
  "poll_answer",
  "my_chat_member",
  "chat_member",
  "chat_join_request",
  "chat_boost",
  "removed_chat_boost",
  "managed_bot",
  "stopped_message_generation",
  "subscription",
] as const;
const allowedUpdates = z.array(z.enum(UPDATE_KINDS)).optional();

export const getUpdates = defineMethod(
  z.strictObject({
    offset: z.int().optional(),
    limit: z.int().min(1).max(100).optional(),
    timeout: z.int().min(0).max(50).optional(),
    allowed_updates: allowedUpdates,
  }),
  (state, fields, signal) => {
    if (state.webhook.status().settings !== undefined) {
      throw conflict(
        "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
      );
    }
    if (fields.allowed_updates !== undefined) state.updates.setAllowed(fields.allowed_updates);
    return state.longPoll.get(
      {
        offset: fields.offset ?? 0,
        limit: fields.limit ?? 100,
        timeoutSeconds: fields.timeout ?? 0,
      },
      signal,
    );
  },
);

export const setWebhook = defineMethod(
  z.strictObject({
    url: z.string(),
    ip_address: z.string().optional(),
    max_connections: z.int().min(1).max(100).optional(),
    allowed_updates: allowedUpdates,
    drop_pending_updates: z.boolean().optional(),
    secret_token: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,256}$/, "a secret token is 1–256 of A–Z, a–z, 0–9, _ and -")
      .optional(),
  }),
  (state, fields) => {
    const setAtMs = state.webhook.status().setAt?.getTime() ?? Number.NEGATIVE_INFINITY;
    if (state.now().getTime() - setAtMs < 1_000) throw tooManyRequests(1);
    if (fields.drop_pending_updates === true) state.updates.clear();
    if (fields.url === "") return removeWebhook(state);
    checkWebhookUrl(fields.url);
    if (fields.allowed_updates !== undefined) state.updates.setAllowed(fields.allowed_updates);
    state.longPoll.terminate("setWebhook request");
    state.webhook.set({
      url: fields.url,
      secretToken: fields.secret_token,
      maxConnections: fields.max_connections ?? MAX_CONNECTIONS,
    });
    return true;
  },
);

export const deleteWebhook = defineMethod(
  z.strictObject({ drop_pending_updates: z.boolean().optional() }),
  (state, fields) => {
    if (fields.drop_pending_updates === true) state.updates.clear();
    return removeWebhook(state);
  },
);

export const getWebhookInfo = defineMethod(z.strictObject({}), (state) => {
  const { settings, lastError } = state.webhook.status();
  return {
    url: settings?.url ?? "",
    has_custom_certificate: false,
    pending_update_count: state.updates.pending().length,
    max_connections: settings?.maxConnections,
    allowed_updates: state.updates.allowed(),
    last_error_date: lastError === undefined ? undefined : unixTime(lastError.at),
    last_error_message: lastError?.message,
  };
});

function removeWebhook(state: TelegramState): true {
  state.webhook.remove();
  return true;
}

/** The real server demands HTTPS; a sandbox delivers to this machine alone, as a local Bot API server may by HTTP. */
function checkWebhookUrl(text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isLoopback =
    url !== undefined && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (!isLoopback) {
    throw badRequest(
      url?.protocol === "https:"
        ? "bad webhook: Failed to resolve host: the sandbox delivers to this machine only"
        : "bad webhook: An HTTPS URL must be provided for webhook",
    );
  }
}
