import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";

import { describe, expect, test } from "vitest";

import { SystemError } from "./system-error.ts";
import { tokenSafeFetch } from "./token-safe-fetch.ts";

const TOKEN = ["7000000001", "AbCdEfGhIjKlMnOpQrStUvWxYz012345678"].join(":");

async function listening(answer: RequestListener) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/bot${TOKEN}/getMe`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The signal of another class that clients for Node bring along: it looks like one and is none. */
function foreignSignal() {
  const target = new EventTarget() as EventTarget & { aborted: boolean };
  target.aborted = false;
  return {
    signal: target as unknown as AbortSignal,
    abort(): void {
      target.aborted = true;
      target.dispatchEvent(new Event("abort"));
    },
  };
}

test("an answer comes through as it is, with method, headers and body of the request", async () => {
  await using server = await listening((request, response) => {
    let body = "";
    request.on("data", (piece: Buffer) => (body += piece.toString()));
    request.on("end", () => response.writeHead(418).end(`${request.method} ${body}`));
  });
  const answer = await tokenSafeFetch(server.url, { method: "POST", body: "hello" });
  expect([answer.status, await answer.text()]).toEqual([418, "POST hello"]);
});

test("a body that flows is sent whole, as uploads need it", async () => {
  await using server = await listening((request, response) => void request.pipe(response));
  async function* pieces() {
    yield Buffer.from("one ");
    await Promise.resolve();
    yield Buffer.from("two");
  }
  const answer = await tokenSafeFetch(server.url, { method: "POST", body: pieces() });
  expect(await answer.text()).toBe("one two");
});

describe("a failure never shows the token", () => {
  const failures: readonly [string, () => Promise<unknown>][] = [
    [
      "a refused connection",
      async () => {
        await using gone = await listening(() => {});
        const { url } = gone;
        await gone[Symbol.asyncDispose]();
        return await tokenSafeFetch(url);
      },
    ],
    [
      "a connection that breaks",
      async () => {
        await using server = await listening((request) => void request.socket.destroy());
        return await tokenSafeFetch(server.url);
      },
    ],
    [
      "an abort",
      async () => {
        await using server = await listening(() => {});
        return await tokenSafeFetch(server.url, { signal: AbortSignal.timeout(20) });
      },
    ],
  ];

  test.each(failures)("%s", async (_what, fail) => {
    const error: unknown = await fail().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SystemError);
    expect(error).toMatchObject({ system: "telegram", kind: "unreachable" });
    const { message, stack } = error as SystemError;
    expect(message).toMatch(/^no answer to getMe \(\w+\)$/);
    const everywhere = [
      message,
      stack,
      String(error),
      inspect(error, { depth: 10, showHidden: true }),
      JSON.stringify(error),
      JSON.stringify(error, Object.getOwnPropertyNames(error)),
    ].join("\n");
    expect(everywhere).not.toContain(TOKEN);
    expect(everywhere).not.toContain(TOKEN.split(":")[1]);
  });
});

describe("a signal of another class", () => {
  test("ends the call when it aborts", async () => {
    const asked = Promise.withResolvers<void>();
    await using server = await listening(() => asked.resolve());
    const { signal, abort } = foreignSignal();
    const call = tokenSafeFetch(server.url, { signal });
    await asked.promise;
    abort();
    await expect(call).rejects.toThrow("no answer to getMe (AbortError)");
  });

  test("that has aborted already lets no call begin", async () => {
    let asked = 0;
    await using server = await listening((_request, response) => {
      asked += 1;
      response.end();
    });
    const { signal, abort } = foreignSignal();
    abort();
    await expect(tokenSafeFetch(server.url, { signal })).rejects.toBeInstanceOf(SystemError);
    expect(asked).toBe(0);
  });
});
