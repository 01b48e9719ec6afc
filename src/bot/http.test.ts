import { once } from "node:events";
import { connect } from "node:net";

import { Hono } from "hono";
import { expect, test } from "vitest";

import { startDoors, startHttpServer } from "./http.ts";

const app = new Hono();
app.onError((_error, context) => context.body(null, 400));
app.post("/refuses", (context) => context.body(null, 401));
app.post("/reads", async (context) => context.text(String((await context.req.text()).length)));

/** Sends these pieces and waits until the server has hung up; the result is all that it said. */
async function converse(port: number, head: string, drip?: { everyMs: number }): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let heard = "";
  socket.on("data", (data) => (heard += data.toString()));
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(head);
  const dripping = drip && setInterval(() => socket.write("x"), drip.everyMs);
  await new Promise((resolve) => socket.once("close", resolve));
  clearInterval(dripping);
  return heard;
}

const post = (path: string, length: number): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

test("a body that drips in is cut off, however long it could go on", async () => {
  await using server = await startHttpServer(app, { listen: "127.0.0.1:0", requestTimeoutMs: 300 });
  const startedAt = performance.now();
  const heard = await converse(server.port, post("/reads", 100_000), { everyMs: 20 });
  expect(heard).not.toContain("200 OK");
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

test("headers that drip in are cut off", async () => {
  await using server = await startHttpServer(app, { listen: "127.0.0.1:0", requestTimeoutMs: 300 });
  const startedAt = performance.now();
  await converse(server.port, "POST /reads HTTP/1.1\r\nx-slow: ", { everyMs: 20 });
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

test("who is refused is not waited for: the answer comes before the body", async () => {
  await using server = await startHttpServer(app, { listen: "127.0.0.1:0" });
  const startedAt = performance.now();
  const heard = await converse(server.port, post("/refuses", 2_000_000));
  expect(heard).toMatch(/^HTTP\/1\.1 401 /);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

test("a header without end is refused", async () => {
  await using server = await startHttpServer(app, { listen: "127.0.0.1:0" });
  const heard = await converse(
    server.port,
    `POST /reads HTTP/1.1\r\nx-long: ${"s".repeat(100_000)}`,
  );
  expect(heard).toMatch(/^HTTP\/1\.1 431 /);
});

test("closing lets a request that is under way end", async () => {
  const entered = Promise.withResolvers<void>();
  const leave = Promise.withResolvers<void>();
  const slow = new Hono().post("/slow", async (context) => {
    entered.resolve();
    await leave.promise;
    return context.text("done");
  });
  const server = await startHttpServer(slow, { listen: "127.0.0.1:0" });
  const answer = fetch(`http://127.0.0.1:${server.port}/slow`, { method: "POST", body: "x" });
  await entered.promise;
  const closing = server[Symbol.asyncDispose]();
  leave.resolve();
  expect(await (await answer).text()).toBe("done");
  await closing;
  await expect(fetch(`http://127.0.0.1:${server.port}/slow`)).rejects.toThrow("fetch failed");
});

test("an address that is taken is named with the setting that says another", async () => {
  await using server = await startHttpServer(app, { listen: "127.0.0.1:0" });
  await expect(startHttpServer(app, { listen: `127.0.0.1:${server.port}` })).rejects.toThrow(
    /127\.0\.0\.1:\d+ \(EADDRINUSE\).*telegram\.webhook\.listen/,
  );
});

test("doors at one address share a server, and each keeps its manners", async () => {
  const listen = `127.0.0.1:${await freePort()}`;
  const health = new Hono();
  health.get("/healthz", (context) => context.text("alive"));
  await using doors = await startDoors([
    { listen, app },
    { listen, app: health },
    { listen: "127.0.0.1:0", app: health },
  ]);
  expect(doors.ports).toHaveLength(2);
  const ask = async (port: number | undefined, path: string, method = "GET") =>
    (await fetch(`http://127.0.0.1:${port}${path}`, { method })).status;
  const [shared, own] = doors.ports;
  expect(await ask(shared, "/healthz")).toBe(200);
  expect(await ask(shared, "/refuses", "POST")).toBe(401);
  expect(await ask(shared, "/nothing")).toBe(404);
  expect(await ask(own, "/healthz")).toBe(200);
  expect(await ask(own, "/refuses", "POST")).toBe(404);
});

test("what fails behind a shared door is answered as that door says", async () => {
  const listen = `127.0.0.1:${await freePort()}`;
  const failing = new Hono();
  failing.onError((_error, context) => context.body(null, 418));
  failing.get("/fails", () => {
    throw new Error("on purpose");
  });
  await using doors = await startDoors([
    { listen, app },
    { listen, app: failing },
  ]);
  const answer = await fetch(`http://127.0.0.1:${doors.ports[0]}/fails`);
  expect(answer.status).toBe(418);
});

async function freePort(): Promise<number> {
  await using server = await startHttpServer(app, { listen: "127.0.0.1:0" });
  return server.port;
}
