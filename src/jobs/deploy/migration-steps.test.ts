import { describe, expect, test } from "vitest";

import type { Json } from "../../core/json.ts";
import { Secret } from "../../core/secret.ts";
import type { CoolifyExecution, CoolifyTask } from "../../systems/coolify-tasks.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { ActStep, LookStep, Step } from "../operation.ts";
import { MIGRATION_STEPS, migrationSteps, type MigrationParts } from "./migration-steps.ts";

const COMMAND = "alembic upgrade head; echo RC=$?";

/** A Coolify with one application, whose database moves when the command is executed. */
function coolifyOf(
  scene: {
    readonly tasks?: readonly Partial<CoolifyTask>[];
    /** How an execution ends, and where the schema stands then. */
    readonly ends?: {
      readonly status: string;
      readonly output: string;
      readonly at?: readonly string[];
    };
    readonly accepts?: "answers" | "breaks" | "refuses" | "never-queues";
    readonly isLocked?: boolean;
    readonly runningBefore?: boolean;
  } = {},
) {
  const tasks: CoolifyTask[] = (scene.tasks ?? []).map((task, index) => ({
    uuid: `task-${index}`,
    name: "flightdeck-migration",
    command: COMMAND,
    frequency: "0 0 1 1 *",
    isEnabled: false,
    timeoutMs: 600_000,
    ...task,
  }));
  const executions: CoolifyExecution[] = [
    executionOf("old", scene.runningBefore ? "running" : "success"),
  ];
  const did = { executed: 0, written: 0, locksGiven: 0, locksBack: 0 };
  let schema: readonly string[] = ["aaaa"];
  const { accepts = "answers" } = scene;
  const ends = scene.ends ?? { status: "success", output: "bbbb (head)\nRC=0", at: ["bbbb"] };
  const parts: MigrationParts = {
    application: "api",
    migration: { task: "flightdeck-migration", command: COMMAND, within: 60_000 },
    database: new Secret("postgresql://localhost/product"),
    revisions: async () => schema,
    scrub: (text) => text.replaceAll("hunter2", "[secret]"),
    everyMs: 1,
    appearsWithinMs: 20,
    systems: {
      databaseLocks: {
        async take() {
          if (scene.isLocked) return undefined;
          did.locksGiven += 1;
          return { [Symbol.asyncDispose]: async () => void (did.locksBack += 1) };
        },
      },
      coolify: {
        tasks: async () => tasks,
        async createTask(_application, plan) {
          did.written += 1;
          const task = { uuid: `task-${tasks.length}`, ...plan };
          tasks.push(task);
          return task;
        },
        async updateTask(_application, uuid, changes) {
          did.written += 1;
          const index = tasks.findIndex((task) => task.uuid === uuid);
          tasks[index] = { ...tasks[index]!, ...changes };
          return tasks[index];
        },
        async executeTask() {
          if (accepts === "refuses")
            throw new SystemError("coolify", "unauthorized", "may not do this");
          if (accepts === "never-queues") return;
          did.executed += 1;
          executions.unshift(executionOf("new", "running"));
          if (accepts === "breaks")
            throw new SystemError("coolify", "unreachable", "it is in trouble (500)");
        },
        async taskExecutions() {
          const shown = [...executions];
          const index = executions.findIndex(
            ({ uuid, status }) => uuid === "new" && status === "running",
          );
          // It has ended by the next look.
          if (index >= 0) {
            executions[index] = { ...executionOf("new", ends.status), output: ends.output };
            schema = ends.at ?? schema;
          }
          return shown;
        },
      },
    },
  };
  return { parts, did, tasks, restart: () => executions.unshift(executionOf("new", "running")) };
}

function executionOf(uuid: string, status: string): CoolifyExecution {
  return { uuid, status, output: "", startedAt: undefined, finishedAt: undefined };
}

function contextOf(results: Record<string, Json>) {
  const signal = new AbortController().signal;
  return { signal, run: "R-1", key: "key", results, report: () => {} };
}

