import { afterAll, beforeEach, describe, expect, test } from "vitest";

import { ids } from "../../sandbox/coolify/ids.ts";
import type { VariableRow } from "../../sandbox/coolify/rows.ts";
import { type CoolifyServer, startCoolify } from "../../sandbox/coolify/server.ts";
import { createEffects, type Effects } from "../../sandbox/effects.ts";
import { Secret } from "../../src/core/secret.ts";
import { createCoolify } from "../../src/systems/coolify.ts";
import { createHttpApi } from "../../src/systems/http-api.ts";
import { applications, errorOf, newCoolifyState, secrets, tokens } from "../support/coolify.ts";

const http = createHttpApi();
afterAll(async () => http.close());
const signal = new AbortController().signal;

let effects: Effects;
let server: CoolifyServer;
beforeEach(async () => {
  effects = createEffects();
  server = await startCoolify({
    state: newCoolifyState(),
    effects,
    stepMs: 40,
    commandPausesMs: [10, 10, 10],
  });
  return async () => server[Symbol.asyncDispose]();
});

const client = (given: Partial<Parameters<typeof createCoolify>[1]> = {}) =>
  createCoolify(http, { url: server.url, ...tokens, applications, ...given });
const reader = () => createCoolify(http, { url: server.url, token: tokens.token, applications });
const acts = () => server.calls().filter(({ method }) => method !== "GET");

const NEW = "new-value-0123456789";
const value = new Secret(NEW);

const rowsOf = (key: string): readonly VariableRow[] =>
  server.state.variables.filter((row) => row.application === ids.api && row.key === key);
const rowOf = (key: string, isPreview = false): VariableRow =>
  rowsOf(key).find(({ is_preview }) => is_preview === isPreview)!;

