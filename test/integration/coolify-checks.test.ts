import { afterAll, beforeEach, describe, expect, test } from "vitest";

import { applicationOf, variableOf } from "../../sandbox/coolify/faults.ts";
import { ids } from "../../sandbox/coolify/ids.ts";
import type { ApplicationRow, CoolifyState } from "../../sandbox/coolify/rows.ts";
import { base64, commits } from "../../sandbox/coolify/seed.ts";
import { type CoolifyServer, startCoolify } from "../../sandbox/coolify/server.ts";
import { createEffects } from "../../sandbox/effects.ts";
import { createChecks } from "../../src/checks/create-checks.ts";
import { checksSetting } from "../../src/checks/settings.ts";
import type { CheckResult } from "../../src/core/status.ts";
import { createSystems } from "../../src/systems/index.ts";
import {
  applications,
  coolifyChecks,
  newCoolifyState,
  secrets,
  tokens,
} from "../support/coolify.ts";

const signal = new AbortController().signal;
const effects = createEffects();
const opened = new AsyncDisposableStack();
afterAll(async () => opened.disposeAsync());
let server: CoolifyServer;
beforeEach(async () => {
  server = await startCoolify({ state: newCoolifyState(), effects });
  return async () => server[Symbol.asyncDispose]();
});

/** Asks the sandbox's own checks of Coolify, with other settings where a test needs them. */
async function ask(
  changed: Readonly<Record<string, object>> = {},
  others: Partial<Omit<typeof tokens, "token">> = { sensitiveToken: tokens.sensitiveToken },
): Promise<ReadonlyMap<string, CheckResult>> {
  const { token } = tokens;
  await using systems = createSystems({
    coolify: { url: server.url, token, applications, ...others },
  });
  return await results(systems, changed);
}

async function results(
  systems: ReturnType<typeof createSystems>,
  changed: Readonly<Record<string, object>> = {},
): Promise<ReadonlyMap<string, CheckResult>> {
  const settings = checksSetting.parse(
    Object.fromEntries(
      Object.entries(coolifyChecks).map(([name, each]) => [name, { ...each, ...changed[name] }]),
    ),
  );
  // The scrubber knows nothing here, so that a secret which is shown cannot hide.
  const checks = createChecks(settings, {
    systems,
    scrub: (text) => text,
    previous: async () => [],
  });
  const asked = await Promise.all(
    checks.map(async (check) => [check.name, await check.ask(signal)] as const),
  );
  const shown = JSON.stringify(asked);
  for (const secret of Object.values(secrets)) expect(shown).not.toContain(secret);
  return new Map(asked);
}

/** What does not pass, with the first thing that is wrong or the reason. */
function troubles(asked: ReadonlyMap<string, CheckResult>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...asked].flatMap(([name, { status, observations, reason }]) => {
      if (status === "pass") return [];
      const wrong = observations.find(({ ok }) => !ok);
      return [[name, `${status}: ${wrong ? `${wrong.what} ${wrong.actual}` : reason}`] as const];
    }),
  );
}

test("a Coolify in good order passes all eight checks, each with something observed", async () => {
  const asked = await ask();
  expect(troubles(asked)).toEqual({});
  expect(asked.size).toBe(8);
  for (const { observations } of asked.values()) expect(observations.length).toBeGreaterThan(0);
});

test("the checks ask for nothing but the configured applications, and change nothing", async () => {
  const before = structuredClone(server.state);
  // Even with all the power there is.
  for (const each of server.state.tokens) each.abilities = ["root"];
  await ask();
  const allowed = [...Object.values(applications), "flightdeck-probe"];
  const strays = server.calls().filter(({ path }) => {
    const uuids = path.match(/[a-z0-9-]{16,}/g) ?? [];
    return uuids.some((uuid) => !["rollback-images", ...allowed].includes(uuid));
  });
  expect(strays).toEqual([]);
  const written = server.calls().filter(({ method, status }) => method !== "GET" && status < 400);
  expect(written).toEqual([]);
  expect({ ...server.state, tokens: [] }).toEqual({ ...before, tokens: [] });
  expect(server.calls().length).toBeLessThan(40);
});

test("without a Coolify in the configuration they are not configured", async () => {
  await using systems = createSystems();
  for (const { status, reason } of (await results(systems)).values()) {
    expect(status).toBe("not-configured");
    expect(reason).toBe("systems.coolify is not configured");
  }
});

