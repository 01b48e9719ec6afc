import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";

import { afterAll, beforeEach, describe, expect, test } from "vitest";

import { ids } from "../../sandbox/coolify/ids.ts";
import { commits } from "../../sandbox/coolify/seed.ts";
import { type CoolifyServer, startCoolify } from "../../sandbox/coolify/server.ts";
import { createEffects } from "../../sandbox/effects.ts";
import { createCoolify } from "../../src/systems/coolify.ts";
import { createHttpApi } from "../../src/systems/http-api.ts";
import { NotConfiguredError } from "../../src/systems/not-configured-error.ts";
import { SystemError } from "../../src/systems/system-error.ts";
import {
  applications,
  errorOf as anyErrorOf,
  newCoolifyState,
  secrets,
  tokens,
} from "../support/coolify.ts";

const http = createHttpApi();
afterAll(async () => http.close());
const signal = new AbortController().signal;
const { token, sensitiveToken } = tokens;

const effects = createEffects();
let server: CoolifyServer;
beforeEach(async () => {
  server = await startCoolify({ state: newCoolifyState(), effects });
  return async () => server[Symbol.asyncDispose]();
});

const client = (given: Partial<Parameters<typeof createCoolify>[1]> = {}) =>
  createCoolify(http, { url: server.url, token, sensitiveToken, applications, ...given });

/** The error of Coolify of a call that must fail. */
async function errorOf(asking: Promise<unknown>): Promise<SystemError> {
  const error = await anyErrorOf(asking);
  expect(error).toBeInstanceOf(SystemError);
  return error as SystemError;
}

describe("the client, of a Coolify that is well", () => {
  test("reads its version", async () => {
    expect(await client().version(signal)).toBe("4.3.11");
  });

  test("reads an application, with the path of its Dockerfile from the root of the repository", async () => {
    const row = server.state.applications.find(({ uuid }) => uuid === ids.worker)!;
    Object.assign(row, { base_directory: "/backend", dockerfile_location: "/Dockerfile.worker" });
    expect(await client().application("worker", signal)).toEqual({
      state: "running",
      health: "unknown",
      isServerReachable: true,
      hasHealthCheck: false,
      buildPack: "dockerfile",
      repository: "Remco28/todoist_telegram",
      branch: "main",
      pinnedCommit: undefined,
      deploysOnPush: false,
      dockerfile: "/backend/Dockerfile.worker",
      domains: [],
      composeDomains: [],
      publishedPorts: [],
      buildsPreviews: false,
    });
  });

  test("reads labels that only the other token sees", async () => {
    const { labels, hasInlineDockerfile } = await client().hiddenSettings("api", signal);
    expect(labels).toHaveLength(3);
    expect(labels.join()).toContain("Host(`todoist-telegram-api.example.com`)");
    expect(hasInlineDockerfile).toBe(false);
  });

  test("reads production's variables without their twins, and their values as secrets", async () => {
    const variables = await client().variables("api", signal);
    expect(variables.map(({ key }) => key)).toHaveLength(12);
    const found = variables.find(({ key }) => key === "APP_AUTH_BEARER_TOKENS")!;
    expect(found.value?.reveal()).toBe(secrets.apiToken);
    expect(inspect(variables, { depth: 9 })).not.toContain(secrets.apiToken);
  });

  test("sees no value with a token that may only read, and none of a locked variable with any", async () => {
    const reader = createCoolify(http, { url: server.url, token, applications });
    const hidden = await reader.variables("api", signal);
    expect(hidden.every(({ value }) => value === undefined)).toBe(true);
    for (const row of server.state.variables) row.is_shown_once = true;
    const locked = await client().variables("api", signal);
    expect(locked.every(({ value }) => value === undefined)).toBe(true);
  });

  test("takes an empty value for empty, and a shared one for what it resolves to", async () => {
    const rows = server.state.variables.filter(({ is_preview }) => !is_preview);
    Object.assign(rows[0]!, { value: null });
    Object.assign(rows[1]!, { value: "{{project.DATABASE}}" });
    server.state.sharedVariables["project.DATABASE"] = "postgresql://shared/app";
    const [first, second] = await client().variables("api", signal);
    expect(first!.value?.reveal()).toBe("");
    expect(second!.value?.reveal()).toBe("postgresql://shared/app");
  });

  test("reads deployments, the newest first, and the commits whose images are kept", async () => {
    const deployments = await client().deployments("api", signal);
    expect(deployments[0]).toMatchObject({ commit: commits.current, status: "finished" });
    expect(deployments.map(({ isPreview }) => isPreview)).toEqual([false, true, false, false]);
    expect(await client().rollbackImages("api", signal)).toEqual([
      commits.current,
      commits.previous,
    ]);
  });
});

