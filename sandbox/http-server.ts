import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { createAdaptorServer } from "@hono/node-server";

export type HttpServer = AsyncDisposable & { readonly url: string; readonly port: number };

type Fetch = (request: Request) => Response | Promise<Response>;

/** Serves a fetch handler on loopback; port 0 is any free one. */
export async function startHttpServer(fetch: Fetch, port = 0): Promise<HttpServer> {
  // The adapter replaces the global Request and Response unless told not to; a sandbox in a test must not do that.
  const server = createAdaptorServer({ fetch, createServer, overrideGlobalObjects: false });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    [Symbol.asyncDispose]: () => close(server as Server),
  };
}

/** Answers that a fault keeps back would hold the server open for ever, so connections are cut, not awaited. */
async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}
