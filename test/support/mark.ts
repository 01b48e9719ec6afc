import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { z } from "zod";

import { card, defineCommand, type Command } from "../../src/commands/command.ts";
import { plainCard } from "../../src/core/card.ts";
import { defineOperation, type Operation } from "../../src/jobs/operation.ts";

/** How the outside system of the `mark` operation behaves: it is what an act has to cope with. */
type MarkMode =
  | "answers"
  | "accepts-then-500"
  | "accepts-then-resets"
  | "refuses"
  | "hangs-before"
  | "cannot-be-asked";

export type MarkServer = AsyncDisposable & {
  readonly url: string;
  mode: MarkMode;
  /** The version that it says it has, for operations that look before they ask. */
  version: string;
  /** How often each key was marked, counted where the effect is. */
  marks(): ReadonlyMap<string, number>;
};

/** An outside system without idempotency: every accepted request is one more effect. */
export async function startMarkServer(): Promise<MarkServer> {
  const marks = new Map<string, number>();
  const state: { mode: MarkMode; version: string } = { mode: "answers", version: "1" };
  const server: Server = createServer((request, response) => {
    const key = new URL(request.url ?? "/", "http://mark").searchParams.get("key") ?? "";
    const end = (status: number, body: object): void => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
    if (request.url === "/version") return end(200, { version: state.version });
    if (request.method === "GET") {
      if (state.mode === "cannot-be-asked") return end(503, {});
      return end(200, { count: marks.get(key) ?? 0 });
    }
    if (state.mode === "refuses") return end(403, {});
    if (state.mode === "hangs-before") return undefined;
    marks.set(key, (marks.get(key) ?? 0) + 1);
    if (state.mode === "accepts-then-500" || state.mode === "cannot-be-asked") return end(500, {});
    if (state.mode === "accepts-then-resets") return request.socket.destroy();
    return end(200, { marked: key });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get mode() {
      return state.mode;
    },
    set mode(mode) {
      state.mode = mode;
    },
    get version() {
      return state.version;
    },
    set version(version) {
      state.version = version;
    },
    marks: () => marks,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An operation with one effect between two looks; no product operation has an effect yet, and the engine must bear it. */
export function createMarkOperation(url: string, timeoutMs = 3_000): Operation {
  const ask = async (method: string, key: string, signal: AbortSignal): Promise<unknown> => {
    const response = await fetch(`${url}/?key=${encodeURIComponent(key)}`, { method, signal });
    if (!response.ok) throw new Error(`the mark server answered ${response.status}`);
    return response.json();
  };
  return defineOperation({
    name: "mark",
    summary: "leaves one mark outside",
    effect: "mutate",
    input: z.strictObject({}),
    steps: () => [
      { kind: "look", name: "before", timeoutMs, look: async () => "looked" },
      {
        kind: "act",
        name: "mark",
        timeoutMs,
        async observe({ key, signal }) {
          const { count } = z.object({ count: z.number() }).parse(await ask("GET", key, signal));
          return count > 0 ? { kind: "happened", result: { marked: key } } : { kind: "absent" };
        },
        async act({ key, signal }) {
          await ask("POST", key, signal);
          return { marked: key };
        },
      },
      { kind: "look", name: "after", timeoutMs, look: async () => "looked" },
    ],
    conclude: () => ({ verdict: "MARKED", facts: {} }),
    details: () => [],
    card: ({ run }) => plainCard(`${run.target} · mark · ${run.verdict ?? run.state}`),
  });
}

export const markCommand: Command = defineCommand<undefined>({
  name: "mark",
  summary: "Leave one mark outside",
  role: "operator",
  usage: "",
  effect: "mutate",
  understand: () => ({ ok: true, args: undefined }),
  async run(context) {
    return { kind: "run", admission: await context.start("mark", {}) };
  },
});

/** Text as the outside may send it: of both directions, with line breaks, back-ticks and what cannot be seen. */
const HOSTILE = "שלום `code` *bold* <b> \u202Egnp.exe\u202C \u0000 _x_ \n```\nend";

/** Shows hostile text, as often as it is asked to. */
export const hostileCommand: Command = defineCommand<{ readonly times: number }>({
  name: "hostile",
  summary: "Shows hostile text",
  role: "viewer",
  usage: "N",
  effect: "read",
  words: { atLeast: 1, atMost: 1 },
  understand: ({ words: [times] }) => ({ ok: true, args: { times: Number(times) } }),
  async run(_context, { times }) {
    const text = Array.from({ length: times }, (_, n) => `${n} ${HOSTILE}`).join("\n");
    const parts = [
      { kind: "line", words: [HOSTILE, { bold: HOSTILE }] },
      { kind: "code", text },
    ] as const;
    return { kind: "card", card: { title: `hostile ${HOSTILE}`, parts, actions: [] } };
  },
});

/** Fails on purpose, so that what a broken handler leaves behind can be seen. */
export const brokenCommand: Command = defineCommand<undefined>({
  name: "broken",
  summary: "Throws",
  role: "viewer",
  usage: "",
  effect: "read",
  understand: () => ({ ok: true, args: undefined }),
  async run() {
    if (Date.now() > 0) throw new Error("broken on purpose");
    return card("never");
  },
});