test("without a token that sees what is hidden, the checks that need it are unknown and say so", async () => {
  const found = troubles(await ask({}, {}));
  expect(Object.keys(found).toSorted()).toEqual([
    "images-are-built-from-our-dockerfiles",
    "production-shares-nothing-with-staging",
    "required-variables-are-present",
    "worker-is-not-public",
  ]);
  for (const trouble of Object.values(found)) {
    expect(trouble).toMatch(/^unknown: .*systems\.coolify\.sensitiveToken/);
  }
});

/** One thing that is wrong, the one check that must say so, and what it must say. */
type Wrong = readonly [
  title: string,
  change: (state: CoolifyState) => unknown,
  says: string | RegExp,
];
const set = (state: CoolifyState, uuid: string, values: Partial<ApplicationRow>): unknown =>
  Object.assign(applicationOf(state, uuid), values);
const worker =
  (values: Partial<ApplicationRow>) =>
  (state: CoolifyState): unknown =>
    set(state, ids.worker, values);
const api =
  (values: Partial<ApplicationRow>) =>
  (state: CoolifyState): unknown =>
    set(state, ids.api, values);
const value = (state: CoolifyState, uuid: string, key: string, text: string | null): unknown =>
  Object.assign(variableOf(state, uuid, key), { value: text });
const copied = (state: CoolifyState, to: string, key: string, change = (text: string) => text) =>
  value(state, to, key, change(variableOf(state, ids.api, key).value ?? ""));

const reading = (says: string | RegExp): unknown =>
  typeof says === "string" ? expect.stringContaining(says) : expect.stringMatching(says);

async function troublesAfter(change: Wrong[1]): Promise<Readonly<Record<string, string>>> {
  change(server.state);
  return troubles(await ask());
}

describe("coolify-answers", () => {
  test.each<Wrong>([
    ["an old version", (state) => (state.version = "4.2.9"), "fail: version 4.2.9"],
    ["a very old one", (state) => (state.version = "3.12.36"), "fail: version 3.12.36"],
    ["a beta of it", (state) => (state.version = "4.3.0-beta.1"), "fail: version 4.3.0-beta.1"],
    [
      "no version",
      (state) => (state.version = "<h1>hi</h1>"),
      /^unknown: Coolify, version: none, but/,
    ],
    [
      "a token that is root",
      (state) => (state.tokens[0]!.abilities = ["root"]),
      "fail: abilities of token read, read:sensitive, write, deploy",
    ],
    [
      "a second token that may write",
      (state) => (state.tokens[1]!.abilities = ["read", "read:sensitive", "write"]),
      "fail: abilities of sensitiveToken read, read:sensitive, write",
    ],
  ])("%s", async (_title, change, says) => {
    expect(await troublesAfter(change)).toEqual({ "coolify-answers": reading(says) });
  });

  test("takes each token that does what it is for, and no more than that", async () => {
    expect(troubles(await ask({}, tokens))).toEqual({});
    for (const [index, abilities, says] of [
      [2, ["read", "deploy", "write"], "fail: abilities of deployToken read, write, deploy"],
      [2, ["read"], "fail: abilities of deployToken read"],
      [2, ["read", "deploy"], undefined],
      [3, ["root"], "fail: abilities of writeToken read, read:sensitive, write, deploy"],
    ] as const) {
      server.state.tokens[index]!.abilities = abilities;
      const found = troubles(await ask({}, tokens));
      expect(found).toEqual(says === undefined ? {} : { "coolify-answers": says });
    }
  });

  test.each(["4.3.0", "4.3.11", "4.10.0", "5.0.0", "4.4.0-beta.1"])("takes %s", async (version) => {
    server.state.version = version;
    expect(troubles(await ask())).toEqual({});
  });

  test("a switched-off API is a failure of this check and blinds the others", async () => {
    server.state.apiEnabled = false;
    const found = troubles(await ask());
    expect(found["coolify-answers"]).toMatch(/^fail: access refused, version: .*API is disabled/);
    expect(Object.values(found).filter((each) => each.startsWith("unknown"))).toHaveLength(7);
  });
});