describe("to set a variable", () => {
  test("makes one that is missing, in both scopes, literal and for the run time only", async () => {
    const wanted = { key: "BRAND_NEW", value };
    expect(await client().setVariable("api", wanted, signal)).toBe("created");
    const rows = rowsOf("BRAND_NEW");
    expect(new Set(rows.map(({ is_preview }) => is_preview))).toEqual(new Set([false, true]));
    for (const row of rows) {
      expect(row).toMatchObject({
        value: NEW,
        is_literal: true,
        is_multiline: false,
        is_shown_once: false,
        is_runtime: true,
        is_buildtime: false,
      });
    }
  });

  test("changes one in both scopes, where the old value would live on, and keeps each one's flags", async () => {
    const key = "LLM_API_KEY";
    const flags = { is_shown_once: true, is_multiline: true, is_literal: false, comment: "ours" };
    Object.assign(rowOf(key), { ...flags, is_runtime: true, is_buildtime: true });
    const before = structuredClone({ production: rowOf(key), preview: rowOf(key, true) });
    expect(await client().setVariable("api", { key, value }, signal)).toBe("updated");
    expect(rowOf(key)).toEqual({ ...before.production, value: NEW });
    expect(rowOf(key, true)).toEqual({ ...before.preview, value: NEW });
    expect(effects.counts().variablesWritten).toBe(2);
    // The worker's is another variable.
    const worker = server.state.variables.filter((row) => row.application === ids.worker);
    expect(worker.some((row) => row.value === NEW)).toBe(false);
  });

  test("done again is the same", async () => {
    const wanted = { key: "LLM_API_KEY", value };
    await client().setVariable("api", wanted, signal);
    const once = structuredClone(server.state.variables);
    await client().setVariable("api", wanted, signal);
    expect(server.state.variables).toEqual(once);
  });

  test.each(["lost-in-an-error", "cut"] as const)(
    "is done in both scopes, once each, when its answers are %s",
    async (acceptances) => {
      const key = "LLM_API_KEY";
      server.mood.acceptances = acceptances;
      expect(await client().setVariable("api", { key, value }, signal)).toBe("updated");
      expect([rowOf(key).value, rowOf(key, true).value]).toEqual([NEW, NEW]);
      expect(effects.counts().variablesWritten).toBe(2);
    },
  );

  test("makes one that is missing when its answer is lost, and is done", async () => {
    server.mood.acceptances = "lost-in-an-error";
    expect(await client().setVariable("api", { key: "BRAND_NEW", value }, signal)).toBe("created");
    expect(rowsOf("BRAND_NEW").map((row) => row.value)).toEqual([NEW, NEW]);
  });

  test("is not done when its answer is lost and nobody can see what stands there", async () => {
    const key = "LLM_API_KEY";
    server.mood.acceptances = "lost-in-an-error";
    const blind = client({ sensitiveToken: undefined });
    const error = await errorOf(blind.setVariable("api", { key, value }, signal));
    expect(error.message).toBe(
      "Coolify, changing LLM_API_KEY of api: it is in trouble (500: Server Error)",
    );
  });

  test("gives a preview that stood alone the new value too", async () => {
    const key = "LLM_API_KEY";
    server.state.variables = server.state.variables.filter((row) => row !== rowOf(key));
    expect(await client().setVariable("api", { key, value }, signal)).toBe("created");
    expect(rowsOf(key).map((row) => row.value)).toEqual([NEW, NEW]);
  });

  test("leaves a reference to a shared variable alone", async () => {
    const key = "LLM_API_KEY";
    const reference = "{{project.LLM_API_KEY}}";
    rowOf(key).value = reference;
    const error = await errorOf(client().setVariable("api", { key, value }, signal));
    expect(error.message).toContain("LLM_API_KEY of api refers to a shared variable");
    expect(rowOf(key).value).toBe(reference);
    expect(acts()).toEqual([]);
  });

  test("refuses a key that is there twice, for nobody knows which one wins", async () => {
    const key = "LLM_API_KEY";
    server.state.variables.push({ ...rowOf(key), uuid: "twin" });
    const error = await errorOf(client().setVariable("api", { key, value }, signal));
    expect(error.message).toContain("it has several LLM_API_KEY; expected each once");
    expect(acts()).toEqual([]);
  });

  test.each<readonly [string, string, Partial<VariableRow>]>([
    ["", "is empty", {}],
    [" a-canary-value", "begins or ends with a blank", {}],
    ["a-canary-value\n", "begins or ends with a blank", {}],
    ["a-canary\nvalue", "has several lines", {}],
    ["a-canary-'value", "has a single quote", { is_literal: true }],
    ["a-canary-$value", "has a $ in it", { is_literal: false }],
    ["{{team.a-canary}}", "reads like a reference", {}],
  ])(
    "refuses %j, which Coolify would hand on as another one, and does not show it",
    async (text, says, flags) => {
      const key = "LLM_API_KEY";
      Object.assign(rowOf(key), flags);
      const wanted = { key, value: new Secret(text) };
      const error = await errorOf(client().setVariable("api", wanted, signal));
      expect(error).toMatchObject({ kind: "rejected" });
      expect(error.message).toContain(`LLM_API_KEY of api: the value ${says}`);
      expect(error.message).not.toContain("canary");
      expect(acts()).toEqual([]);
    },
  );

  test("refuses a name that is none", async () => {
    const error = await errorOf(client().setVariable("api", { key: "A B", value }, signal));
    expect(error.message).toBe('"A B" is no name of a variable');
  });

  test("that Coolify takes and does not keep is no success", async () => {
    const row = rowOf("LLM_API_KEY", true);
    Object.defineProperty(row, "value", { enumerable: true, get: () => "old", set: () => {} });
    const error = await errorOf(client().setVariable("api", { key: "LLM_API_KEY", value }, signal));
    expect(error.message).toBe(
      "Coolify, LLM_API_KEY of api: it took the value and did not keep it for previews",
    );
  });

  test("works without the token that sees values, whose owner then takes Coolify's word", async () => {
    const { token, writeToken } = tokens;
    const blind = createCoolify(http, { url: server.url, token, writeToken, applications });
    expect(await blind.setVariable("api", { key: "LLM_API_KEY", value }, signal)).toBe("updated");
    expect(rowsOf("LLM_API_KEY").map((row) => row.value)).toEqual([NEW, NEW]);
  });

  test("needs the token for it, and asks nothing without", async () => {
    for (const asking of [
      reader().setVariable("api", { key: "A", value }, signal),
      reader().createVariable("api", { key: "A", value }, signal),
    ]) {
      expect((await errorOf(asking)).message).toBe("systems.coolify.writeToken is not configured");
    }
    expect(server.calls()).toEqual([]);
  });

  test("shows the value nowhere, not even where Coolify says it", async () => {
    const { writeToken } = tokens;
    const echo = {
      request: async ({ body = "[]" }: { readonly body?: string }) => ({
        status: body === "[]" ? 200 : 422,
        headers: {},
        bodyText: body === "[]" ? body : JSON.stringify({ message: `no: ${body}` }),
        truncated: false,
        durationMs: 1,
      }),
    };
    const hostile = createCoolify(echo, {
      url: server.url,
      token: writeToken,
      writeToken,
      applications,
    });
    const error = await errorOf(hostile.setVariable("api", { key: "A", value }, signal));
    expect(error.message).toContain('"value":"[secret]"');
    expect(error.message).not.toContain(NEW);
  });
});

