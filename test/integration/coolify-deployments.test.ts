import { afterAll, beforeEach, describe, expect, test } from "vitest";

import { ids } from "../../sandbox/coolify/ids.ts";
import { commits } from "../../sandbox/coolify/seed.ts";
import { type CoolifyServer, startCoolify } from "../../sandbox/coolify/server.ts";
import { createEffects, type Effects } from "../../sandbox/effects.ts";
import { Interruption } from "../../src/core/interruption.ts";
import type { Json } from "../../src/core/json.ts";
import {
  cancelActiveStep,
  deploymentEndsStep,
  deploymentIn,
  deployStep,
} from "../../src/jobs/deploy/deployment-step.ts";
import type { ActStep, StepContext } from "../../src/jobs/operation.ts";
import { createCoolify } from "../../src/systems/coolify.ts";
import { createHttpApi } from "../../src/systems/http-api.ts";
import { NotConfiguredError } from "../../src/systems/not-configured-error.ts";
import { SystemError } from "../../src/systems/system-error.ts";
import { applications, errorOf, newCoolifyState, secrets, tokens } from "../support/coolify.ts";

const http = createHttpApi();
afterAll(async () => http.close());
const signal = new AbortController().signal;
const { previous, current } = commits;

const STEP_MS = 40;
let effects: Effects;
let server: CoolifyServer;
beforeEach(async () => {
  effects = createEffects();
  server = await startCoolify({ state: newCoolifyState(), effects, stepMs: STEP_MS });
  return async () => server[Symbol.asyncDispose]();
});

const client = (given: Partial<Parameters<typeof createCoolify>[1]> = {}) =>
  createCoolify(http, { url: server.url, ...tokens, applications, ...given });

/** The requests that were to change something, the probes of no check among them. */
const acts = () => server.calls().filter(({ method }) => method !== "GET");
const rowsOf = (application: string) =>
  server.state.deployments.filter((row) => row.application === application);

describe("to deploy a commit", () => {
  test("puts exactly that commit in place, and says which deployment it is", async () => {
    const coolify = client();
    const uuid = await coolify.deployCommit("api", previous, signal);
    expect(await coolify.deployment("api", uuid, signal)).toMatchObject({
      uuid,
      commit: previous,
      isRollback: true,
      isPreview: false,
    });
    expect(effects.counts()).toMatchObject({ rollbacks: 1, deployments: 0 });
    await expect
      .poll(async () => coolify.deployment("api", uuid, signal), { timeout: 20_000 })
      .toMatchObject({ status: "finished", commit: previous, finishedAt: expect.any(Date) });
    expect(await coolify.activeDeployments("api", signal)).toEqual([]);
  });

  test("needs the token for it, which no other one stands in for", async () => {
    const { token, sensitiveToken, writeToken } = tokens;
    const reader = createCoolify(http, {
      url: server.url,
      applications,
      token,
      sensitiveToken,
      writeToken,
    });
    for (const asking of [
      reader.deployCommit("api", previous, signal),
      reader.cancelDeployment("api", rowsOf(ids.api)[0]!.deployment_uuid, signal),
    ]) {
      const error = await errorOf(asking);
      expect(error).toBeInstanceOf(NotConfiguredError);
      expect(error.message).toBe("systems.coolify.deployToken is not configured");
    }
    expect(server.calls()).toEqual([]);
  });

  test.each(["main", "HEAD", "", "../worker", "9E107D9D", "9e107d9d372b;"])(
    "takes the hash of a commit and not %j, which may be another one tomorrow",
    async (text) => {
      const error = await errorOf(client().deployCommit("api", text, signal));
      expect(error).toMatchObject({ kind: "rejected" });
      expect(error.message).toContain("expected the hash of a commit");
      expect(server.calls()).toEqual([]);
    },
  );

  test("is refused by a full queue and by a Coolify that was asked too often, and not tried again", async () => {
    server.mood.queue = "full";
    const full = await errorOf(client().deployCommit("api", previous, signal));
    expect(full).toMatchObject({ kind: "rejected", code: "400" });
    expect(full.message).toContain("queue is full");
    server.mood.answers = "too-many-requests";
    const hasty = await errorOf(client().deployCommit("api", previous, signal));
    expect(hasty).toMatchObject({ kind: "rate-limited", code: "429" });
    expect(hasty.message).toContain("again in 20s");
    expect(acts()).toHaveLength(2);
    expect(effects.counts().rollbacks).toBe(0);
  });

  test("knows only the applications of the configuration", async () => {
    const error = await errorOf(client().deployCommit("apii", previous, signal));
    expect(error.message).toContain("systems.coolify.applications has no apii");
    expect(server.calls()).toEqual([]);
  });
});