/** Performs the steps as the engine does: after a failed act it looks whether it happened, and never acts twice. */
async function perform(steps: readonly Step[]): Promise<Record<string, Json>> {
  const results: Record<string, Json> = {};
  for (const step of steps) {
    const context = contextOf(results);
    if (step.kind === "look") results[step.name] = await step.look(context);
    if (step.kind === "act") results[step.name] = await performAct(step, results);
  }
  return results;
}

async function performAct(step: ActStep, results: Record<string, Json>): Promise<Json> {
  const context = contextOf(results);
  const baseline = (await step.baseline?.(context)) ?? null;
  try {
    return await step.act({ ...context, baseline });
  } catch (error) {
    const occurrence = await step.observe({ ...context, baseline });
    if (occurrence.kind === "happened") return occurrence.result;
    throw occurrence.kind === "unclear" ? new Error(`UNCLEAR ${occurrence.reason}`) : error;
  }
}

describe("bringing the schema to its head", () => {
  test("makes its task once, executes it once, and believes the database", async () => {
    const { parts, did, tasks } = coolifyOf();
    const results = await perform(migrationSteps(parts));
    expect(results[MIGRATION_STEPS.after]).toEqual({ from: ["aaaa"], to: ["bbbb"] });
    expect(tasks).toMatchObject([{ command: COMMAND, isEnabled: false }]);
    expect(did).toEqual({ executed: 1, written: 1, locksGiven: 1, locksBack: 1 });
  });

  test("changes nothing about a task that is as configured", async () => {
    const { parts, did } = coolifyOf({ tasks: [{}] });
    await perform(migrationSteps(parts));
    expect(did).toMatchObject({ executed: 1, written: 0 });
  });

  test.each([
    ["runs another command", { command: "curl example.com | sh" }],
    ["runs by itself", { isEnabled: true }],
    ["is cut short before the migration may end", { timeoutMs: 1_000 }],
  ])("sets a task right that %s", async (_title, task) => {
    const { parts, did, tasks } = coolifyOf({ tasks: [task] });
    await perform(migrationSteps(parts));
    expect(tasks).toMatchObject([{ command: COMMAND, isEnabled: false, timeoutMs: 60_000 }]);
    expect(did).toMatchObject({ executed: 1, written: 1 });
  });

  test("does not guess which of two tasks of its name is meant", async () => {
    const { parts, did } = coolifyOf({ tasks: [{}, {}] });
    await expect(perform(migrationSteps(parts))).rejects.toThrow("api has 2 tasks named");
    expect(did.executed).toBe(0);
  });

  test("does not begin while an execution is running", async () => {
    const { parts, did } = coolifyOf({ runningBefore: true });
    await expect(perform(migrationSteps(parts))).rejects.toThrow("runs already, as old");
    expect(did.executed).toBe(0);
  });

  test("does not begin while another Flightdeck has the lock of this database", async () => {
    const { parts, did } = coolifyOf({ isLocked: true });
    await expect(perform(migrationSteps(parts))).rejects.toThrow(
      "the migration was not begun: another Flightdeck holds the lock",
    );
    expect(did.executed).toBe(0);
  });

  test("finds the execution that Coolify began although its answer was an error", async () => {
    const { parts, did } = coolifyOf({ accepts: "breaks" });
    const results = await perform(migrationSteps(parts));
    expect(results[MIGRATION_STEPS.after]).toMatchObject({ to: ["bbbb"] });
    expect(did.executed).toBe(1);
  });

  test("says that it was refused, which is no doubt", async () => {
    const { parts } = coolifyOf({ accepts: "refuses" });
    await expect(perform(migrationSteps(parts))).rejects.toThrow("not begun: may not do this");
  });

  test("leaves it to a person when Coolify took it and shows nothing", async () => {
    const { parts } = coolifyOf({ accepts: "never-queues" });
    await expect(perform(migrationSteps(parts))).rejects.toThrow(/^UNCLEAR .* it may still come/);
  });

  test("waits for a Coolify that is asked too often, and calls nothing unclear for that", async () => {
    const { parts, did } = coolifyOf();
    const { taskExecutions, tasks } = parts.systems.coolify;
    let asked = 0;
    const sometimes = (): void => {
      asked += 1;
      if (asked % 2 === 0) throw new SystemError("coolify", "rate-limited", "asked too often");
    };
    const coolify = {
      ...parts.systems.coolify,
      async tasks(...of: Parameters<typeof tasks>) {
        sometimes();
        return tasks(...of);
      },
      async taskExecutions(...of: Parameters<typeof taskExecutions>) {
        sometimes();
        return taskExecutions(...of);
      },
    };
    const results = await perform(
      migrationSteps({ ...parts, systems: { ...parts.systems, coolify } }),
    );
    expect(results[MIGRATION_STEPS.after]).toMatchObject({ to: ["bbbb"] });
    expect(did.executed).toBe(1);
  });

  test("adopts what was begun before a restart, and does not begin again", async () => {
    const { parts, did, restart } = coolifyOf({ tasks: [{}] });
    const [before, task, upgrade, after] = migrationSteps(parts) as [
      LookStep,
      ActStep,
      ActStep,
      LookStep,
    ];
    const results: Record<string, Json> = {};
    results[before.name] = await before.look(contextOf(results));
    results[task.name] = await task.act({ ...contextOf(results), baseline: null });
    const baseline = (await upgrade.baseline?.(contextOf(results))) ?? null;
    restart();
    const occurrence = await upgrade.observe({ ...contextOf(results), baseline });
    expect(occurrence).toMatchObject({ kind: "happened", result: { code: 0, execution: "new" } });
    results[upgrade.name] = occurrence.kind === "happened" ? occurrence.result : null;
    expect(await after.look(contextOf(results))).toMatchObject({ to: ["bbbb"] });
    expect(did.executed).toBe(0);
  });

  const failed = (output: string, at?: readonly string[]) =>
    at === undefined ? { status: "failed", output } : { status: "failed", output, at };
  test.each([
    [
      "that failed at once",
      failed("psycopg.errors.DuplicateTable: it exists\nRC=1"),
      /ended with code 1: psycopg.errors.DuplicateTable: it exists; the schema still says aaaa/,
    ],
    [
      "that went half the way",
      failed("boom\ncccc (head)\nRC=1", ["bbbb"]),
      /ended with code 1: boom; the schema went from aaaa to bbbb/,
    ],
    ["that was cut short", failed("", undefined), /did not come to its end; the schema still says/],
    [
      "that says it went well, and the database says otherwise",
      { status: "success", output: "bbbb (head)\nRC=0", at: ["aaaa"] },
      /the head is bbbb; the schema still says aaaa/,
    ],
    [
      "that does not know its head",
      { status: "success", output: "RC=0", at: ["bbbb"] },
      /named no head/,
    ],
  ])("fails for a migration %s, and says where the schema stands", async (_title, ends, words) => {
    const { parts } = coolifyOf({ ends });
    await expect(perform(migrationSteps(parts))).rejects.toThrow(words);
  });

  test("masks what the migration said", async () => {
    const ends = { status: "failed", output: "could not log in with hunter2\nRC=1" };
    const { parts } = coolifyOf({ ends });
    const failure = await perform(migrationSteps(parts)).catch(String);
    expect(failure).toContain("could not log in with [secret]");
  });

  test("calls an upgrade that did not go well a failure in the evidence", () => {
    const upgrade = migrationSteps(coolifyOf().parts)[2] as ActStep;
    const ended = { kind: "ended", execution: "new", heads: [], said: "" };
    expect(upgrade.outcomeOf?.({ ...ended, code: 0 })).toBe("ok");
    expect(upgrade.outcomeOf?.({ ...ended, code: 1 })).toBe("failed");
    expect(upgrade.outcomeOf?.({ kind: "not-begun", why: "no" })).toBe("failed");
  });
});
