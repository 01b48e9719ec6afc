import { describe, expect, test } from "vitest";

import { cardText } from "../../core/card-text.ts";
import type { Json } from "../../core/json.ts";
import type { VariableStanding } from "../../core/secret-plan.ts";
import { Secret } from "../../core/secret.ts";
import type { Run } from "../../storage/run.ts";
import type { CoolifyVariable } from "../../systems/coolify.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { ActStep, LookStep, Operation, RunView } from "../operation.ts";
import { LOOK } from "./secrets-init-report.ts";
import { createVariables, variablesSetting } from "./secrets-init-settings.ts";
import { createSecrets } from "./secrets-init.ts";

const both = { applications: ["api", "worker"] };
const variables = createVariables(
  variablesSetting.parse({
    DATABASE_URL: { ...both, ask: "the database" },
    APP_TOKENS: { ...both, generate: "token" },
    LLM_KEY: { ...both, secret: new Secret("xai-given") },
    APP_ENV: { applications: ["api"], value: "production" },
  }),
);

/** A Coolify of maps, with what may be seen of its values and what it refuses. */
function fakeCoolify(
  held: Readonly<Record<string, Record<string, string>>>,
  options: {
    readonly hidden?: boolean;
    readonly refuse?: (key: string) => void;
    /** Called by every look. */
    readonly refuseLook?: () => void;
  } = {},
) {
  const created: string[] = [];
  return {
    created,
    held,
    async variables(application: string): Promise<readonly CoolifyVariable[]> {
      options.refuseLook?.();
      return Object.entries(held[application] ?? {}).map(([key, value]) => ({
        key,
        isRuntime: true,
        value: options.hidden ? undefined : new Secret(value),
      }));
    },
    async createVariable(application: string, { key, value }: { key: string; value: Secret }) {
      options.refuse?.(key);
      const rows = held[application] ?? {};
      if (Object.hasOwn(rows, key)) return "exists" as const;
      rows[key] = value.reveal();
      created.push(`${application} ${key}`);
      return "created" as const;
    },
  };
}

type Fake = ReturnType<typeof fakeCoolify>;

const supplied = new Map([["DATABASE_URL", new Secret("postgresql+asyncpg://typed")]]);
const operationsOn = (coolify: Fake, ready: ReadonlyMap<string, Secret> = supplied) => {
  const [look, init] = createSecrets({
    coolify,
    variables,
    supplied: ready,
    allowedAgainMs: 1,
  });
  return { look: look!, init: init! };
};
const context = (results = {}) => ({
  signal: new AbortController().signal,
  run: "R-1",
  key: "k",
  results,
  report: () => {},
});

async function lookedAt(coolify: Fake, ready = supplied) {
  const [step] = operationsOn(coolify, ready).look.steps({});
  return (await (step as LookStep).look(context())) as unknown as readonly VariableStanding[];
}

/** Performs the operation as the engine would on a good day. */
async function initialised(operation: Operation, missing: readonly VariableStanding[]) {
  const input = { missing: missing as unknown as Json };
  const results: Record<string, Json> = {};
  for (const step of operation.steps(input)) {
    const acting = step as ActStep;
    results[step.name] =
      step.kind === "act"
        ? await acting.act({
            ...context(results),
            baseline: (await acting.baseline?.(context(results))) ?? null,
          })
        : await (step as LookStep).look(context(results));
  }
  return { results, conclusion: operation.conclude(input, results) };
}

