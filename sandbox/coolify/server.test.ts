import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { createEffects } from "../effects.ts";
import { applicationOf, variableOf } from "./faults.ts";
import { ids } from "./ids.ts";
import type { ProductVariables } from "./product-variables.ts";
import type { CoolifyState } from "./rows.ts";
import { commits, seedCoolify } from "./seed.ts";
import { type CoolifyServer, startCoolify } from "./server.ts";

const variables: ProductVariables = {
  api: { DATABASE_URL: "postgresql://db/app", LLM_API_KEY: "key" },
  worker: { DATABASE_URL: "postgresql://db/app" },
  stagingApi: {},
  stagingWorker: {},
};
const tokens = {
  reader: { text: "1|reader", abilities: ["read"] },
  seer: { text: "2|seer", abilities: ["read", "read:sensitive"] },
  writer: { text: "3|writer", abilities: ["read", "write"] },
  deployer: { text: "4|deployer", abilities: ["read", "deploy"] },
  root: { text: "5|root", abilities: ["root"] },
} as const;
type TokenName = keyof typeof tokens;
const seeded = (): CoolifyState =>
  seedCoolify({ tokens: Object.values(tokens), variables, now: new Date() });

let time = Date.parse("2026-11-23T04:00:00Z");
const effects = createEffects();
const state = seeded();
let server: CoolifyServer;
beforeAll(async () => {
  server = await startCoolify({
    state,
    effects,
    requestsPerMinute: 200,
    stepMs: 10,
    now: () => new Date(time),
  });
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  Object.assign(state, seeded());
  // A new minute, so that no test lives on another one's requests.
  time += 60_000;
});

type Answer = { readonly status: number; readonly body: unknown; readonly headers: Headers };

