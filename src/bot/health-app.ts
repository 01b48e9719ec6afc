import { Hono } from "hono";

import type { Secret } from "../core/secret.ts";
import { createSecretGuard } from "./webhook-secret.ts";

/** What a process depends on, part by part, in a few words each. */
export type Readiness = {
  readonly isReady: boolean;
  readonly parts: Readonly<Record<string, string>>;
};

export type HealthParts = {
  readonly vitals: () => { readonly upForSeconds: number; readonly loopLagMs: number };
  readonly readiness: () => Promise<Readiness>;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  readonly metricsToken: Secret | undefined;
  readonly onError: (error: unknown, during: string) => void;
};

/**
 * How this process is, for machines. `/healthz` is about the process alone, so that whoever restarts it does not do so
 * because something else is down; that is what `/readyz` says.
 */
export function createHealthApp(parts: HealthParts): Hono {
  const app = new Hono();
  app.get("/healthz", (context) => context.json({ status: "alive", ...parts.vitals() }));
  app.get("/readyz", async (context) => {
    const { isReady, parts: named } = await parts.readiness();
    return context.json({ status: isReady ? "ready" : "not ready", ...named }, isReady ? 200 : 503);
  });
  app.get("/metrics", async (context) => {
    if (!mayRead(parts.metricsToken, context.req.header("authorization"))) {
      return context.body(null, 401, { "www-authenticate": "Bearer" });
    }
    const { contentType, text } = await parts.metrics();
    return context.body(text, 200, { "content-type": contentType });
  });
  app.notFound((context) => context.body(null, 404));
  app.onError((error, context) => {
    parts.onError(error, `answering ${context.req.path}`);
    return context.body(null, 500);
  });
  return app;
}

function mayRead(token: Secret | undefined, header: string | undefined): boolean {
  if (token === undefined) return true;
  return createSecretGuard(token)(/^bearer +(\S+)$/i.exec(header ?? "")?.[1]);
}