describe("a deployment belongs to an application", () => {
  test("and another's is neither seen nor touched by its name", async () => {
    const coolify = client();
    const theirs = await coolify.deployCommit("staging-api", current, signal);
    expect(await coolify.deployment("api", theirs, signal)).toBeUndefined();
    for (const asking of [
      coolify.cancelDeployment("api", theirs, signal),
      coolify.deploymentLog("api", theirs, signal),
    ]) {
      expect((await errorOf(asking)).message).toBe(`Coolify has no deployment ${theirs} of api`);
    }
    expect(acts().map(({ path }) => path)).toEqual([`/applications/${ids.stagingApi}/rollback`]);
    expect(effects.counts().deploymentsCancelled).toBe(0);
  });

  test("and is found behind many newer ones", async () => {
    const first = rowsOf(ids.api)[0]!;
    for (let count = 0; count < 120; count += 1) {
      server.state.deployments.push({ ...first, deployment_uuid: `newer${count}` });
    }
    const found = await client().deployment("api", first.deployment_uuid, signal);
    expect(found?.commit).toBe(first.commit);
  });

  test("whose name could lead elsewhere is none", async () => {
    const error = await errorOf(client().cancelDeployment("api", "../applications", signal));
    expect(error).toMatchObject({ kind: "rejected" });
    expect(acts()).toEqual([]);
  });
});

describe("to cancel a deployment", () => {
  const stuck = async (): Promise<string> => {
    server.mood.deployments = "wait";
    return client().deployCommit("api", previous, signal);
  };

  test("ends it", async () => {
    const uuid = await stuck();
    const ended = await client().cancelDeployment("api", uuid, signal);
    expect(ended).toMatchObject({ uuid, status: "cancelled-by-user" });
    expect(await client().deployment("api", uuid, signal)).toMatchObject(ended);
    expect(effects.counts().deploymentsCancelled).toBe(1);
  });

  test.each(["lost-in-an-error", "cut"] as const)(
    "is believed by what the list says, when the answer is %s",
    async (acceptances) => {
      const uuid = await stuck();
      server.mood.acceptances = acceptances;
      const ended = await client().cancelDeployment("api", uuid, signal);
      expect(ended.status).toBe("cancelled-by-user");
      expect(effects.counts().deploymentsCancelled).toBe(1);
    },
  );

  test("asks nobody when it has ended by itself, and says how", async () => {
    const { deployment_uuid: uuid } = rowsOf(ids.api).find(({ status }) => status === "failed")!;
    expect((await client().cancelDeployment("api", uuid, signal)).status).toBe("failed");
    expect(acts()).toEqual([]);
  });

  test("fails when it is still there", async () => {
    const uuid = await stuck();
    server.state.tokens[2]!.abilities = ["read"];
    const error = await errorOf(client().cancelDeployment("api", uuid, signal));
    expect(error.message).toContain("(403: Missing required permissions: deploy)");
    expect((await client().activeDeployments("api", signal)).map((row) => row.uuid)).toEqual([
      uuid,
    ]);
  });
});

describe("the log of a deployment", () => {
  test("is what everybody sees there, in order, and no hidden line", async () => {
    const coolify = client();
    const uuid = await coolify.deployCommit("api", previous, signal);
    await expect
      .poll(async () => coolify.deployment("api", uuid, signal), { timeout: 20_000 })
      .toMatchObject({ finishedAt: expect.any(Date) });
    const log = await coolify.deploymentLog("api", uuid, signal);
    expect(log.split("\n")).toEqual([
      expect.stringContaining("Starting deployment of Remco28/todoist_telegram:main"),
      expect.stringContaining("Build step skipped"),
      "Rolling update started.",
      "Rolling update completed.",
    ]);
    const row = rowsOf(ids.api).find(({ deployment_uuid }) => deployment_uuid === uuid)!;
    expect(row.logs).toContain(secrets.apiToken);
    for (const secret of Object.values(secrets)) expect(log).not.toContain(secret);
  });

  test("may be many megabytes", async () => {
    const row = rowsOf(ids.api)[0]!;
    const entry = { output: "x".repeat(99), hidden: false, type: "stdout" };
    const many = Array.from({ length: 40_000 }, (_, order) => ({ ...entry, order }));
    row.logs = JSON.stringify(many.toReversed());
    const log = await client().deploymentLog("api", row.deployment_uuid, signal);
    expect(log).toHaveLength(40_000 * 100 - 1);
  });

  test("is hidden from every token but one", async () => {
    const { token, deployToken, writeToken } = tokens;
    const blind = createCoolify(http, {
      url: server.url,
      applications,
      token,
      deployToken,
      writeToken,
    });
    const uuid = rowsOf(ids.api)[0]!.deployment_uuid;
    const error = await errorOf(blind.deploymentLog("api", uuid, signal));
    expect(error.message).toBe("systems.coolify.sensitiveToken is not configured");
    server.state.tokens[1]!.abilities = ["read"];
    const hidden = await errorOf(client().deploymentLog("api", uuid, signal));
    expect(hidden).toMatchObject({ kind: "malformed" });
    expect(hidden.message).toMatch(/another form than expected: logs$/);
  });
});

