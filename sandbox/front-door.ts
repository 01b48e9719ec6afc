import { once } from "node:events";
import { connect } from "node:net";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import type { TLSSocket } from "node:tls";

import { makeCertificate } from "./certificate.ts";

/** The product's address on the internet: TLS in front of its API, as a proxy would serve it. */
export type FrontDoor = AsyncDisposable & {
  /** Host and port. */
  readonly address: string;
  /** What a client must trust to accept either certificate. */
  readonly authority: string;
  /** Serves another certificate from the next connection on. */
  serve(which: "fresh" | "expiring"): void;
};

const FRESH_DAYS = 90;
const EXPIRING_DAYS = 5;

export async function startFrontDoor(directory: string, apiUrl: string): Promise<FrontDoor> {
  const [fresh, expiring] = await Promise.all([
    makeCertificate(directory, FRESH_DAYS),
    makeCertificate(directory, EXPIRING_DAYS),
  ]);
  const certificates = { fresh, expiring };
  const open = new Set<TLSSocket>();
  const { hostname, port } = new URL(apiUrl);
  const server = createServer(fresh, (socket) => {
    open.add(socket);
    const behind = connect(Number(port), hostname);
    socket.pipe(behind).pipe(socket);
    socket.on("error", () => behind.destroy());
    behind.on("error", () => socket.destroy());
    socket.on("close", () => {
      open.delete(socket);
      behind.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    authority: fresh.cert + expiring.cert,
    serve: (which) => server.setSecureContext(certificates[which]),
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