describe("api-app-runs and worker-app-runs", () => {
  test.each([
    "exited:unhealthy",
    "exited",
    "restarting:unknown",
    "starting:unknown",
    "degraded:unhealthy",
    "paused:unknown",
    "created:unknown",
    "",
    "running:unhealthy",
    "running:unknown",
    "running",
    "running:unhealthy:excluded",
  ])("the API with the status %j fails", async (status) => {
    expect(await troublesAfter(api({ status }))).toEqual({
      "api-app-runs": expect.stringMatching(/^fail: status /),
    });
  });

  test.each(["exited:unhealthy", "restarting:unknown", "degraded:unhealthy", "dead", "Running"])(
    "the worker with the status %j fails",
    async (status) => {
      expect(await troublesAfter(worker({ status }))).toEqual({
        "worker-app-runs": expect.stringMatching(/^fail: status /),
      });
    },
  );

  test.each(["running:unknown", "running:healthy", "running", "running:unknown:excluded"])(
    "the worker, which has no health check, passes with %j",
    async (status) => {
      set(server.state, ids.worker, { status });
      expect(troubles(await ask())).toEqual({});
    },
  );

  test("an API without a health check fails, and one that its image brings along will do", async () => {
    set(server.state, ids.api, { health_check_enabled: false });
    expect(troubles(await ask())).toEqual({ "api-app-runs": "fail: health check none" });
    set(server.state, ids.api, { custom_healthcheck_found: true });
    expect(troubles(await ask())).toEqual({});
  });

  test("a status of a server that cannot be reached is unknown, good or bad", async () => {
    server.state.server.is_reachable = false;
    set(server.state, ids.worker, { status: "exited:unhealthy" });
    const found = troubles(await ask());
    expect(found["api-app-runs"]).toMatch(/^unknown: .*running:healthy may be old$/);
    expect(found["worker-app-runs"]).toMatch(/^unknown: .*exited:unhealthy may be old$/);
    expect(found["rollback-image-is-kept"]).toMatch(/^unknown: .*no image of api at all/);
    expect(Object.keys(found)).toHaveLength(3);
  });
});

describe("worker-is-not-public", () => {
  const compose = (domain: string | null): string => JSON.stringify({ worker: { domain } });
  test.each<Wrong>([
    ["a domain", worker({ fqdn: "https://w.example.com" }), "domains https://w.example.com"],
    ["two domains", worker({ fqdn: "http://a.b,https://c.d" }), "http://a.b, https://c.d"],
    [
      "a domain of a compose service",
      worker({ docker_compose_domains: compose("https://w.example.com") }),
      "domains of compose services https://w.example.com",
    ],
    ["a published port", worker({ ports_mappings: "8001:8000" }), "published ports 8001:8000"],
    [
      "preview deployments",
      (state) =>
        Object.assign(applicationOf(state, ids.worker).settings, {
          is_preview_deployments_enabled: true,
        }),
      "preview deployments on",
    ],
    [
      "a label of Traefik",
      worker({ custom_labels: base64("a=b\ntraefik.http.routers.w.rule=Host(`w.example.com`)") }),
      "labels that route to it traefik.http.routers.w.rule=Host(`w.example.com`)",
    ],
    [
      "a label of Traefik that needs no host",
      worker({ custom_labels: base64("traefik.tcp.routers.w.rule=HostSNI(`*`)") }),
      "HostSNI",
    ],
    [
      "a label of Caddy",
      worker({ custom_labels: base64("caddy_0=https://w.example.com") }),
      "caddy_0=https://w.example.com",
    ],
    [
      "a label that is not in base64",
      worker({ custom_labels: "traefik.http.routers.w.rule=Host(`w.example.com`)" }),
      "labels that route to it",
    ],
  ])("%s", async (_title, change, says) => {
    expect(await troublesAfter(change)).toEqual({
      "worker-is-not-public": reading(says),
    });
  });

  test.each<readonly [string, Partial<ApplicationRow>]>([
    ["an empty domain", { fqdn: "" }],
    ["blank compose domains", { docker_compose_domains: compose("") }],
    ["no compose domains", { docker_compose_domains: "[]" }],
    ["an exposed port", { ports_exposes: "8000,9000" }],
    ["options of docker run", { custom_docker_run_options: "--init" }],
    ["no labels", { custom_labels: null }],
    ["labels that do not route", { custom_labels: base64("traefik.enable=false\na=Host(`b`)") }],
  ])("%s opens nothing", async (_title, values) => {
    set(server.state, ids.worker, values);
    expect(troubles(await ask())).toEqual({});
  });

  test("compose domains that cannot be read make the whole answer one that cannot be trusted", async () => {
    set(server.state, ids.worker, { docker_compose_domains: "{" });
    const found = troubles(await ask());
    expect(found["worker-is-not-public"]).toMatch(/^unknown: .*docker_compose_domains$/);
    expect(found["worker-app-runs"]).toBe(found["worker-is-not-public"]);
  });

  test("a password in a label is not shown beside a rule that is", async () => {
    const users = `traefik.http.middlewares.auth.basicauth.users=a:${secrets.stagingApiToken}`;
    const rule = "traefik.http.routers.w.rule=Host(`w`)";
    set(server.state, ids.worker, { custom_labels: base64(`${users}\n${rule}`) });
    expect(troubles(await ask())["worker-is-not-public"]).toMatch(/^fail/);
  });
});