describe("to create a variable", () => {
  test("makes one that is missing", async () => {
    expect(await client().createVariable("api", { key: "BRAND_NEW", value }, signal)).toBe(
      "created",
    );
    expect(rowsOf("BRAND_NEW").map((row) => row.value)).toEqual([NEW, NEW]);
  });

  test("never touches one that is there, whatever its value", async () => {
    rowOf("LLM_API_KEY").value = null;
    const before = structuredClone(server.state.variables);
    expect(await client().createVariable("api", { key: "LLM_API_KEY", value }, signal)).toBe(
      "exists",
    );
    expect(server.state.variables).toEqual(before);
    expect(acts()).toEqual([]);
  });

  test("leaves a preview that stood alone as it is", async () => {
    const key = "LLM_API_KEY";
    server.state.variables = server.state.variables.filter((row) => row !== rowOf(key));
    expect(await client().createVariable("api", { key, value }, signal)).toBe("created");
    expect(rowOf(key).value).toBe(NEW);
    expect(rowOf(key, true).value).toBe(secrets.xaiKey);
  });

  test("takes it for there when somebody else was first", async () => {
    const key = "LLM_API_KEY";
    const hidden = rowOf(key);
    // Whoever looks does not see it yet; whoever writes meets it.
    const late = {
      request: async (...given: Parameters<typeof http.request>) => {
        const answer = await http.request(...given);
        if (given[0].method !== "GET") return answer;
        const rows = JSON.parse(answer.bodyText) as readonly { readonly uuid: string }[];
        return {
          ...answer,
          bodyText: JSON.stringify(rows.filter(({ uuid }) => uuid !== hidden.uuid)),
        };
      },
    };
    const coolify = createCoolify(late, { url: server.url, ...tokens, applications });
    expect(await coolify.createVariable("api", { key, value }, signal)).toBe("exists");
    expect(rowOf(key).value).toBe(secrets.xaiKey);
  });
});

describe("a task", () => {
  const plan = {
    name: "flightdeck-migration",
    command: "alembic upgrade head; echo RC=$?",
    frequency: "@yearly",
    isEnabled: false,
    timeoutMs: 90_000,
  };

  test("is created as it was planned, listed, and changed in what is named only", async () => {
    const coolify = client();
    expect(await coolify.tasks("api", signal)).toEqual([]);
    const created = await coolify.createTask("api", plan, signal);
    expect(created).toEqual({ uuid: expect.any(String), ...plan });
    expect(await coolify.tasks("api", signal)).toEqual([created]);
    expect(await coolify.tasks("worker", signal)).toEqual([]);
    const command = "alembic current";
    expect(await coolify.updateTask("api", created.uuid, { command }, signal)).toEqual({
      ...created,
      command,
    });
    expect(effects.counts().tasksWritten).toBe(2);
  });

  test("that is not enabled runs when it is told to, as an execution that was not there before", async () => {
    const coolify = client();
    const { uuid } = await coolify.createTask("api", plan, signal);
    expect(await coolify.taskExecutions("api", uuid, signal)).toEqual([]);
    await coolify.executeTask("api", uuid, signal);
    const [begun] = await coolify.taskExecutions("api", uuid, signal);
    expect(begun).toMatchObject({ startedAt: expect.any(Date) });
    await expect
      .poll(async () => coolify.taskExecutions("api", uuid, signal), { timeout: 20_000 })
      .toEqual([
        expect.objectContaining({
          uuid: begun!.uuid,
          status: "failed",
          output: expect.stringContaining("alembic: not found"),
          finishedAt: expect.any(Date),
        }),
      ]);
    await coolify.executeTask("api", uuid, signal);
    const executions = await coolify.taskExecutions("api", uuid, signal);
    expect(executions.map((each) => each.uuid)).toEqual([expect.any(String), begun!.uuid]);
    expect(effects.counts().tasksExecuted).toBe(2);
  });

  test("of another application is not reached", async () => {
    const coolify = client();
    const { uuid } = await coolify.createTask("staging-api", plan, signal);
    const error = await errorOf(coolify.executeTask("api", uuid, signal));
    expect(error).toMatchObject({ kind: "rejected", code: "404" });
    expect(effects.counts().tasksExecuted).toBe(0);
  });

  test("whose name could lead elsewhere is none", async () => {
    const elsewhere = `../../${ids.worker}/scheduled-tasks/x`;
    const error = await errorOf(client().executeTask("api", elsewhere, signal));
    expect(error).toMatchObject({ kind: "rejected" });
    expect(server.calls()).toEqual([]);
  });

  test("needs the token that may write, to be made, changed or run", async () => {
    for (const asking of [
      reader().createTask("api", plan, signal),
      reader().updateTask("api", "x", plan, signal),
      reader().executeTask("api", "x", signal),
    ]) {
      expect((await errorOf(asking)).message).toBe("systems.coolify.writeToken is not configured");
    }
    expect(server.calls()).toEqual([]);
  });

  test("that Coolify refuses says why", async () => {
    const wrong = { ...plan, frequency: "sometimes" };
    const error = await errorOf(client().createTask("api", wrong, signal));
    expect(error.message).toBe(
      "Coolify, creating a task of api: refused (422: Validation failed. frequency: The frequency field is invalid.)",
    );
  });
});
