import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";

export type HttpServer = AsyncDisposable & { readonly port: number };

export type HttpOptions = {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  /** How long a whole request may take to come in, however slowly it drips. */
  readonly requestTimeoutMs?: number;
};

/** What answers at an address. */
export type Door = { readonly listen: string; readonly app: Hono };

/** Serves every door, those at the same address by one server, the first of them first. */
export async function startDoors(
  doors: readonly Door[],
): Promise<AsyncDisposable & { readonly ports: readonly number[] }> {
  await using starting = new AsyncDisposableStack();
  const ports: number[] = [];
  for (const [listen, atIt] of Map.groupBy(doors, (door) => door.listen)) {
    const server = starting.use(await startHttpServer(joined(atIt), { listen }));
    ports.push(server.port);
  }
  const started = starting.move();
  return { ports, [Symbol.asyncDispose]: async () => started.disposeAsync() };
}

function joined([first, ...more]: readonly Door[]): Hono {
  const app = first?.app ?? new Hono();
  if (more.length === 0) return app;
  const all = new Hono();
  for (const door of [app, ...more.map((one) => one.app)]) all.route("/", door);
  all.notFound((context) => context.body(null, 404));
  return all;
}

const REQUEST_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 5_000;
const HANG_UP_EVERY_MS = 100;
const CONNECTIONS_AT_MOST = 256;

/** Serves an app until disposed; then it takes nothing new and lets what is under way end. */
export async function startHttpServer(app: Hono, options: HttpOptions): Promise<HttpServer> {
  const { requestTimeoutMs = REQUEST_TIMEOUT_MS } = options;
  const server = createAdaptorServer({
    fetch: app.fetch,
    overrideGlobalObjects: false,
    serverOptions: {
      requestTimeout: requestTimeoutMs,
      headersTimeout: requestTimeoutMs,
      keepAliveTimeout: IDLE_TIMEOUT_MS,
      // How often the server looks who is late; its own default would double the wait.
      connectionsCheckingInterval: Math.min(1_000, requestTimeoutMs),
    },
  }) as Server;
  server.maxConnections = CONNECTIONS_AT_MOST;
  await listening(server, options.listen);
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      // Clients keep their connections for the next request, which must not keep us.
      const hangingUp = setInterval(() => server.closeIdleConnections(), HANG_UP_EVERY_MS);
      const impatience = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
      await closed;
      clearInterval(hangingUp);
      clearTimeout(impatience);
    },
  };
}

async function listening(server: Server, listen: string): Promise<void> {
  const { hostname, port } = new URL(`http://${listen}`);
  // A URL leaves out the port that is the default of its scheme.
  server.listen(Number(port === "" ? 80 : port), hostname.replace(/^\[|\]$/g, ""));
  try {
    await once(server, "listening");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = `Nothing can be received at ${listen} (${code ?? "unknown error"}). Set telegram.webhook.listen and http.listen to addresses that are free.`;
    throw new Error(message, { cause: error });
  }
}