describe("images-are-built-from-our-dockerfiles", () => {
  test.each<Wrong>([
    [
      "the worker from the API's",
      worker({ dockerfile_location: "/backend/Dockerfile" }),
      "fail: Dockerfile of worker /backend/Dockerfile",
    ],
    ["the API from the root's", api({ dockerfile_location: null }), "of api /Dockerfile"],
    ["another base", api({ base_directory: "/old" }), "of api /old/backend/Dockerfile"],
    ["another build pack", worker({ build_pack: "nixpacks" }), "build pack of worker nixpacks"],
    ["another repository", api({ git_repository: "else/where" }), "repository of api else/where"],
    ["one typed in", api({ dockerfile: "FROM scratch" }), "typed into Coolify for api in the way"],
  ])("%s", async (_title, change, says) => {
    expect(await troublesAfter(change)).toEqual({
      "images-are-built-from-our-dockerfiles": reading(says),
    });
  });
});

describe("rollback-image-is-kept", () => {
  const withoutImage =
    (uuid: string) =>
    (state: CoolifyState): unknown =>
      (state.images = state.images.filter(
        ({ application, tag }) => application !== uuid || tag !== commits.previous,
      ));
  test.each<Wrong>([
    ["not for the API", withoutImage(ids.api), "fail: rollback image of api gone"],
    ["not for the worker", withoutImage(ids.worker), "fail: rollback image of worker gone"],
    [
      "only half-built",
      (state) => {
        withoutImage(ids.api)(state);
        state.images.push({
          application: ids.api,
          tag: `${commits.previous}-build`,
          created_at: "2026-11-20 12:56:04 +0000 UTC",
        });
      },
      "fail: rollback image of api gone",
    ],
    [
      "no image at all",
      (state) => (state.images = []),
      /^unknown: Coolify lists no image of api at all/,
    ],
  ])("%s", async (_title, change, says) => {
    expect(await troublesAfter(change)).toEqual({
      "rollback-image-is-kept": reading(says),
    });
  });

  test("needs none as long as only one commit was deployed, however often", async () => {
    const { state } = server;
    state.images = [];
    for (const row of state.deployments) {
      if (row.pull_request_id === 0 && row.status === "finished") row.commit = commits.current;
    }
    expect(troubles(await ask())).toEqual({});
  });

  test("after a rollback needs the image of the commit that was left", async () => {
    const { state } = server;
    const newest = state.deployments.findLast(({ application }) => application === ids.api)!;
    state.deployments.push({ ...newest, commit: commits.previous, rollback: true });
    expect(troubles(await ask())).toEqual({});
    state.images = state.images.filter(({ tag }) => tag !== commits.current);
    expect(troubles(await ask())["rollback-image-is-kept"]).toContain("of api gone");
  });
});