describe("auto-deploy", () => {
  test("is read, and set by the token that may write", async () => {
    const coolify = client();
    expect(await coolify.autoDeploy("api", signal)).toBe(false);
    await coolify.setAutoDeploy("api", true, signal);
    expect(await coolify.autoDeploy("api", signal)).toBe(true);
    expect(await coolify.autoDeploy("worker", signal)).toBe(false);
    expect(effects.counts().autoDeployChanged).toBe(1);
  });

  test.each(["lost-in-an-error", "cut"] as const)(
    "that is set is seen to be so when the answer is %s",
    async (acceptances) => {
      server.mood.acceptances = acceptances;
      await client().setAutoDeploy("api", true, signal);
      expect(await client().autoDeploy("api", signal)).toBe(true);
      expect(effects.counts().autoDeployChanged).toBe(1);
    },
  );

  test("that is accepted and stays as it was is no success", async () => {
    const { settings } = server.state.applications.find(({ uuid }) => uuid === ids.api)!;
    Object.defineProperty(settings, "is_auto_deploy_enabled", {
      enumerable: true,
      get: () => true,
      set: () => {},
    });
    const error = await errorOf(client().setAutoDeploy("api", false, signal));
    expect(error.message).toBe(
      "Coolify, auto-deploy of api: it took the change, and it is still on",
    );
  });

  test("cannot be set without the token that may write", async () => {
    const { token } = tokens;
    const reader = createCoolify(http, { url: server.url, token, applications });
    const error = await errorOf(reader.setAutoDeploy("api", true, signal));
    expect(error.message).toBe("systems.coolify.writeToken is not configured");
    expect(server.calls()).toEqual([]);
  });
});