describe("secrets init", () => {
  test("puts what is missing where it belongs, the same into both, and looks at it again", async () => {
    const coolify = fakeCoolify({ api: {}, worker: { LLM_KEY: "xai-given" } });
    const { conclusion } = await initialised(operationsOn(coolify).init, await lookedAt(coolify));
    expect(conclusion).toEqual({
      verdict: "GO",
      facts: {
        created: "api: DATABASE_URL APP_TOKENS LLM_KEY APP_ENV; worker: DATABASE_URL APP_TOKENS",
        set: "api: DATABASE_URL APP_TOKENS LLM_KEY APP_ENV; worker: DATABASE_URL APP_TOKENS LLM_KEY",
      },
    });
    const { api, worker } = coolify.held;
    expect(api).toMatchObject({
      DATABASE_URL: "postgresql+asyncpg://typed",
      LLM_KEY: "xai-given",
      APP_ENV: "production",
    });
    expect(api?.["APP_TOKENS"]).toMatch(/^[\w-]{43}$/);
    expect(worker?.["APP_TOKENS"]).toBe(api?.["APP_TOKENS"]);
  });

  test("writes no value into its input, its journal or its facts", async () => {
    const coolify = fakeCoolify({ api: {}, worker: {} });
    const standings = await lookedAt(coolify);
    const told = JSON.stringify([
      standings,
      await initialised(operationsOn(coolify).init, standings),
    ]);
    for (const value of Object.values(coolify.held["api"] ?? {}).filter((one) => one.length > 10)) {
      expect(told).not.toContain(value);
    }
    expect(Object.values(coolify.held["api"] ?? {})).toHaveLength(4);
  });

  test("gives another application what the first one has, where that can be seen", async () => {
    const coolify = fakeCoolify({
      api: {
        APP_TOKENS: "made-long-ago",
        DATABASE_URL: "here",
        LLM_KEY: "xai-given",
        APP_ENV: "production",
      },
      worker: {},
    });
    await initialised(operationsOn(coolify, new Map()).init, await lookedAt(coolify, new Map()));
    expect(coolify.held["worker"]).toEqual({
      APP_TOKENS: "made-long-ago",
      DATABASE_URL: "here",
      LLM_KEY: "xai-given",
    });
  });

  test("does nothing the second time", async () => {
    const coolify = fakeCoolify({ api: {}, worker: {} });
    await initialised(operationsOn(coolify).init, await lookedAt(coolify));
    const before = [...coolify.created];
    const standings = await lookedAt(coolify);
    expect(standings.flatMap(({ missing }) => missing)).toEqual([]);
    expect(operationsOn(coolify).look.conclude({}, { [LOOK]: standings })).toMatchObject({
      verdict: "GO",
    });
    expect(coolify.created).toEqual(before);
  });

  test("overwrites nothing that somebody put there meanwhile", async () => {
    const coolify = fakeCoolify({ api: {}, worker: {} });
    const standings = await lookedAt(coolify);
    coolify.held["api"]!["APP_ENV"] = "staging";
    const { results } = await initialised(operationsOn(coolify).init, standings);
    expect(coolify.held["api"]!["APP_ENV"]).toBe("staging");
    expect(results["create what api lacks"]).toEqual(["DATABASE_URL", "APP_TOKENS", "LLM_KEY"]);
  });
});

