import { randomUUID } from "node:crypto";

import { Hono } from "hono";

import { askQuestion } from "./endpoints/ask.ts";
import { captureThought } from "./endpoints/capture.ts";
import { dailyCosts } from "./endpoints/costs.ts";
import { live, ready } from "./endpoints/health.ts";
import { metrics } from "./endpoints/metrics.ts";
import { refreshPlan } from "./endpoints/plan.ts";
import { reconcileTodoist, syncTodoist, todoistStatus } from "./endpoints/todoist.ts";
import { telegramWebhook } from "./endpoints/webhook.ts";
import type { Product } from "./product.ts";
import { Refusal } from "./refusal.ts";
import type { Route } from "./route.ts";

const routes: readonly Route[] = [
  live,
  ready,
  metrics,
  dailyCosts,
  captureThought,
  askQuestion,
  syncTodoist,
  reconcileTodoist,
  todoistStatus,
  refreshPlan,
  telegramWebhook,
];

export function createApi(product: Product): Hono {
  const { switches, effects } = product;
  const app = new Hono();
  app.use(async (context, next) => {
    effects.add("apiRequests");
    await switches.gate.passing();
    if (switches.failsAlways) return internalServerError();
    // A framework that answers HEAD for every GET would hide that the product does not.
    if (context.req.raw.method === "HEAD") return detail(405, "Method Not Allowed");
    return next();
  });
  for (const route of routes) {
    app.on(route.method, route.path, (context) => respond(product, route, context.req.raw));
  }
  for (const { path } of routes) app.all(path, () => detail(405, "Method Not Allowed"));
  app.notFound(() => detail(404, "Not Found"));
  return app;
}

async function respond(product: Product, route: Route, request: Request): Promise<Response> {
  const id = randomUUID();
  try {
    const text = await request.text();
    const answer = await route.answer(product, {
      id,
      path: route.path,
      headers: request.headers,
      text,
    });
    return Response.json(answer, { headers: { "x-request-id": id } });
  } catch (error) {
    if (error instanceof Refusal) return detail(error.status, error.detail, id);
    return internalServerError();
  }
}

function detail(status: number, detail: unknown, id: string = randomUUID()): Response {
  return Response.json({ detail }, { status, headers: { "x-request-id": id } });
}

/** The one answer without an id and without JSON. */
function internalServerError(): Response {
  return new Response("Internal Server Error", {
    status: 500,
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
}
