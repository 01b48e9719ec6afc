import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { afterEach, describe, expect, test } from "vitest";

import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { startFaultProxy, type FaultProxy, type FaultProxyOptions } from "./fault-proxy.ts";

let opened = new AsyncDisposableStack();
afterEach(async () => {
  await opened.disposeAsync();
  opened = new AsyncDisposableStack();
});

describe("a proxy without toxics", () => {
  test("carries everything both ways, in order, and tells the end", async () => {
    const proxy = await proxyTo(await echo());
    const bytes = randomBytes(3_000_000);
    const client = await open(proxy);
    client.end(bytes);
    expect((await all(client)).bytes.equals(bytes)).toBe(true);
    expect(proxy.broken()).toBe(0);
  });

  test("stands in front of a unix socket as well", async () => {
    const directory = opened.use(await temporaryDirectory("proxy"));
    const path = join(directory.path, "socket");
    await echo({ path });
    const proxy = opened.use(await startFaultProxy({ to: { path } }));
    const client = await open(proxy);
    client.end("hello");
    expect((await all(client)).text).toBe("hello");
  });

  test("resets whoever asks for somebody who is not there", async () => {
    const gone = createServer();
    gone.listen(0, "127.0.0.1");
    await once(gone, "listening");
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    const client = await open(await proxyTo(port));
    expect((await all(client)).end).toBe("ECONNRESET");
  });
});

describe("a toxic", () => {
  test("latency: everything is late and in order, and a pause is not paid for every piece", async () => {
    const proxy = await proxyTo(await echo());
    using _late = proxy.toxic("latency", { delayMs: 200, jitterMs: 20 });
    const client = await open(proxy);
    const beganAt = performance.now();
    for (let n = 0; n < 10; n += 1) {
      client.write(`${n}`);
      await sleep(5);
    }
    client.end();
    expect((await all(client)).text).toBe("0123456789");
    const tookMs = performance.now() - beganAt;
    expect(tookMs).toBeGreaterThan(175);
    expect(tookMs).toBeLessThan(1_900);
  });

  test("bandwidth: no more than so many bytes a second", async () => {
    const proxy = await proxyTo(await echo());
    using _slow = proxy.toxic("bandwidth", { bytesPerSecond: 100_000 });
    const client = await open(proxy);
    const beganAt = performance.now();
    client.end(Buffer.alloc(40_000, 1));
    expect((await all(client)).bytes.length).toBe(40_000);
    expect(performance.now() - beganAt).toBeGreaterThan(350);
  });

  test("slow-close: what was said is there at once, and that it was all is told late", async () => {
    const proxy = await proxyTo(await echo());
    using _slow = proxy.toxic("slow-close", { delayMs: 300 });
    const client = await open(proxy);
    client.end("hello");
    const saidAt = once(client, "data").then(() => performance.now());
    await all(client);
    expect(performance.now() - (await saidAt)).toBeGreaterThan(250);
  });

  test("timeout: nothing arrives, and whoever lost bytes is let go when the toxic is taken away", async () => {
    const server = await echo();
    const proxy = await proxyTo(server);
    const client = await open(proxy);
    const hole = proxy.toxic("timeout", {});
    client.write("hello");
    const heard = all(client);
    expect(await Promise.race([heard, sleep(300, "nothing")])).toBe("nothing");
    hole[Symbol.dispose]();
    expect(await heard).toMatchObject({ text: "" });
    expect(proxy.broken()).toBe(1);
    expect(await said(proxy, "again")).toBe("again");
  });

  test("timeout with a time: closed when it is over", async () => {
    const proxy = await proxyTo(await echo());
    using _hole = proxy.toxic("timeout", { afterMs: 50, stream: "upstream" });
    const client = await open(proxy);
    client.write("hello");
    expect(await all(client)).toMatchObject({ text: "", end: "closed" });
  });

  test("reset-peer: the client sees a reset", async () => {
    const proxy = await proxyTo(await echo());
    using _reset = proxy.toxic("reset-peer", { afterMs: 20 });
    const client = await open(proxy);
    client.write("hello");
    expect(await all(client)).toMatchObject({ text: "", end: "ECONNRESET" });
  });

  test("slicer: the same bytes in many pieces", async () => {
    const proxy = await proxyTo(await echo());
    using _slicer = proxy.toxic("slicer", { bytes: 10, delayMs: 2 });
    const client = await open(proxy);
    const bytes = randomBytes(400);
    let pieces = 0;
    client.on("data", () => (pieces += 1));
    client.end(bytes);
    expect((await all(client)).bytes.equals(bytes)).toBe(true);
    expect(pieces).toBeGreaterThan(5);
  });

  test("limit-data: so many bytes, and then the connection is closed", async () => {
    const proxy = await proxyTo(await echo());
    using _limit = proxy.toxic("limit-data", { bytes: 7 });
    const client = await open(proxy);
    client.write("1234");
    await once(client, "data");
    client.write("5678");
    expect(await all(client)).toMatchObject({ text: "567", end: "closed" });
  });

  test("cut-after-request: the server has done it, and the client sees a reset", async () => {
    const { port, asked } = await website();
    const proxy = await proxyTo(port);
    using _cut = proxy.toxic("cut-after-request", { matching: /^POST / });
    const url = `http://127.0.0.1:${proxy.port}`;
    await expect(fetch(`${url}/rollback`, { method: "POST", body: "one" })).rejects.toThrow(
      "fetch failed",
    );
    expect(await (await fetch(`${url}/list`)).text()).toBe("done");
    expect(asked).toEqual(["POST /rollback one", "GET /list "]);
  });

  test("duplicate: the server is asked twice, and the client is answered once", async () => {
    const { port, asked } = await website();
    const proxy = await proxyTo(port);
    using _twice = proxy.toxic("duplicate", { matching: /^POST \/rollback / });
    const url = `http://127.0.0.1:${proxy.port}`;
    expect(await (await fetch(`${url}/rollback`, { method: "POST", body: "one" })).text()).toBe(
      "done",
    );
    expect(await (await fetch(`${url}/list`)).text()).toBe("done");
    await expect
      .poll(() => asked.toSorted(), { timeout: 5_000 })
      .toEqual(["GET /list ", "POST /rollback one", "POST /rollback one"]);
  });

  test("reaches as many connections as it is likely to, and the same ones with the same seed", async () => {
    const server = await echo();
    const reached = async (seed: number): Promise<readonly boolean[]> => {
      const proxy = await proxyTo(server, { seed });
      using _reset = proxy.toxic("reset-peer", { probability: 0.5 });
      const ends = [];
      for (let n = 0; n < 30; n += 1) ends.push((await said(proxy, "hello")) === "");
      return ends;
    };
    const first = await reached(7);
    expect(await reached(7)).toEqual(first);
    expect(await reached(8)).not.toEqual(first);
    expect(first.filter(Boolean).length).toBeGreaterThan(5);
    expect(first.filter(Boolean).length).toBeLessThan(25);
  });

  test("reaches open connections too, and none any more once it is disposed", async () => {
    const proxy = await proxyTo(await echo());
    const client = await open(proxy);
    client.write("a");
    await once(client, "data");
    {
      using _late = proxy.toxic("latency", { delayMs: 250, stream: "upstream" });
      const beganAt = performance.now();
      client.write("b");
      await once(client, "data");
      expect(performance.now() - beganAt).toBeGreaterThan(225);
    }
    client.end("c");
    expect((await all(client)).text).toBe("c");
  });
});

