import { randomUUID } from "node:crypto";

import { Hono } from "hono";

import { askQuestion } from "./endpoints/ask.ts";
import { captureThought, captureThoughtInVain } from "./endpoints/capture.ts";
import { dailyCosts } from "./endpoints/costs.ts";
import { live, preflight, ready, readyWithPreflight } from "./endpoints/health.ts";
import { metrics } from "./endpoints/metrics.ts";
import { refreshPlan } from "./endpoints/plan.ts";
import { reconcileTodoist, syncTodoist, todoistStatus } from "./endpoints/todoist.ts";
import { telegramWebhook } from "./endpoints/webhook.ts";
import { changeWorkItem, createWorkItem, listWorkItems } from "./endpoints/work-items.ts";
import type { Product } from "./product.ts";
import { Refusal } from "./refusal.ts";
import { createManners } from "./release-manners.ts";
import type { Revision } from "./revision.ts";
import type { Route } from "./route.ts";

const common: readonly Route[] = [
  live,
  metrics,
  dailyCosts,
  askQuestion,
  refreshPlan,
  telegramWebhook,
];

const routesOf: Readonly<Record<Revision, readonly Route[]>> = {
  A: [...common, ready, captureThought, syncTodoist, reconcileTodoist, todoistStatus],
  B: [
    ...common,
    readyWithPreflight,
    preflight,
    captureThoughtInVain,
    listWorkItems,
    createWorkItem,
    changeWorkItem,
  ],
};

export function createApi(product: Product): Hono {
  const { switches, effects, settings } = product;
  const routes = routesOf[settings.revision];
  const manners = createManners(product);
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    context.header("x-proxy-authorization", settings.proxySecret);
  });
  app.use(async (context, next) => {
    effects.add("apiRequests");
    await switches.gate.passing();
    if (switches.failsAlways) return internalServerError();
    const trouble = await manners(context.req.path);
    if (trouble === "fails") return internalServerError();
    if (trouble === "is-not-ready") return detail(503, "Infrastructure unreachable");
    // A framework that answers HEAD for every GET would hide that the product does not.
    if (context.req.raw.method === "HEAD") return detail(405, "Method Not Allowed");
    return next();
  });
  for (const route of routes) {
    app.on(route.method, route.path, (context) =>
      respond(product, route, context.req.raw, context.req.param()),
    );
  }
  for (const { path } of routes) app.all(path, () => detail(405, "Method Not Allowed"));
  app.notFound(() => detail(404, "Not Found"));
  return app;
}

async function respond(
  product: Product,
  route: Route,
  request: Request,
  parameters: Readonly<Record<string, string>>,
): Promise<Response> {
  const id = randomUUID();
  const { pathname, searchParams } = new URL(request.url);
  try {
    const text = await request.text();
    const answer = await route.answer(product, {
      id,
      path: pathname,
      parameters,
      query: searchParams,
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