describe("the log of an application", () => {
  test("is what its container wrote, by a token that may only read", async () => {
    const reader = createCoolify(http, { url: server.url, token, applications });
    expect(await reader.log("api", 30, signal)).toMatch(/^INFO: {5}\S+ is running$/);
  });

  test("cannot be had of one that does not run, and Coolify's words say why", async () => {
    server.state.applications.find(({ uuid }) => uuid === ids.worker)!.status = "exited:unhealthy";
    const error = await errorOf(client().log("worker", 30, signal));
    expect(error).toMatchObject({ system: "coolify", kind: "rejected", code: "400" });
    expect(error.message).toContain("Application is not running.");
  });
});

describe("what a token may do is found out", () => {
  test.each([
    [["read"]],
    [["read", "read:sensitive"]],
    [["read", "deploy"]],
    [["read", "write"]],
    [["deploy"]],
    [[]],
  ] as const)("%j", async (abilities) => {
    server.state.tokens[0]!.abilities = abilities;
    const found = await client().abilities(signal);
    expect(found.get("token")).toEqual(abilities);
    expect(found.get("sensitiveToken")).toEqual(["read", "read:sensitive"]);
  });

  test("and root is all of it, tried without any effect", async () => {
    server.state.tokens[0]!.abilities = ["root"];
    const before = structuredClone(server.state);
    const found = await client().abilities(signal);
    expect(found.get("token")).toEqual(["read", "read:sensitive", "write", "deploy"]);
    expect(server.state).toEqual(before);
    expect(effects.counts()).toMatchObject({
      deployments: 0,
      rollbacks: 0,
      applicationsStopped: 0,
      variablesWritten: 0,
    });
  });

  test("of each token that is configured", async () => {
    const found = await client(tokens).abilities(signal);
    expect(Object.fromEntries(found)).toEqual({
      token: ["read"],
      sensitiveToken: ["read", "read:sensitive"],
      deployToken: ["read", "deploy"],
      writeToken: ["read", "write"],
    });
  });

  test("of one token where there is only one", async () => {
    const reader = createCoolify(http, { url: server.url, token, applications });
    expect([...(await reader.abilities(signal)).keys()]).toEqual(["token"]);
  });
});

describe("a refusal becomes an error of its kind, which names what was asked and no token", () => {
  const ask = async () => errorOf(client().application("api", signal));

  test("a revoked token", async () => {
    for (const each of server.state.tokens) each.revoked = true;
    expect(await ask()).toMatchObject({ system: "coolify", kind: "unauthorized", code: "401" });
    expect((await ask()).message).toBe(
      "Coolify, application api: the token is not accepted (401: Unauthenticated.)",
    );
  });

  test("a token without the ability", async () => {
    server.state.tokens[0]!.abilities = ["deploy"];
    const error = await ask();
    expect(error).toMatchObject({ kind: "unauthorized", code: "403" });
    expect(error.message).toContain("(403: Missing required permissions: read)");
  });

  test("an owner who is only a member", async () => {
    server.state.users[0]!.team_role = "member";
    const error = await errorOf(client().hiddenSettings("api", signal));
    expect(error.message).toContain("(403: Missing required team role.)");
  });

  test("an API that is switched off, although the answer says success", async () => {
    server.state.apiEnabled = false;
    const error = await ask();
    expect(error).toMatchObject({ kind: "unauthorized", code: "403" });
    expect(error.message).toContain("API is disabled.");
  });

  test("an address that is not allowed", async () => {
    server.state.allowedIps = ["203.0.113.7"];
    expect((await ask()).message).toContain("You are not allowed to access the API.");
  });

  test("an application that does not exist", async () => {
    const known = { ...applications, api: "zzzzzzzzzzzzzzzzzzzzzzzz" };
    const error = await errorOf(client({ applications: known }).application("api", signal));
    expect(error).toMatchObject({ kind: "rejected", code: "404" });
    expect(error.message).toContain("(404: Application not found.)");
  });

  test("too many requests, with the time to wait", async () => {
    await using strict = await startCoolify({
      state: server.state,
      effects,
      requestsPerMinute: 2,
      now: () => new Date("2026-11-23T04:00:00Z"),
    });
    const hasty = client({ url: strict.url });
    await hasty.version(signal);
    await hasty.hiddenSettings("api", signal);
    // Both tokens are of one owner, who has one budget.
    const error = await errorOf(hasty.version(signal));
    expect(error).toMatchObject({ kind: "rate-limited", code: "429" });
    expect(error.message).toContain("asked too often (429, again in 1m)");
  });

  test("nobody there", async () => {
    await server.stop();
    expect(await ask()).toMatchObject({ kind: "unreachable", code: "ECONNREFUSED" });
    await server.start();
    expect(await client().version(signal)).toBe("4.3.11");
  });

  test("no answer in time", async () => {
    server.freeze();
    const error = await errorOf(client().version(AbortSignal.timeout(100)));
    expect(error.kind).toBe("timeout");
  });
});