describe("down and cut", () => {
  test("down: what is open is reset, who comes is refused, and the port comes back", async () => {
    const proxy = await proxyTo(await echo());
    const client = await open(proxy);
    client.write("a");
    await once(client, "data");
    const down = proxy.down();
    expect((await all(client)).end).toBe("ECONNRESET");
    await expect(open(proxy)).rejects.toThrow("ECONNREFUSED");
    down[Symbol.dispose]();
    await expect
      .poll(() => said(proxy, "hello").catch(() => "refused"), { timeout: 5_000 })
      .toBe("hello");
  });

  test("cut: what is open is reset, and who comes is let in", async () => {
    const proxy = await proxyTo(await echo());
    const clients = [await open(proxy), await open(proxy)];
    for (const client of clients) {
      client.write("a");
      await once(client, "data");
    }
    proxy.cut();
    expect((await Promise.all(clients.map(all))).map(({ end }) => end)).toEqual([
      "ECONNRESET",
      "ECONNRESET",
    ]);
    expect(proxy.broken()).toBe(2);
    expect(await said(proxy, "hello")).toBe("hello");
  });
});

async function proxyTo(port: number, options: Omit<FaultProxyOptions, "to"> = {}) {
  return opened.use(await startFaultProxy({ to: { port }, ...options }));
}

/** Says back what it is told; gives back its port. */
async function echo(where: { readonly path?: string } = {}): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  if (where.path === undefined) server.listen(0, "127.0.0.1");
  else server.listen(where.path);
  await once(server, "listening");
  opened.defer(() => void server.close());
  return portOf(server);
}

async function website(): Promise<{ readonly port: number; readonly asked: readonly string[] }> {
  const asked: string[] = [];
  const server = createHttpServer((request, response) => {
    let body = "";
    request.on("data", (bytes: Buffer) => (body += bytes.toString()));
    request.on("end", () => {
      asked.push(`${request.method} ${request.url} ${body}`);
      response.end("done");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  opened.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: portOf(server), asked };
}

function portOf(server: Server): number {
  const address = server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
}

async function open({ port }: Pick<FaultProxy, "port">): Promise<Socket> {
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  await once(client, "connect");
  return client;
}

/** All that is still to be heard, and how it ends. */
async function all(client: Socket): Promise<{
  readonly bytes: Buffer;
  readonly text: string;
  readonly end: string;
}> {
  const pieces: Buffer[] = [];
  client.on("data", (bytes: Buffer) => pieces.push(bytes));
  const end = await new Promise<string>((resolve) => {
    client.on("end", () => resolve("closed"));
    client.on("close", () => resolve("closed"));
    client.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
  client.destroy();
  const bytes = Buffer.concat(pieces);
  return { bytes, text: bytes.toString(), end };
}

async function said(proxy: FaultProxy, text: string): Promise<string> {
  const client = await open(proxy);
  client.end(text);
  return (await all(client)).text;
}
