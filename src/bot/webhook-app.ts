import type { Update } from "grammy/types";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { z } from "zod";

import type { Secret } from "../core/secret.ts";
import { createSecretGuard } from "./webhook-secret.ts";

/** Telegram drops an update whose JSON is larger than 64 KiB. */
const BODY_LIMIT_BYTES = 256 * 1024;
const SECRET_HEADER = "x-telegram-bot-api-secret-token";

export type WebhookDoor = {
  readonly path: string;
  readonly secret: Secret;
  /** Stores an update for good; what it throws is answered by 503, and Telegram brings the update again. */
  accept(update: Update): Promise<void>;
  readonly onError: (error: unknown, during: string) => void;
};

const updateSchema = z.looseObject({ update_id: z.int().positive() });

/**
 * The one door for updates that Telegram brings. Who does not know the secret is turned away before a byte of the body
 * is read, and learns nothing from the answer.
 */
export function createWebhookApp(door: WebhookDoor): Hono {
  const knowsSecret = createSecretGuard(door.secret);
  const app = new Hono();
  app.post(
    door.path,
    async (context, next) => {
      if (!knowsSecret(context.req.header(SECRET_HEADER))) return context.body(null, 401);
      // Judged here by its announced size, before anybody touches the body; who announces none is counted below.
      const announced = Number(context.req.header("content-length") ?? 0);
      if (announced > BODY_LIMIT_BYTES) return context.body(null, 413);
      return await next();
    },
    bodyLimit({
      maxSize: BODY_LIMIT_BYTES,
      // The rest of the body is still on its way, so the connection is of no more use.
      onError: (context) => context.body(null, 413, { connection: "close" }),
    }),
    async (context) => {
      const update = updateSchema.safeParse(parseJson(await context.req.text()));
      if (!update.success) return context.body(null, 400);
      try {
        await door.accept(update.data);
      } catch (error) {
        door.onError(error, `storing update ${update.data.update_id}`);
        return context.body(null, 503);
      }
      // An empty answer: what stands in one would be executed, and nobody would learn how that went.
      return context.body(null, 200);
    },
  );
  app.all(door.path, (context) => context.body(null, 405, { allow: "POST" }));
  app.notFound((context) => context.body(null, 404));
  app.onError((error, context) => {
    // The client left in the middle of its body, or was cut off.
    door.onError(error, "reading a request");
    return context.body(null, 400);
  });
  return app;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