describe("only the applications of the configuration exist", () => {
  test("another name is refused before anything is asked", async () => {
    const error = await errorOf(client().application("apii", signal));
    expect(error.message).toBe(
      "systems.coolify.applications has no apii; expected one of api, worker, staging-api, staging-worker",
    );
    await errorOf(client().variables("constructor", signal));
    expect(server.calls()).toEqual([]);
  });

  test("without a token that sees what is hidden, it is not asked for either", async () => {
    const reader = createCoolify(http, { url: server.url, token, applications });
    const error = await errorOf(reader.hiddenSettings("api", signal));
    expect(error).toMatchObject({ kind: "unauthorized" });
    expect(error.message).toContain("systems.coolify.sensitiveToken");
    expect(server.calls()).toEqual([]);
  });

  test("and without a configuration nothing is", async () => {
    const nothing = createCoolify(http, undefined);
    await expect(nothing.version(signal)).rejects.toThrow(NotConfiguredError);
    await expect(nothing.application("api", signal)).rejects.toThrow(
      "systems.coolify is not configured",
    );
  });
});

describe("a server that is not what it should be", () => {
  type Answer = (request: IncomingMessage, response: ServerResponse) => void;
  const json =
    (status: number, body: unknown): Answer =>
    (_request, response) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(body));
    };
  const text =
    (status: number, body: string, headers: Record<string, string> = {}): Answer =>
    (_request, response) => {
      response.writeHead(status, { "content-type": "text/html", ...headers });
      response.end(body);
    };
  const echo: Answer = (request, response) => {
    response.writeHead(400, { "content-type": "application/json" });
    response.end(JSON.stringify({ message: `no: ${request.headers.authorization}` }));
  };

  test.each<readonly [string, Answer, string, RegExp]>([
    ["says 500 in HTML", text(500, "<h1>Whoops</h1>"), "unreachable", /in trouble \(500\)$/],
    ["says 500 in JSON", json(500, { message: "Server Error" }), "unreachable", /Server Error/],
    ["is a proxy without one behind it", text(502, "Bad Gateway"), "unreachable", /\(502\)$/],
    ["answers HTML", text(200, "<!doctype html><p>Hi"), "malformed", /not JSON$/],
    ["leads to a login", text(302, "", { location: "/login" }), "malformed", /redirect \(302\)/],
    ["answers too much", text(200, "a".repeat(2_000_000)), "malformed", /too large/],
    ["answers nothing", text(200, ""), "malformed", /not JSON$/],
    ["answers a list", json(200, []), "malformed", /another form than expected/],
    ["leaves out what matters", json(200, { status: "running" }), "malformed", /server_status$/],
    ["answers a prototype", json(200, { __proto__: { status: "running" } }), "malformed", /form/],
    ["shows our token", echo, "rejected", /\(400: no: Bearer \[secret\]\)$/],
    ["hides what it says", json(400, { message: "a\u202Eb" }), "rejected", /a⟨U\+202E⟩b/],
    ["does not stop", json(400, { message: "x".repeat(5_000) }), "rejected", /x{100}…\)$/],
    [
      "says to wait for ever",
      text(429, "", { "retry-after": "9".repeat(40) }),
      "rate-limited",
      /\(429\)$/,
    ],
  ])("%s", async (_name, answer, kind, message) => {
    const hostile = createServer(answer);
    hostile.listen(0, "127.0.0.1");
    await once(hostile, "listening");
    try {
      const url = `http://127.0.0.1:${(hostile.address() as AddressInfo).port}`;
      const error = await errorOf(client({ url }).application("api", signal));
      expect(error.kind).toBe(kind);
      expect(error.message).toMatch(message);
      expect(error.message.length).toBeLessThan(300);
    } finally {
      hostile.closeAllConnections();
      hostile.close();
    }
  });
});