async function call(
  token: TokenName,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const response = await fetch(`${server.url}/api/v1${path}`, {
    method,
    redirect: "manual",
    headers: {
      authorization: `Bearer ${tokens[token].text}`,
      accept: "application/json",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return {
    status: response.status,
    body: isJson ? JSON.parse(text) : text,
    headers: response.headers,
  };
}
const envs = `/applications/${ids.api}/envs`;
const only = async (answering: Promise<Answer>): Promise<Pick<Answer, "status" | "body">> => {
  const { status, body } = await answering;
  return { status, body };
};

describe("who asks, and what for", () => {
  test("nobody is told so in JSON, and a browser is sent to the login", async () => {
    const url = `${server.url}/api/v1/version`;
    const refused = await fetch(url, { headers: { accept: "application/json" } });
    expect(refused.status).toBe(401);
    expect(await refused.json()).toEqual({ message: "Unauthenticated." });
    const led = await fetch(url, { redirect: "manual" });
    expect([led.status, led.headers.get("location")]).toEqual([302, "/login"]);
  });

  test("the health of the instance is told to anybody", async () => {
    const response = await fetch(`${server.url}/api/health`);
    expect([response.status, await response.text()]).toEqual([200, "OK"]);
  });

  test("the version is plain text that calls itself HTML", async () => {
    const { body, headers } = await call("reader", "GET", "/version");
    expect(body).toBe("4.3.11");
    expect(headers.get("content-type")).toContain("text/html");
  });

  test.each<readonly [TokenName, string, string, number]>([
    ["reader", "GET", "/applications", 200],
    ["reader", "POST", "/deploy", 403],
    ["reader", "POST", envs, 403],
    ["writer", "POST", "/deploy", 403],
    ["writer", "POST", envs, 400],
    ["deployer", "POST", "/deploy", 400],
    ["deployer", "POST", envs, 403],
    ["root", "POST", "/deploy", 400],
    ["root", "GET", "/version", 200],
  ])("%s: %s %s gives %i", async (token, method, path, status) => {
    expect((await call(token, method, path)).status).toBe(status);
  });

  test("names the ability that is missing, and the role", async () => {
    expect(await only(call("reader", "POST", "/deploy"))).toEqual({
      status: 403,
      body: { message: "Missing required permissions: deploy" },
    });
    state.users[0]!.team_role = "member";
    expect(await only(call("deployer", "POST", "/deploy"))).toEqual({
      status: 403,
      body: { message: "Missing required team role." },
    });
    expect((await call("reader", "GET", "/version")).status).toBe(200);
  });

  test("refuses with success when the API is off or the caller is not allowed", async () => {
    state.apiEnabled = false;
    expect(await only(call("root", "GET", "/version"))).toEqual({
      status: 403,
      body: { success: true, message: "API is disabled." },
    });
    Object.assign(state, { apiEnabled: true, allowedIps: ["203.0.113.7"] });
    expect((await call("root", "GET", "/version")).body).toEqual({
      success: true,
      message: "You are not allowed to access the API.",
    });
  });

  test("counts all tokens of one owner together, and says when to come again", async () => {
    const first = await call("reader", "GET", "/version");
    expect(first.headers.get("x-ratelimit-remaining")).toBe("199");
    for (let used = 1; used < 200; used += 1) await call("seer", "GET", "/version");
    time += 20_000;
    const refused = await call("reader", "GET", "/version");
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("40");
    time += 40_000;
    expect((await call("reader", "GET", "/version")).status).toBe(200);
  });

  test("an old GET says that it is a POST now, and an unknown path where the documentation is", async () => {
    const old = await call("root", "GET", "/deploy?uuid=x");
    expect(old.status).toBe(405);
    expect(old.headers.get("allow")).toBe("POST");
    expect(await only(call("root", "GET", "/nothing"))).toMatchObject({
      status: 404,
      body: { message: "Not found.", docs: expect.any(String) },
    });
  });
});

describe("what is shown", () => {
  const hidden = ["dockerfile", "custom_labels", "manual_webhook_secret_github"];

  test("of an application hides what is sensitive, and its settings in lists", async () => {
    const path = `/applications/${ids.api}`;
    const seen = Object.keys((await call("seer", "GET", path)).body as object);
    const read = Object.keys((await call("reader", "GET", path)).body as object);
    expect(seen.filter((name) => !read.includes(name))).toEqual(hidden);
    expect(read).toContain("settings");
    expect(read).not.toContain("id");
    const [listed] = (await call("reader", "GET", "/applications")).body as object[];
    expect(Object.keys(listed!)).not.toContain("settings");
  });

  test("of variables is everything but the value, and of locked ones to nobody", async () => {
    const rows = async (token: TokenName) =>
      (await call(token, "GET", envs)).body as readonly Readonly<Record<string, unknown>>[];
    const read = await rows("reader");
    expect(read.map(({ key, is_preview }) => [key, is_preview])).toEqual([
      ["DATABASE_URL", false],
      ["LLM_API_KEY", false],
      ["DATABASE_URL", true],
      ["LLM_API_KEY", true],
    ]);
    expect(Object.keys(read[0]!)).not.toContain("value");
    expect((await rows("seer"))[1]).toMatchObject({ value: "key", real_value: "'key'" });
    variableOf(state, ids.api, "LLM_API_KEY").is_shown_once = true;
    expect(Object.keys((await rows("root"))[1]!)).not.toContain("value");
  });

  test("of an environment is all that is in it", async () => {
    const { body } = await call("reader", "GET", `/projects/${ids.project}/staging`);
    expect(body).toMatchObject({
      name: "staging",
      applications: [{ uuid: ids.stagingApi }, { uuid: ids.stagingWorker }],
      postgresqls: [{ uuid: ids.stagingPostgres, is_public: false }],
      redis: [{ uuid: ids.stagingRedis }],
      services: [],
    });
  });

  test("of images is nothing when the server cannot be reached", async () => {
    const path = `/applications/${ids.api}/rollback-images`;
    expect((await call("reader", "GET", path)).body).toMatchObject({
      current: null,
      images: { length: 4 },
    });
    state.server.is_reachable = false;
    expect((await call("reader", "GET", path)).body).toEqual({ current: null, images: [] });
  });

  test("of logs of a stopped application is nothing", async () => {
    applicationOf(state, ids.api).status = "exited:unhealthy";
    expect(await only(call("reader", "GET", `/applications/${ids.api}/logs`))).toEqual({
      status: 400,
      body: { message: "Application is not running." },
    });
  });
});

describe("environment variables", () => {
  const find = (key: string, is_preview = false) =>
    state.variables.find((row) => row.key === key && row.is_preview === is_preview);

  test("are made with a twin for previews, once, and by known fields only", async () => {
    const made = await call("writer", "POST", envs, { key: "NEW", value: " x ", is_literal: true });
    expect(made).toMatchObject({ status: 201, body: { uuid: expect.any(String) } });
    expect(find("NEW")).toMatchObject({ value: "x", is_buildtime: true });
    expect(find("NEW", true)).toMatchObject({ value: "x" });
    expect((await call("writer", "POST", envs, { key: "NEW", value: "y" })).status).toBe(409);
    expect(await only(call("writer", "POST", envs, { key: "A", is_build_time: true }))).toEqual({
      status: 422,
      body: {
        message: "Validation failed.",
        errors: { is_build_time: ["This field is not allowed."] },
      },
    });
    expect((await call("writer", "POST", envs, {})).body).toEqual({ message: "Invalid request." });
  });

  test("lose what an update leaves out, and their twins keep the old value", async () => {
    const changed = await call("writer", "PATCH", envs, { key: "LLM_API_KEY", value: "new" });
    expect(changed.status).toBe(201);
    expect(find("LLM_API_KEY")).toMatchObject({ value: "new", is_literal: false });
    expect(find("LLM_API_KEY", true)).toMatchObject({ value: "key", is_literal: true });
    await call("writer", "PATCH", envs, { key: "LLM_API_KEY" });
    expect(find("LLM_API_KEY")).toMatchObject({ value: null });
    find("LLM_API_KEY")!.is_multiline = true;
    expect((await call("writer", "PATCH", envs, { key: "LLM_API_KEY", value: "z" })).status).toBe(
      500,
    );
    expect((await call("writer", "PATCH", envs, { key: "NONE", value: "z" })).status).toBe(404);
  });

  test("of several, those before a bad one stay written", async () => {
    const data = [{ key: "ONE", value: "1", nonsense: true }, { value: "no key" }];
    expect((await call("writer", "PATCH", `${envs}/bulk`, { data })).status).toBe(422);
    expect(find("ONE")).toMatchObject({ value: "1" });
    expect((await call("writer", "PATCH", `${envs}/bulk`, { other: 1 })).status).toBe(400);
  });

  test("are deleted without their twins", async () => {
    const { uuid } = find("LLM_API_KEY")!;
    expect((await call("writer", "DELETE", `${envs}/${uuid}`)).status).toBe(200);
    expect(find("LLM_API_KEY")).toBeUndefined();
    expect(find("LLM_API_KEY", true)).toBeDefined();
    expect((await call("writer", "DELETE", `${envs}/${uuid}`)).status).toBe(404);
  });
});

describe("deployments", () => {
  type Deployed = { readonly deployments: readonly Readonly<Record<string, string>>[] };
  const deploy = async (uuid: string = ids.api) =>
    (await call("deployer", "POST", `/deploy?uuid=${uuid}`)).body as Deployed;
  const row = async (uuid: string) =>
    (await call("reader", "GET", `/deployments/${uuid}`)).body as Readonly<Record<string, unknown>>;
  const rollback = (commit: string) =>
    call("deployer", "POST", `/applications/${ids.api}/rollback`, { commit });

  test("go from queued to finished, read their commit on the way, and are unhealthy for a moment", async () => {
    state.branchHead = "a".repeat(40);
    applicationOf(state, ids.api).status = "exited:unhealthy";
    const [queued] = (await deploy()).deployments;
    const uuid = queued!["deployment_uuid"]!;
    expect(queued!["message"]).toBe("Application todoist-telegram-api deployment queued.");
    await expect
      .poll(() => row(uuid), { timeout: 5_000 })
      .toMatchObject({
        status: "finished",
        commit: "a".repeat(40),
        finished_at: expect.any(String),
      });
    expect(applicationOf(state, ids.api).status).toBe("running:healthy");
    const kept = state.images.filter(({ application, tag }) =>
      application === ids.api ? /^[0-9a-f]{40}$/.test(tag) : false,
    );
    // Two are kept: the commit before the last one is gone from now on.
    expect(kept.map(({ tag }) => tag)).toEqual(["a".repeat(40), commits.current]);
  });

  test("of the same commit are suppressed, with a uuid that was never stored", async () => {
    const before = effects.counts().deployments;
    const [first] = (await deploy()).deployments;
    const [second] = (await deploy()).deployments;
    expect(second!["message"]).toBe("Deployment already queued for this commit.");
    expect(second!["deployment_uuid"]).not.toBe(first!["deployment_uuid"]);
    const phantom = await call("reader", "GET", `/deployments/${second!["deployment_uuid"]}`);
    expect(phantom.status).toBe(404);
    expect(effects.counts().deployments).toBe(before + 1);
    const start = await call("deployer", "POST", `/applications/${ids.api}/start`);
    expect(start.body).toEqual({ message: "Deployment already queued for this commit." });
  });

  test("by rollback are never suppressed: asked twice, it is done twice", async () => {
    const before = effects.counts().rollbacks;
    const [one, other] = await Promise.all([
      rollback(commits.previous),
      rollback(commits.previous),
    ]);
    expect([one.status, other.status]).toEqual([200, 200]);
    expect(effects.counts().rollbacks).toBe(before + 2);
    const { deployment_uuid } = other.body as { readonly deployment_uuid: string };
    await expect
      .poll(() => row(deployment_uuid), { timeout: 5_000 })
      .toMatchObject({
        status: "finished",
        commit: commits.previous,
        rollback: true,
      });
  });

  test("by rollback need a commit and nothing else", async () => {
    const path = `/applications/${ids.api}/rollback`;
    for (const body of [{ commit: "a b" }, { commit: 1 }, { commit: "HEAD", force: true }]) {
      expect((await call("deployer", "POST", path, body)).status).toBe(422);
    }
    expect((await call("deployer", "POST", path, {})).status).toBe(400);
  });

  test("can be cancelled until they have ended", async () => {
    const [queued] = (await deploy(ids.worker)).deployments;
    const path = `/deployments/${queued!["deployment_uuid"]}/cancel`;
    expect((await call("deployer", "POST", path)).body).toMatchObject({
      status: "cancelled-by-user",
    });
    expect((await call("deployer", "POST", path)).status).toBe(400);
    expect(await row(queued!["deployment_uuid"]!)).toMatchObject({ finished_at: null });
  });

  test("are listed newest first, with the number of all", async () => {
    const path = `/deployments/applications/${ids.api}`;
    expect((await call("reader", "GET", `${path}?skip=1&take=2`)).body).toMatchObject({
      count: 4,
      deployments: [{ pull_request_id: 12 }, { status: "failed" }],
    });
    expect(await only(call("reader", "GET", "/deployments"))).toEqual({ status: 200, body: [] });
  });

  test("are refused to what does not exist, and when the queue is full", async () => {
    expect((await call("deployer", "POST", "/deploy?uuid=nobody")).status).toBe(404);
    expect((await call("deployer", "POST", "/deploy")).body).toEqual({
      message: "You must provide uuid or tag.",
    });
    const [old] = state.deployments;
    for (let id = 100; id < 140; id += 1) {
      state.deployments.push({ ...old!, id, application: ids.stagingApi, status: "queued" });
    }
    const full = await call("deployer", "POST", `/deploy?uuid=${ids.api}`);
    expect([full.status, full.headers.get("retry-after")]).toEqual([429, "60"]);
    expect((await rollback(commits.previous)).status).toBe(400);
  });

  test("are no way to stop, which has its own", async () => {
    const stopped = await call("deployer", "POST", `/applications/${ids.worker}/stop`);
    expect(stopped.status).toBe(200);
    expect(applicationOf(state, ids.worker).status).toBe("exited:unhealthy");
    expect(effects.counts().applicationsStopped).toBe(1);
  });
});

describe("settings of an application", () => {
  const path = `/applications/${ids.api}`;
  const settings = async () =>
    ((await call("reader", "GET", path)).body as { readonly settings: object }).settings;

  test("are changed one by one, and the others stay", async () => {
    const before = effects.counts();
    const changed = await call("writer", "PATCH", path, { is_auto_deploy_enabled: true });
    expect(changed).toMatchObject({ status: 200, body: { uuid: ids.api } });
    expect(await settings()).toEqual({
      is_auto_deploy_enabled: true,
      is_preview_deployments_enabled: false,
      docker_images_to_keep: 2,
    });
    await call("writer", "PATCH", path, { domains: "", docker_images_to_keep: 5 });
    expect(applicationOf(state, ids.api)).toMatchObject({
      fqdn: null,
      settings: { is_auto_deploy_enabled: true, docker_images_to_keep: 5 },
    });
    const after = effects.counts();
    expect(after.applicationsChanged - before.applicationsChanged).toBe(2);
    expect(after.autoDeployChanged - before.autoDeployChanged).toBe(1);
  });

  test.each([
    [{ is_auto_deploy: true }, "is_auto_deploy"],
    [{ is_auto_deploy_enabled: "yes" }, "is_auto_deploy_enabled"],
    [{ docker_images_to_keep: 101 }, "docker_images_to_keep"],
    [{ git_branch: null }, "git_branch"],
    [{ uuid: "x" }, "uuid"],
  ])("refuse %j as a whole", async (body, field) => {
    const { status, body: refused } = await call("writer", "PATCH", path, {
      health_check_path: "/other",
      ...body,
    });
    expect(status).toBe(422);
    expect(refused).toMatchObject({ errors: { [field]: [expect.any(String)] } });
    expect(applicationOf(state, ids.api).health_check_path).toBe("/health/live");
  });

  test("pin what is deployed to a commit", async () => {
    await call("writer", "PATCH", path, { git_commit_sha: commits.previous });
    await call("deployer", "POST", `/deploy?uuid=${ids.api}`);
    expect(state.deployments.at(-1)).toMatchObject({ requested_commit: commits.previous });
  });

  test("are nobody's to change who may only read or deploy", async () => {
    const body = { is_auto_deploy_enabled: true };
    expect((await call("reader", "PATCH", path, body)).status).toBe(403);
    expect((await call("deployer", "PATCH", path, body)).status).toBe(403);
  });
});

describe("scheduled tasks", () => {
  const path = `/applications/${ids.api}/scheduled-tasks`;
  const task = { name: "migrate", command: "alembic upgrade head", frequency: "0 0 1 1 *" };
  const create = async (given: object = {}) => {
    const { body } = await call("writer", "POST", path, { ...task, enabled: false, ...given });
    return body as { readonly uuid: string };
  };
  type Execution = Readonly<Record<string, unknown>>;
  const executions = async (uuid: string) =>
    (await call("reader", "GET", `${path}/${uuid}/executions`)).body as readonly Execution[];

  test("are made, listed, changed in part and deleted", async () => {
    const { uuid } = await create({ timeout: 900 });
    expect((await call("reader", "GET", path)).body).toMatchObject([
      { uuid, ...task, timeout: 900, enabled: false, container: null },
    ]);
    expect(
      (await call("writer", "PATCH", `${path}/${uuid}`, { enabled: true })).body,
    ).toMatchObject({
      ...task,
      timeout: 900,
      enabled: true,
    });
    const worker = `/applications/${ids.worker}/scheduled-tasks`;
    expect((await call("reader", "GET", worker)).body).toEqual([]);
    expect((await call("writer", "DELETE", `${worker}/${uuid}`)).status).toBe(404);
    expect((await call("writer", "DELETE", `${path}/${uuid}`)).status).toBe(200);
    expect((await call("reader", "GET", path)).body).toEqual([]);
  });

  test.each([
    [{ command: undefined }, "command"],
    [{ frequency: "now and then" }, "frequency"],
    [{ timeout: "long" }, "timeout"],
    [{ once: true }, "once"],
  ])("are refused with %j", async (given, field) => {
    expect(await call("writer", "POST", path, { ...task, ...given })).toMatchObject({
      status: 422,
      body: { errors: { [field]: [expect.any(String)] } },
    });
  });

  test("run when they are told to, enabled or not, as often as they are told, and without a number", async () => {
    const before = effects.counts().tasksExecuted;
    const { uuid } = await create();
    for (let times = 0; times < 2; times += 1) {
      const { body } = await call("writer", "POST", `${path}/${uuid}/execute`);
      expect(body).toEqual({ message: "Scheduled task execution queued." });
    }
    expect(effects.counts().tasksExecuted).toBe(before + 2);
    expect(await executions(uuid)).toMatchObject([
      { status: "running", message: null },
      { status: "running", message: null },
    ]);
    await expect
      .poll(() => executions(uuid), { timeout: 10_000 })
      .toMatchObject([
        // Nothing runs behind this Coolify, so nobody knows the command.
        {
          status: "failed",
          message: expect.stringContaining("alembic: not found"),
          retry_count: 0,
        },
        { status: "failed" },
      ]);
  });

  test("need one container, no more and no less", async () => {
    const { uuid } = await create();
    const messageWhen = async (status: string): Promise<unknown> => {
      applicationOf(state, ids.api).status = status;
      await call("writer", "POST", `${path}/${uuid}/execute`);
      await expect
        .poll(async () => (await executions(uuid))[0]!["status"], { timeout: 10_000 })
        .toBe("failed");
      return (await executions(uuid))[0]!["message"];
    };
    expect(await messageWhen("exited:unhealthy")).toContain("No containers found");
    server.mood.deployments = "hang";
    await call("deployer", "POST", `/deploy?uuid=${ids.api}`);
    expect(await messageWhen("running:healthy")).toContain("More than one container exists");
    server.mood.deployments = "well";
  });

  test("are nobody's to run who may only read or deploy", async () => {
    const { uuid } = await create();
    for (const token of ["reader", "deployer"] as const) {
      expect((await call(token, "POST", `${path}/${uuid}/execute`)).status).toBe(403);
    }
    expect(state.executions).toEqual([]);
  });
});

describe("the log of a deployment", () => {
  test("is a text with a list in it, of which only a part is for everybody", async () => {
    const answer = await call("deployer", "POST", `/applications/${ids.api}/rollback`, {
      commit: commits.previous,
    });
    const { deployment_uuid: uuid } = answer.body as { readonly deployment_uuid: string };
    const row = async (token: TokenName) =>
      (await call(token, "GET", `/deployments/${uuid}`)).body as Readonly<Record<string, unknown>>;
    await expect
      .poll(() => row("reader"), { timeout: 5_000 })
      .toMatchObject({ finished_at: expect.any(String), application: { uuid: ids.api } });
    expect(Object.keys(await row("reader"))).not.toContain("logs");
    const entries = JSON.parse(String((await row("seer"))["logs"])) as readonly {
      readonly hidden: boolean;
      readonly command: string | null;
      readonly output: string;
      readonly order: number;
    }[];
    expect(entries.map(({ order }) => order)).toEqual(entries.map((_, index) => index + 1));
    const hidden = entries.filter((entry) => entry.hidden);
    expect(hidden.map(({ command }) => command).join()).toContain("nobody-checks-this-token");
    expect(hidden.map(({ output }) => output).join()).toContain("LLM_API_KEY=key");
    const shown = entries.filter((entry) => !entry.hidden).map(({ output }) => output);
    expect(shown.at(0)).toBe(
      "Starting deployment of Remco28/todoist_telegram:main to production-1.",
    );
    expect(shown.at(-1)).toBe("Rolling update completed.");
  });
});
