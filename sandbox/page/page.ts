import { readFileSync, readdirSync } from "node:fs";
import { extname, join } from "node:path";

import { Hono } from "hono";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";

import type { TelegramServer } from "../telegram/server.ts";
import { createApi } from "./api.ts";
import type { Controls } from "./controls.ts";
import { renderDocument } from "./document.ts";

export type { Controls } from "./controls.ts";

const CLIENT = join(import.meta.dirname, "client");
const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** The chat in the browser, with a pane to look behind it and to break things. */
export function createPage(options: {
  readonly telegram: TelegramServer;
  readonly controls: Controls;
}): Hono {
  const app = new Hono();
  const assets = new Map(
    readdirSync(CLIENT)
      .filter((name) => TYPES[extname(name)] !== undefined)
      .map((name) => [name, readFileSync(join(CLIENT, name))]),
  );

  app.use(async (context, next) => {
    await next();
    context.header("x-content-type-options", "nosniff");
    context.header("referrer-policy", "no-referrer");
    context.header("cross-origin-resource-policy", "same-origin");
  });

  app.get("/", (context) => {
    const nonce = Buffer.from(crypto.getRandomValues(new Uint8Array(18))).toString("base64");
    context.header("content-security-policy", contentSecurityPolicy(nonce));
    context.header("cache-control", "no-store");
    return context.html(renderDocument({ nonce, title: options.telegram.chatTitle }));
  });
  app.get("/client/:name", (context) => asset(context, context.req.param("name")));
  app.get("/favicon.ico", (context) => asset(context, "favicon.svg"));
  app.route("/api", createApi(options));

  app.notFound((context) => context.json({ error: `There is no ${context.req.path} here` }, 404));
  app.onError((error, context) =>
    context.json({ error: error.message }, error instanceof HTTPException ? error.status : 500),
  );

  function asset(context: Context, name: string): Response {
    const bytes = assets.get(name);
    if (bytes === undefined) return context.json({ error: `There is no file ${name}` }, 404);
    return context.body(new Uint8Array(bytes), 200, {
      "content-type": TYPES[extname(name)] ?? "application/octet-stream",
      "cache-control": "no-store",
    });
  }

  return app;
}

/** Nothing but our own files, and scripts and styles only where this very answer named them. */
function contentSecurityPolicy(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