describe("by the steps of an operation", () => {
  function contextOf(given: Partial<StepContext> = {}): StepContext {
    return { signal, run: "R-7", key: "key", results: {}, report: () => {}, ...given };
  }

  /** What the engine makes of an act: a baseline, one attempt, and after any doubt a look. */
  async function performed(step: ActStep): Promise<Json> {
    const deadline = AbortSignal.timeout(step.timeoutMs);
    const baseline = (await step.baseline?.(contextOf())) ?? null;
    try {
      return await step.act({ ...contextOf({ signal: deadline }), baseline });
    } catch (error) {
      const occurrence = await step.observe({ ...contextOf(), baseline });
      if (occurrence.kind === "happened") return occurrence.result;
      if (occurrence.kind === "unclear") return { unclear: occurrence.reason };
      throw error;
    }
  }

  const deploying = (commit = previous, timeoutMs = 10_000): ActStep =>
    deployStep({
      name: "deploy the API",
      coolify: client(),
      application: "api",
      commitOf: () => commit,
      timeoutMs,
      graceMs: 100,
      everyMs: 20,
    });

  async function ended(deployed: Json, withinMs = 20_000): Promise<Json> {
    const step = deploymentEndsStep({
      name: "the API is deployed",
      coolify: client(),
      application: "api",
      deploymentOf: ({ deploy }) => deploymentIn(deploy),
      commitOf: () => previous,
      withinMs,
      everyMs: 20,
    });
    return step.look(contextOf({ results: { deploy: deployed } }));
  }

  test("a commit is deployed, and the end is the end", async () => {
    const deployed = await performed(deploying());
    expect(deployed).toMatchObject({ commit: previous, adopted: false });
    expect(await ended(deployed)).toMatchObject({
      deployment: deploymentIn(deployed),
      commit: previous,
    });
    expect(rowsOf(ids.api).at(-1)).toMatchObject({ status: "finished", commit: previous });
    expect(effects.counts().rollbacks).toBe(1);
  });

  test("the commit that runs is deployed anew, for what has changed in its variables", async () => {
    const deployed = await performed(deploying(current));
    expect(rowsOf(ids.api).at(-1)!.deployment_uuid).toBe(deploymentIn(deployed));
    expect(effects.counts().rollbacks).toBe(1);
  });

  test.each(["lost-in-an-error", "cut"] as const)(
    "what was accepted is adopted when its answer is %s, and asked for once",
    async (acceptances) => {
      server.mood.acceptances = acceptances;
      const deployed = await performed(deploying());
      expect(deployed).toMatchObject({ commit: previous, adopted: true });
      expect(deploymentIn(deployed)).toBe(rowsOf(ids.api).at(-1)!.deployment_uuid);
      expect(await ended(deployed)).toMatchObject({ commit: previous });
      expect(effects.counts().rollbacks).toBe(1);
      expect(acts()).toHaveLength(1);
    },
  );

  test("what was not answered in time is adopted as soon as Coolify can be asked", async () => {
    const step = deploying(previous, 150);
    const baseline = await step.baseline!(contextOf());
    server.mood.answers = "slowly";
    const within = new AbortController();
    setTimeout(() => within.abort(new Interruption("deadline", "no end within 150ms")), 150);
    await expect(step.act({ ...contextOf({ signal: within.signal }), baseline })).rejects.toThrow(
      "no end within 150ms",
    );
    // The request is on its way still, and nobody can say what will come of it.
    server.mood.answers = "well";
    const doubtful = await step.observe({ ...contextOf(), baseline });
    expect(doubtful).toMatchObject({ kind: "unclear" });
    await expect.poll(() => effects.counts().rollbacks, { timeout: 20_000 }).toBe(1);
    expect(await step.observe({ ...contextOf(), baseline })).toMatchObject({
      kind: "happened",
      result: { commit: previous, adopted: true },
    });
  });

  test.each<readonly [string, () => void, RegExp]>([
    ["a full queue", () => (server.mood.queue = "full"), /400: Deployment queue is full/],
    [
      "a token that may not deploy",
      () => (server.state.tokens[2]!.abilities = ["read"]),
      /403: Missing required permissions: deploy/,
    ],
    ["a revoked token", () => (server.state.tokens[2]!.revoked = true), /token is not accepted/],
  ])("%s is a failure that says so, and nothing was done", async (_title, breaks, reason) => {
    breaks();
    await expect(performed(deploying())).rejects.toThrow(reason);
    expect(acts()).toHaveLength(1);
    expect(effects.counts().rollbacks).toBe(0);
  });

  test("a Coolify that is down fails before anything is intended", async () => {
    await server.stop();
    await expect(deploying().baseline!(contextOf())).rejects.toThrow(SystemError);
  });

  test.each<readonly [string, () => void, RegExp]>([
    [
      "fails",
      () => (server.mood.deployments = "fail"),
      /^deployment \w+ of api failed; its log: \/deployment api \w+$/,
    ],
    [
      "vanishes",
      () => (server.mood.deployments = "vanish"),
      /^Coolify has no deployment \w+ of api any more$/,
    ],
    [
      "is overtaken by another",
      () => (server.mood.others = "overtake"),
      /^deployment \w+ of api finished, but deployment \w+ of .* came after it and takes its place$/,
    ],
  ])("a deployment that %s ends the wait by its reason", async (_title, breaks, reason) => {
    breaks();
    const deployed = await performed(deploying());
    await expect(ended(deployed)).rejects.toThrow(reason);
    expect(effects.counts().rollbacks).toBe(1);
  });

  test.each([
    ["wait", /still waits in Coolify's queue after 600ms/],
    ["hang", /is still in progress after 600ms/],
  ] as const)("a deployment that is made to %s ends it by its deadline", async (mood, reason) => {
    server.mood.deployments = mood;
    const deployed = await performed(deploying());
    await expect(ended(deployed, 600)).rejects.toThrow(reason);
  });

  test("a deployment that somebody cancels ends it too", async () => {
    server.mood.deployments = "hang";
    const deployed = await performed(deploying());
    const [waited] = await Promise.allSettled([
      ended(deployed),
      client().cancelDeployment("api", deploymentIn(deployed)!, signal),
    ]);
    expect(waited).toMatchObject({
      status: "rejected",
      reason: { message: expect.stringMatching(/was cancelled in Coolify$/) },
    });
  });

  test("a Coolify that goes away in between is waited for", async () => {
    server.mood.deployments = "hang";
    const deployed = await performed(deploying());
    const waiting = ended(deployed);
    await server.stop();
    server.mood.deployments = "well";
    await server.start();
    expect(await waiting).toMatchObject({ commit: previous });
  });

  test("a deployment that is stuck makes way for another", async () => {
    server.mood.deployments = "hang";
    const stuck = await performed(deploying(current));
    const takeOver = cancelActiveStep({
      name: "take over",
      coolify: client(),
      application: "api",
      deploymentsOf: () => [deploymentIn(stuck) ?? ""],
      everyMs: 20,
    });
    server.mood.acceptances = "lost-in-an-error";
    expect(await performed(takeOver)).toEqual({ ended: [deploymentIn(stuck)] });
    server.mood.deployments = "well";
    server.mood.acceptances = "answered";
    expect(await ended(await performed(deploying()))).toMatchObject({ commit: previous });
    expect(effects.counts()).toMatchObject({ rollbacks: 2, deploymentsCancelled: 1 });
  });
});