describe("required-variables-are-present", () => {
  const removed =
    (uuid: string, key: string) =>
    (state: CoolifyState): unknown =>
      (state.variables = state.variables.filter((row) => row !== variableOf(state, uuid, key)));
  test.each<Wrong>([
    [
      "one is missing, though its twin for previews is there",
      removed(ids.worker, "LLM_API_KEY"),
      "fail: variables of worker without LLM_API_KEY",
    ],
    [
      "one is only there while the image is built",
      (state) =>
        Object.assign(variableOf(state, ids.api, "LLM_MODEL_PLAN"), {
          is_runtime: false,
          is_buildtime: true,
        }),
      "variables of api without LLM_MODEL_PLAN",
    ],
    [
      "one is empty",
      (state) => value(state, ids.worker, "LLM_MODEL_PLAN", null),
      "variables of worker with an empty LLM_MODEL_PLAN",
    ],
    [
      "one is there twice",
      (state) => state.variables.push({ ...variableOf(state, ids.api, "LLM_MODEL_PLAN"), id: 999 }),
      "variables of api several LLM_MODEL_PLAN",
    ],
    [
      "two services disagree",
      (state) => value(state, ids.worker, "LLM_API_KEY", "another"),
      "fail: LLM_API_KEY different",
    ],
  ])("%s", async (_title, change, says) => {
    expect(await troublesAfter(change)).toEqual({
      "required-variables-are-present": reading(says),
    });
  });

  test("a locked one that has to be compared is unknown, and hides no failure", async () => {
    Object.assign(variableOf(server.state, ids.api, "LLM_API_KEY"), { is_shown_once: true });
    const blind = troubles(await ask());
    expect(blind).toMatchObject({
      "required-variables-are-present": expect.stringMatching(
        /^unknown: Coolify, LLM_API_KEY of api: its value is hidden/,
      ),
    });
    removed(ids.worker, "REDIS_URL")(server.state);
    expect(troubles(await ask())["required-variables-are-present"]).toBe(
      "fail: variables of worker without REDIS_URL",
    );
  });

  test("with a token that may only read, presence alone can be seen", async () => {
    const presence = { "required-variables-are-present": { equal: [] } };
    expect(troubles(await ask(presence, {}))).not.toHaveProperty("required-variables-are-present");
    removed(ids.api, "REDIS_URL")(server.state);
    expect(troubles(await ask(presence, {}))["required-variables-are-present"]).toBe(
      "fail: variables of api without REDIS_URL",
    );
  });
});

describe("production-shares-nothing-with-staging", () => {
  const shared = (from: string, to: string): string => `fail: .* shared by ${from} and ${to}$`;
  test.each<Wrong>([
    [
      "the database",
      (state) => copied(state, ids.stagingWorker, "DATABASE_URL"),
      new RegExp(shared("DATABASE_URL of api", "DATABASE_URL of staging-worker")),
    ],
    [
      "its server, by another user, driver and database",
      (state) =>
        value(state, ids.stagingApi, "DATABASE_URL", "postgres://other:pw@127.0.0.1:9/staging?a=b"),
      new RegExp(shared("DATABASE_URL of api", "DATABASE_URL of staging-api")),
    ],
    [
      "Redis, by another number of its databases",
      (state) => copied(state, ids.stagingApi, "REDIS_URL", (text) => text.replace(/\/0$/, "/1")),
      new RegExp(shared("REDIS_URL of api", "REDIS_URL of staging-api")),
    ],
    [
      "one of several API tokens",
      (state) =>
        copied(state, ids.stagingApi, "APP_AUTH_BEARER_TOKENS", (token) => `another, ${token}`),
      "APP_AUTH_BEARER_TOKENS of staging-api",
    ],
    [
      "an API token by way of the map",
      (state) =>
        Object.assign(variableOf(state, ids.stagingWorker, "LLM_MODEL_PLAN"), {
          key: "APP_AUTH_TOKEN_USER_MAP",
          value: `x:usr_1,${secrets.apiToken}:usr_2`,
        }),
      "APP_AUTH_TOKEN_USER_MAP of staging-worker",
    ],
    [
      "the webhook's secret",
      (state) => copied(state, ids.stagingApi, "TELEGRAM_WEBHOOK_SECRET"),
      "TELEGRAM_WEBHOOK_SECRET of staging-api",
    ],
    [
      "nothing, because staging has none",
      (state) => value(state, ids.stagingApi, "TELEGRAM_WEBHOOK_SECRET", null),
      "fail: webhook secret none on the other side",
    ],
    [
      "a locked one",
      (state) =>
        Object.assign(variableOf(state, ids.stagingApi, "TELEGRAM_WEBHOOK_SECRET"), {
          is_shown_once: true,
        }),
      /^unknown: Coolify, TELEGRAM_WEBHOOK_SECRET of staging-api: its value is hidden/,
    ],
  ])("%s", async (_title, change, says) => {
    expect(await troublesAfter(change)).toEqual({
      "production-shares-nothing-with-staging": reading(says),
    });
  });

  test("a misspelt variable does not pass for one that differs", async () => {
    const apart = { typo: { variables: ["TELEGRAM_WEBHOOK_SECERT"] } };
    const found = troubles(await ask({ "production-shares-nothing-with-staging": { apart } }));
    expect(found).toEqual({
      "production-shares-nothing-with-staging": "fail: typo none on our side",
    });
  });
});