describe("a step that puts variables into an application", () => {
  const missing = (name: string): VariableStanding => ({
    name,
    set: [],
    missing: ["api"],
    way: "made",
  });
  const stepFor = (coolify: Fake, names: readonly string[], ready = supplied): ActStep =>
    operationsOn(coolify, ready).init.steps({
      missing: names.map(missing) as unknown as Json,
    })[0] as ActStep;

  test("has happened when all of the names are there, whoever was first", async () => {
    const coolify = fakeCoolify({ api: { APP_ENV: "x", LLM_KEY: "y" } });
    const step = stepFor(coolify, ["APP_ENV", "LLM_KEY"]);
    expect(await step.observe({ ...context(), baseline: ["APP_ENV"] })).toEqual({
      kind: "happened",
      result: ["LLM_KEY"],
    });
  });

  test("has not happened as long as one of them is missing, and may be done again", async () => {
    const coolify = fakeCoolify({ api: { APP_ENV: "x" } });
    const step = stepFor(coolify, ["APP_ENV", "LLM_KEY"]);
    expect(await step.observe({ ...context(), baseline: [] })).toEqual({ kind: "absent" });
    expect(await step.act({ ...context(), baseline: [] })).toEqual(["LLM_KEY"]);
  });

  test("waits where Coolify was asked too often, when it looks and when it writes, and leaves no doubt", async () => {
    const refusals = { looks: 2, writes: 2 };
    const tooOften = (what: keyof typeof refusals) => (): void => {
      refusals[what] -= 1;
      if (refusals[what] >= 0) throw new SystemError("coolify", "rate-limited", "asked too often");
    };
    const coolify = fakeCoolify(
      { api: {} },
      { refuse: tooOften("writes"), refuseLook: tooOften("looks") },
    );
    const step = stepFor(coolify, ["APP_ENV", "LLM_KEY"]);
    expect(await step.observe({ ...context(), baseline: [] })).toEqual({ kind: "absent" });
    expect(await step.act({ ...context(), baseline: [] })).toEqual(["APP_ENV", "LLM_KEY"]);
    expect(coolify.created).toEqual(["api APP_ENV", "api LLM_KEY"]);
  });

  test("fails in a process that does not know what was typed, and says what goes on", async () => {
    const coolify = fakeCoolify({ api: {} });
    const step = stepFor(coolify, ["DATABASE_URL"], new Map());
    await expect(step.act({ ...context(), baseline: [] })).rejects.toThrow(
      /was known to a terminal alone, which has ended; `flightdeck secrets init`/,
    );
    expect(coolify.created).toEqual([]);
  });

  test("makes no secret of its own where one is kept in a file", async () => {
    const coolify = fakeCoolify({ api: {} });
    const held = createVariables(
      variablesSetting.parse({ T: { applications: ["api"], generate: "hex", keep: "/kept" } }),
    );
    const stepWith = (ready: ReadonlyMap<string, Secret>) =>
      createSecrets({ coolify, variables: held, supplied: ready })[1]!.steps({
        missing: [missing("T")],
      })[0] as ActStep;
    const failing = stepWith(new Map()).act({ ...context(), baseline: [] });
    await expect(failing).rejects.toThrow("T was known to a terminal alone");
    const ready = new Map([["T", new Secret("of-the-file")]]);
    await stepWith(ready).act({ ...context(), baseline: [] });
    expect(coolify.held["api"]).toEqual({ T: "of-the-file" });
  });

  test("makes no second secret beside one that nobody can see", async () => {
    const coolify = fakeCoolify({ api: {}, worker: { APP_TOKENS: "t" } }, { hidden: true });
    const step = stepFor(coolify, ["APP_TOKENS"]);
    await expect(step.act({ ...context(), baseline: [] })).rejects.toThrow("worker hides its");
  });

  test("repeats no value that Coolify complains about", async () => {
    const coolify = fakeCoolify(
      { api: {} },
      {
        refuse: () => {
          throw new SystemError("coolify", "rejected", "postgresql+asyncpg://typed is no value");
        },
      },
    );
    const failing = stepFor(coolify, ["DATABASE_URL"]).act({ ...context(), baseline: [] });
    await expect(failing).rejects.toThrow("[secret] is no value");
  });
});

describe("the card", () => {
  function drawn(standings: readonly VariableStanding[], verdict: string | null, state = "ok") {
    const step = { name: LOOK, kind: "look", state: "done", result: standings };
    const view = {
      run: {
        id: "7",
        target: "alpha",
        operation: "secrets",
        actor: { name: "Ada" },
        state,
        verdict,
        reason: null,
        createdAt: new Date("2026-11-23T08:00:00Z"),
        endedAt: null,
      } as unknown as Run,
      input: {},
      steps: [step],
      now: new Date("2026-11-23T08:00:00Z"),
      timeZone: "UTC",
    } as unknown as RunView<Json>;
    return cardText(operationsOn(fakeCoolify({})).look.card(view)).split("\n");
  }

  test("says first what is wrong, then what is missing and how it comes about", async () => {
    const coolify = fakeCoolify({
      api: { LLM_KEY: "another", APP_ENV: "production" },
      worker: { DATABASE_URL: "here" },
    });
    expect(drawn(await lookedAt(coolify, new Map()), "NO-GO")).toEqual([
      "🔴 alpha · variables NO-GO: 1 not as they should be, 3 missing",
      "✗ LLM_KEY is something else in api than here",
      "– the configuration gives it: LLM_KEY (worker)",
      "– will be made: APP_TOKENS",
      "– another application has it: DATABASE_URL (api)",
      "  ✓ APP_ENV",
      "R-7 · Ada · 08:00:00",
    ]);
  });

  test("is green when all is there", async () => {
    const coolify = fakeCoolify({ api: {}, worker: {} });
    await initialised(operationsOn(coolify).init, await lookedAt(coolify));
    expect(drawn(await lookedAt(coolify), "GO")[0]).toBe("🟢 alpha · variables GO: all 4 are set");
  });
});

test("a target without variables has no such operations", () => {
  expect(createSecrets({ coolify: fakeCoolify({}), variables: [], supplied })).toEqual([]);
});
