import { inspect } from "node:util";

import * as fc from "fast-check";
import { expect, test } from "vitest";

import { Secret } from "../../src/core/secret.ts";
import { createCoolify, type Coolify } from "../../src/systems/coolify.ts";
import type { HttpAnswer, HttpApi } from "../../src/systems/http-api.ts";
import { SystemError } from "../../src/systems/system-error.ts";
import { createTodoist } from "../../src/systems/todoist.ts";
import { createXai } from "../../src/systems/xai-management.ts";
import { breath, cases, FUZZ_TIMEOUT_MS } from "./cases.ts";
import { changed, hostileJson, hostileText } from "./hostile-text.ts";

const never = new AbortController().signal;
const TOKEN = "7|an-api-token-of-nobody-0123456789abcdef";
const VALUE = `the "value" of a variable, known to few`;
const key = new Secret(TOKEN);
const uuid = "og888os0example01";
const commit = "c".repeat(40);

/** Where a server's refusal repeats what it was told, token and body. */
const ECHO = "{echo}";

/** A server that gives these answers, one after the other, and then the last of them for ever. */
function answering(answers: readonly HttpAnswer[]): Pick<HttpApi, "request"> {
  let asked = 0;
  return {
    async request({ headers = {}, body = "" }) {
      const answer = answers[Math.min(asked, answers.length - 1)];
      asked += 1;
      if (answer === undefined) throw new Error("There is no answer.");
      const told = Object.values(headers).map((value) =>
        value instanceof Secret ? value.reveal() : value,
      );
      const echo = JSON.stringify([...told, body].join(" ")).slice(1, -1);
      return { ...answer, bodyText: answer.bodyText.replaceAll(ECHO, () => echo) };
    },
  };
}

