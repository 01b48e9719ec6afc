import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import {
  behaviours,
  type Behaviour,
  type ToxicName,
  type ToxicOptions,
} from "./fault-proxy-toxics.ts";
import { seededRandom } from "./seeded-random.ts";

/** A way to somebody else on which things go wrong: toxics as toxiproxy has them, and two more. */
export type FaultProxy = AsyncDisposable & {
  /** On 127.0.0.1, and the same for as long as the proxy lives. */
  readonly port: number;
  /** In force at once, for open connections too, until it is disposed. */
  toxic<Name extends ToxicName>(name: Name, options: ToxicOptions[Name] & Reach): Disposable;
  /** Refuses connections and resets those that are open, until it is disposed. */
  down(): Disposable;
  /** Resets every open connection, and lets new ones come. */
  cut(): void;
  /** How many connections have been broken on purpose so far. */
  broken(): number;
};

/** Whom a toxic reaches. */
type Reach = {
  /** Upstream is what clients send; downstream, which is meant by default, what they are answered. */
  readonly stream?: Stream;
  /** How likely a connection is to be reached; all are by default. It is drawn once a connection, from the seed. */
  readonly probability?: number;
};

type Stream = "upstream" | "downstream";

export type FaultProxyOptions = {
  readonly to: { readonly port: number; readonly host?: string } | { readonly path: string };
  readonly seed?: number;
};

type Toxic = {
  readonly stream: Stream;
  readonly behaviour: Behaviour;
  reaches(connection: Connection): boolean;
};

type Connection = {
  readonly client: Socket;
  readonly server: Socket;
  /** What the client has sent since it was answered last. */
  request: readonly Buffer[];
  isAnswered: boolean;
  /** In how many directions all has been said. */
  closedWays: number;
  readonly ending: AbortController;
};

/** So much may be under way in one direction before its sender has to wait. */
const MOST_PENDING_BYTES = 1024 * 1024;
const RELISTEN_MS = 20;
const RELISTEN_TRIES = 250;

export async function startFaultProxy({ to, seed = 1 }: FaultProxyOptions): Promise<FaultProxy> {
  const random = seededRandom(seed);
  const toxics = new Set<Toxic>();
  const connections = new Set<Connection>();
  let broken = 0;

  const breakOff = (connection: Connection, how: "reset" | "close"): void => {
    if (connection.ending.signal.aborted) return;
    broken += 1;
    end(connection, how);
  };
  const active = (connection: Connection, stream: Stream): readonly Behaviour[] =>
    [...toxics]
      .filter((toxic) => toxic.stream === stream && toxic.reaches(connection))
      .map(({ behaviour }) => behaviour);

  const accept = (client: Socket): void => {
    const server = connect({ ...to, allowHalfOpen: true });
    const connection: Connection = {
      client,
      server,
      request: [],
      isAnswered: true,
      closedWays: 0,
      ending: new AbortController(),
    };
    connections.add(connection);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", () => end(connection, "reset"));
    }
    connection.ending.signal.addEventListener("abort", () => connections.delete(connection));
    relay(connection, "upstream");
    relay(connection, "downstream");
  };

  const relay = (connection: Connection, stream: Stream): void => {
    const { signal } = connection.ending;
    const [from, into] =
      stream === "upstream"
        ? [connection.client, connection.server]
        : [connection.server, connection.client];
    let pending = 0;
    let tail: Promise<void> = Promise.resolve();
    // One after the other, whatever each has to wait for.
    const next = (work: () => Promise<void>): void => {
      tail = tail.then(work).catch(() => {
        // A wait that was given up, or a socket that has gone: the connection has ended.
        end(connection, "reset");
      });
    };
    from.on("data", (bytes: Buffer) => {
      const arrivedAt = performance.now();
      pending += bytes.length;
      if (pending > MOST_PENDING_BYTES) from.pause();
      const request = meet(connection, stream, bytes);
      next(async () => {
        const link = {
          to,
          random,
          signal,
          arrivedAt,
          request,
          breakOff: (how: "reset" | "close") => breakOff(connection, how),
        };
        for await (const piece of through(active(connection, stream), bytes, link)) {
          if (signal.aborted) return;
          if (!into.write(piece)) await once(into, "drain", { signal });
        }
        pending -= bytes.length;
        from.resume();
      });
    });
    from.on("end", () =>
      next(async () => {
        const closes = active(connection, stream).map(({ closesLateMs = 0 }) => closesLateMs);
        await sleep(Math.max(0, ...closes), undefined, { signal });
        into.end();
        connection.closedWays += 1;
        if (connection.closedWays === 2) connection.ending.abort();
      }),
    );
  };

  const server = createServer({ allowHalfOpen: true }, accept);
  const port = await listen(server, 0);
  let closed = false;
  let downs = 0;
  const cut = (): void => {
    for (const connection of connections) breakOff(connection, "reset");
  };

  return {
    port,
    toxic(name, { stream = "downstream", probability = 1, ...options }) {
      const drawn = new WeakMap<Connection, boolean>();
      const toxic: Toxic = {
        stream: name === "cut-after-request" || name === "duplicate" ? "downstream" : stream,
        behaviour: behaviours[name](options as never),
        reaches: (connection) => {
          const known = drawn.get(connection) ?? random.chance(probability);
          drawn.set(connection, known);
          return known;
        },
      };
      toxics.add(toxic);
      return {
        [Symbol.dispose]: () => {
          toxics.delete(toxic);
          toxic.behaviour.removed?.();
        },
      };
    },
    down() {
      downs += 1;
      if (downs === 1) server.close();
      cut();
      return {
        [Symbol.dispose]: () => {
          downs -= 1;
          if (downs === 0 && !closed) void listenAgain(server, port, () => closed || downs > 0);
        },
      };
    },
    cut,
    broken: () => broken,
    async [Symbol.asyncDispose]() {
      closed = true;
      for (const connection of connections) end(connection, "reset");
      if (!server.listening) return;
      const gone = once(server, "close");
      server.close();
      await gone;
    },
  };
}

/** Notes what is asked and answered; gives back the request when these bytes are the first of its answer. */
function meet(connection: Connection, stream: Stream, bytes: Buffer): Buffer | undefined {
  if (stream === "upstream") {
    connection.request = connection.isAnswered ? [bytes] : [...connection.request, bytes];
    connection.isAnswered = false;
    return undefined;
  }
  if (connection.isAnswered) return undefined;
  connection.isAnswered = true;
  return Buffer.concat(connection.request);
}

async function* through(
  [first, ...rest]: readonly Behaviour[],
  bytes: Buffer,
  link: Parameters<Behaviour["pass"]>[1],
): AsyncGenerator<Buffer> {
  if (first === undefined) return yield bytes;
  for await (const piece of first.pass(bytes, link)) yield* through(rest, piece, link);
}

function end({ client, server, ending }: Connection, how: "reset" | "close"): void {
  ending.abort();
  if (how === "close") {
    client.destroySoon();
    server.destroySoon();
    return;
  }
  client.resetAndDestroy();
  server.destroy();
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** While nobody listened somebody may have got the port for a moment, for a connection of their own. */
async function listenAgain(server: Server, port: number, isUnwanted: () => boolean): Promise<void> {
  for (let tries = 0; tries < RELISTEN_TRIES && !isUnwanted(); tries += 1) {
    const listening = await listen(server, port).catch(() => undefined);
    if (listening !== undefined) return;
    await sleep(RELISTEN_MS);
  }
  if (!isUnwanted()) throw new Error(`Somebody else has taken port ${port}.`);
}
