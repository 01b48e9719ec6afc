import { describe, expect, test } from "vitest";

import { cardText } from "../../core/card-text.ts";
import type { Json } from "../../core/json.ts";
import { createScrubber } from "../../core/redaction.ts";
import { Secret } from "../../core/secret.ts";
import type { Run, RunState } from "../../storage/run.ts";
import type { Coolify, CoolifyDeployment } from "../../systems/coolify.ts";
import type { RunView, StepContext } from "../operation.ts";
import { createDeploymentLog } from "./deployment-log.ts";

const at = new Date("2026-11-23T03:04:05Z");
const own = new Secret("correct-horse-battery");
const theirs = "xai-of-the-product-0123";

const row: CoolifyDeployment = {
  uuid: "k0wo8o4s",
  commit: "5c1f0b7a9d3e48261fa0c7be5d92384716ab0e9f",
  status: "failed",
  isPreview: false,
  isRollback: true,
  createdAt: new Date("2026-11-23T03:00:00Z"),
  finishedAt: new Date("2026-11-23T03:02:00Z"),
};

type World = {
  readonly log?: string;
  readonly rows?: readonly CoolifyDeployment[];
  readonly deployment?: string;
};

/** Looks once, and gives what the card and the details show. */
async function look({ log = "", rows = [row], deployment }: World = {}) {
  const variable = { key: "LLM_API_KEY", isRuntime: true, value: new Secret(theirs) };
  const coolify = {
    deployments: async () => rows,
    deployment: async (_application: string, uuid: string) =>
      rows.find((each) => each.uuid === uuid),
    deploymentLog: async (_application: string, uuid: string) => `of ${uuid}\n${log}`,
    variables: async () => [variable],
  } as unknown as Coolify;
  const operation = createDeploymentLog({ systems: { coolify }, scrub: createScrubber([own]) });
  const input = { application: "api", ...(deployment === undefined ? {} : { deployment }) };
  const [step] = operation.steps(input);
  if (step?.kind !== "look") throw new Error("It only looks.");
  const result = await step.look({ signal: new AbortController().signal } as StepContext);
  const view = viewOf(input, "ok", result);
  return {
    result,
    conclusion: operation.conclude(input, { [step.name]: result }),
    card: operation.card(view),
    text: cardText(operation.card(view)),
    details: cardText({ title: "", parts: operation.details(view), actions: [] }),
  };
}

function viewOf(input: Json, state: RunState, result: Json): RunView<Json> {
  const run = {
    id: "7",
    target: "alpha",
    actor: { name: "Ada" },
    state,
    reason: "api was never deployed",
    createdAt: at,
    endedAt: at,
  } as unknown as Run;
  const steps = [{ name: "look at the log", result }] as unknown as RunView<Json>["steps"];
  return { run, input, steps, now: at, timeZone: "UTC" };
}

describe("the log of a deployment", () => {
  test("is told by its end, with what it was, and comes whole by a button", async () => {
    const log = Array.from({ length: 30 }, (_, line) => `line ${line}`).join("\n");
    const { card, text, details, conclusion } = await look({ log });
    expect(card.title).toBe("🔴 alpha · deployment of api · failed");
    expect(text).toContain("5c1f0b7, asked for 03:00");
    expect(text).toContain("took 2m · k0wo8o4s");
    expect(text).toContain("line 29");
    expect(text).not.toContain("line 19");
    expect(card.actions).toEqual([[{ label: "Whole log", command: "runs R-7" }]]);
    expect(details).toMatch(/line 0\n +line 1\n/);
    expect(conclusion).toEqual({
      verdict: "failed",
      facts: { application: "api", deployment: "k0wo8o4s", commit: row.commit },
    });
  });

  test("holds no value of the application's variables, and none that we hold", async () => {
    const log = `ENV LLM_API_KEY=${theirs}\nusing ${own.reveal()}`;
    const { result, text, details } = await look({ log });
    for (const shown of [JSON.stringify(result), text, details]) {
      expect(shown).not.toContain(theirs);
      expect(shown).not.toContain(own.reveal());
    }
    expect(details).toMatch(/ENV LLM_API_KEY=\[secret\]\n +using \[secret\]/);
  });

  test("is kept by its last lines when it is long, and says how many there were before", async () => {
    const log = Array.from({ length: 2_500 }, (_, line) => `line ${line} ${"x".repeat(900)}`);
    const { result, details } = await look({ log: log.join("\n") });
    expect(JSON.stringify(result).length).toBeLessThan(2_000 * 420);
    expect(details).toContain("501 lines before these");
    expect(details).toContain("line 2499 ");
    expect(details).not.toContain("line 499 ");
  });

  test("is of the newest deployment that is no preview, unless one is named", async () => {
    const rows = [{ ...row, uuid: "preview", isPreview: true }, { ...row, uuid: "newest" }, row];
    expect((await look({ rows })).details).toContain("of newest");
    expect((await look({ rows, deployment: "k0wo8o4s" })).details).toContain("of k0wo8o4s");
  });

  test("cannot be had of a deployment that does not exist", async () => {
    await expect(look({ rows: [] })).rejects.toThrow("api was never deployed");
    await expect(look({ deployment: "another" })).rejects.toThrow(
      "Coolify has no deployment another of api",
    );
  });

  test("that could not be seen says why", () => {
    const operation = createDeploymentLog({
      systems: { coolify: {} as Coolify },
      scrub: (text) => text,
    });
    const card = operation.card(viewOf({ application: "api" }, "failed", null));
    expect(card.title).toBe("⚪️ alpha · deployment of api · not seen");
    expect(cardText(card)).toContain("api was never deployed");
    expect(card.actions).toEqual([]);
  });
});