const status = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(200, 201) },
  { weight: 2, arbitrary: fc.constantFrom(204, 301, 400, 401, 403, 404, 409, 422, 429, 500, 502) },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 999 }) },
);
const headers = fc.oneof(
  fc.constant({}),
  hostileText.map((text) => ({ "retry-after": text, "content-type": text })),
  fc.constantFrom(
    { "retry-after": "7" },
    { "retry-after": "-1" },
    { "retry-after": "9".repeat(6) },
  ),
);
const HUGE = [
  `[${"0,".repeat(20_000)}0]`,
  `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
  `{"message":"${"m".repeat(200_000)}"}`,
  `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`,
];

/** What a server may send in place of what it should: the right thing changed, cut, wrapped, or something else. */
function bodies(right: readonly unknown[]): fc.Arbitrary<string> {
  const well = fc.constantFrom(...right);
  return fc.oneof(
    { weight: 2, arbitrary: well.map((value) => JSON.stringify(value)) },
    { weight: 8, arbitrary: well.chain(changed).map((value) => JSON.stringify(value) ?? "") },
    {
      weight: 2,
      arbitrary: fc
        .tuple(well, fc.double({ min: 0, max: 1, noNaN: true }))
        .map(([value, share]) => {
          const text = JSON.stringify(value);
          return text.slice(0, Math.floor(text.length * share));
        }),
    },
    { weight: 2, arbitrary: hostileJson.map((value) => JSON.stringify(value)) },
    {
      weight: 1,
      arbitrary: hostileText.map(
        (text) => `<!doctype html><title>${text}</title>${TOKEN} ${VALUE}`,
      ),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(hostileText, hostileJson)
        .map(([text, errors]) =>
          JSON.stringify({ message: `${text} ${ECHO} ${text}`, errors, success: true }),
        ),
    },
    { weight: 1, arbitrary: hostileText },
  );
}

function answersOf(right: readonly unknown[]): fc.Arbitrary<readonly HttpAnswer[]> {
  const answer = fc.record({
    status,
    headers,
    bodyText: bodies(right),
    truncated: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
    durationMs: fc.constant(1),
  });
  const well = fc.constantFrom(...right).map((value) => ({
    status: 200,
    headers: {},
    bodyText: JSON.stringify(value),
    truncated: false,
    durationMs: 1,
  }));
  return fc.array(fc.oneof({ weight: 3, arbitrary: answer }, well), { minLength: 1, maxLength: 4 });
}

const KINDS = ["unreachable", "timeout", "unauthorized", "rate-limited", "rejected", "malformed"];
const STEERING = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** Holds an error to what everybody who catches one relies on. */
function expectOurs(system: string, error: unknown): void {
  expect(error).toBeInstanceOf(SystemError);
  const { system: named, kind, message } = error as SystemError;
  expect(named).toBe(system);
  expect(KINDS).toContain(kind);
  expect(message.length).toBeLessThan(400);
  expect(message).not.toMatch(STEERING);
  const everything = `${message} ${inspect(error, { depth: 9 })} ${JSON.stringify(error)}`;
  for (const secret of [TOKEN, VALUE, "of a variable"]) expect(everything).not.toContain(secret);
}

/** What became of a call: it gave something, or failed as it may. */
async function outcome(system: string, call: Promise<unknown>): Promise<"given" | "failed"> {
  try {
    await call;
    return "given";
  } catch (error) {
    expectOurs(system, error);
    return "failed";
  }
}

const application = {
  uuid,
  status: "running:healthy",
  server_status: true,
  health_check_enabled: true,
  build_pack: "dockerfile",
  git_repository: "owner/name",
  git_branch: "main",
  git_commit_sha: "HEAD",
  base_directory: "/",
  dockerfile_location: "/Dockerfile",
  fqdn: "https://api.example.com",
  docker_compose_domains: '{"api":{"domain":"https://api.example.com"}}',
  ports_mappings: null,
  settings: { is_preview_deployments_enabled: false, is_auto_deploy_enabled: false },
  custom_labels: "dHJhZWZpaw==",
  dockerfile: null,
};
const variable = {
  key: "XAI_API_KEY",
  value: VALUE,
  real_value: `'${VALUE}'`,
  is_preview: false,
  is_literal: true,
  is_multiline: false,
  is_shown_once: false,
  is_runtime: true,
  is_buildtime: false,
  is_shared: false,
};
const deployment = {
  deployment_uuid: uuid,
  commit,
  status: "in_progress",
  pull_request_id: 0,
  rollback: true,
  created_at: "2026-11-23T04:00:00.000000Z",
  finished_at: null,
};
const task = {
  uuid,
  name: "flightdeck",
  command: "true",
  frequency: "0 0 1 1 *",
  enabled: true,
  timeout: 300,
};
const execution = {
  uuid,
  status: "success",
  message: "done",
  started_at: "2026-11-23 04:00:00",
  finished_at: "2026-11-23 04:00:09",
};
const images = { current: null, images: [{ tag: commit, created_at: "2026-11-23" }] };
const deploymentLog = {
  logs: JSON.stringify([{ output: "built", hidden: false, order: 1, timestamp: "2026-11-23" }]),
  deployment_uuid: uuid,
};
const plan = {
  name: "flightdeck",
  command: "true",
  frequency: "0 0 1 1 *",
  isEnabled: true,
  timeoutMs: 5_000,
};
const wanted = { key: "XAI_API_KEY", value: new Secret(VALUE) };

/** Every call of the client, each with what a good Coolify answers to the requests that it makes. */
const CALLS: Readonly<
  Record<keyof Coolify, readonly [(coolify: Coolify) => Promise<unknown>, readonly unknown[]]>
> = {
  version: [async (coolify) => coolify.version(never), ["4.3.11"]],
  abilities: [async (coolify) => coolify.abilities(never), [[], application, images]],
  application: [async (coolify) => coolify.application("api", never), [application]],
  hiddenSettings: [async (coolify) => coolify.hiddenSettings("api", never), [application]],
  rollbackImages: [async (coolify) => coolify.rollbackImages("api", never), [images]],
  log: [async (coolify) => coolify.log("api", 50, never), [{ logs: "a line" }]],
  autoDeploy: [async (coolify) => coolify.autoDeploy("api", never), [application]],
  setAutoDeploy: [async (coolify) => coolify.setAutoDeploy("api", false, never), [application]],
  deployments: [
    async (coolify) => coolify.deployments("api", never),
    [{ count: 1, deployments: [deployment] }],
  ],
  deployment: [
    async (coolify) => coolify.deployment("api", uuid, never),
    [{ count: 1, deployments: [deployment] }],
  ],
  activeDeployments: [
    async (coolify) => coolify.activeDeployments("api", never),
    [{ count: 1, deployments: [deployment] }],
  ],
  deployCommit: [
    async (coolify) => coolify.deployCommit("api", commit, never),
    [{ message: "queued", deployment_uuid: uuid }],
  ],
  cancelDeployment: [
    async (coolify) => coolify.cancelDeployment("api", uuid, never),
    [{ deployments: [deployment] }, { status: "cancelled-by-user" }],
  ],
  stopApplication: [async (coolify) => coolify.stopApplication("api", never), [{ message: "ok" }]],
  deploymentLog: [
    async (coolify) => coolify.deploymentLog("api", uuid, never),
    [{ deployments: [deployment] }, deploymentLog],
  ],
  variables: [async (coolify) => coolify.variables("api", never), [[variable]]],
  hasVariable: [async (coolify) => coolify.hasVariable("api", wanted, never), [[variable]]],
  createVariable: [
    async (coolify) => coolify.createVariable("api", wanted, never),
    [[], { uuid }, [variable]],
  ],
  setVariable: [
    async (coolify) => coolify.setVariable("api", wanted, never),
    [[variable, { ...variable, is_preview: true }], { uuid }],
  ],
  tasks: [async (coolify) => coolify.tasks("api", never), [[task]]],
  createTask: [async (coolify) => coolify.createTask("api", plan, never), [task]],
  updateTask: [
    async (coolify) => coolify.updateTask("api", uuid, { isEnabled: false }, never),
    [task],
  ],
  executeTask: [
    async (coolify) => coolify.executeTask("api", uuid, never),
    [{ message: "queued" }],
  ],
  taskExecutions: [async (coolify) => coolify.taskExecutions("api", uuid, never), [[execution]]],
};

function coolifyOver(http: Pick<HttpApi, "request">): Coolify {
  return createCoolify(http, {
    url: "https://coolify.example.com",
    token: key,
    sensitiveToken: key,
    deployToken: key,
    writeToken: key,
    applications: { api: uuid },
  });
}

const coolifyCase = fc
  .constantFrom(...Object.values(CALLS))
  .chain(([call, right]) => answersOf(right).map((answers) => ({ call, answers })));

test(
  "whatever Coolify answers, a call gives something or fails as a system fails, and names no secret",
  async () => {
    const ends = { given: 0, failed: 0 };
    await fc.assert(
      fc
        .asyncProperty(coolifyCase, async ({ call, answers }) => {
          ends[await outcome("coolify", call(coolifyOver(answering(answers))))] += 1;
        })
        .beforeEach(breath),
      cases(1_500),
    );
    expect(Math.min(ends.given, ends.failed)).toBeGreaterThan(100);
  },
  FUZZ_TIMEOUT_MS,
);

const manager = { url: "https://management-api.x.ai", key };
const managedKey = {
  apiKeyId: "k-1",
  name: "api",
  acls: ["api-key:model:*"],
  qps: 5,
  tpm: "100000",
};
const XAI_CALLS = [
  [
    async (xai: ReturnType<typeof createXai>) => xai.ownKey("https://api.x.ai/v1", key, never),
    [{ api_key_id: "k-1", team_id: "t-1", acls: ["a"], api_key_disabled: false }],
  ],
  [
    async (xai: ReturnType<typeof createXai>) => xai.models("https://api.x.ai/v1", key, never),
    [{ data: [{ id: "grok" }] }],
  ],
  [
    async (xai: ReturnType<typeof createXai>) =>
      xai.complete("https://api.x.ai/v1", key, "grok", never),
    [{ choices: [] }],
  ],
  [
    async (xai: ReturnType<typeof createXai>) => xai.keys(manager, "t-1", never),
    [
      { apiKeys: [managedKey], paginationToken: "next" },
      { apiKeys: [managedKey], paginationToken: null },
    ],
  ],
  [
    async (xai: ReturnType<typeof createXai>) =>
      xai.createKey(manager, { team: "t-1", name: "n", permissions: [], limits: {} }, never),
    [{ apiKey: `xai-${"a".repeat(40)}` }],
  ],
  [
    async (xai: ReturnType<typeof createXai>) => xai.isKnownEverywhere(manager, "k-1", never),
    [{ icPropagation: { "us-east-1": true, "eu-west-1": false } }],
  ],
  [
    async (xai: ReturnType<typeof createXai>) => xai.setDisabled(manager, "k-1", true, never),
    [managedKey],
  ],
  [async (xai: ReturnType<typeof createXai>) => xai.deleteKey(manager, "k-1", never), [{}]],
] as const;
const xaiCase = fc
  .constantFrom(...XAI_CALLS)
  .chain(([call, right]) => answersOf(right).map((answers) => ({ call, answers })));

test(
  "whatever xAI answers, a call gives something or fails as a system fails, and names no secret",
  async () => {
    const ends = { given: 0, failed: 0 };
    await fc.assert(
      fc
        .asyncProperty(xaiCase, async ({ call, answers }) => {
          ends[await outcome("xai", call(createXai(answering(answers))))] += 1;
        })
        .beforeEach(breath),
      cases(600),
    );
    expect(Math.min(ends.given, ends.failed)).toBeGreaterThan(50);
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "whatever Todoist answers, the user of a token is somebody, nobody or not known, and no secret is named",
  async () => {
    const user = { id: "2671355", email: "ada@example.com" };
    const ends = { given: 0, failed: 0 };
    await fc.assert(
      fc
        .asyncProperty(answersOf([user, { ...user, id: 2_671_355 }]), async (answers) => {
          const todoist = createTodoist(answering(answers));
          const call = todoist.userOf("https://api.todoist.com/api/v1/", key, never);
          ends[await outcome("todoist", call)] += 1;
        })
        .beforeEach(breath),
      cases(500),
    );
    expect(Math.min(ends.given, ends.failed)).toBeGreaterThan(50);
  },
  FUZZ_TIMEOUT_MS,
);

test.each(HUGE.map((body, index) => [index, body] as const))(
  "an answer of huge size or depth, number %i, is no crash of ours",
  async (_index, bodyText) => {
    const answer = { status: 200, headers: {}, bodyText, truncated: false, durationMs: 1 };
    const ends = new Set<string>();
    for (const state of [200, 422]) {
      const http = answering([{ ...answer, status: state }]);
      for (const [call] of Object.values(CALLS)) {
        ends.add(await outcome("coolify", call(coolifyOver(http))));
      }
      for (const [call] of XAI_CALLS) ends.add(await outcome("xai", call(createXai(http))));
      const user = createTodoist(http).userOf("https://api.todoist.com", key, never);
      ends.add(await outcome("todoist", user));
    }
    expect(ends).toContain("failed");
  },
  FUZZ_TIMEOUT_MS,
);
