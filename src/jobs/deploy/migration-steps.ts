import { z } from "zod";

import { formatDuration } from "../../core/duration.ts";
import { migrationOutputSchema, readMigrationOutput } from "../../core/migration-output.ts";
import type { Secret } from "../../core/secret.ts";
import { shortened, visibleText } from "../../core/visible-text.ts";
import { growingPauses, pause } from "../../core/waiting.ts";
import type { CoolifyExecution, CoolifyTask, TaskPlan } from "../../systems/coolify-tasks.ts";
import type { Systems } from "../../systems/index.ts";
import { NotConfiguredError } from "../../systems/not-configured-error.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { Results, Step, StepContext } from "../operation.ts";
import { lookPatiently } from "./patience.ts";
import type { RolloutSettings } from "./rollout-settings.ts";

export type MigrationParts = {
  readonly systems: Pick<Systems, "databaseLocks"> & {
    readonly coolify: Pick<
      Systems["coolify"],
      "tasks" | "createTask" | "updateTask" | "executeTask" | "taskExecutions"
    >;
  };
  /** The application in whose container it runs. */
  readonly application: string;
  readonly migration: NonNullable<RolloutSettings["migration"]>;
  readonly database: Secret;
  /** The revisions at which the database stands; none before the first migration. */
  revisions(signal: AbortSignal): Promise<readonly string[]>;
  /** Masks every secret that this process holds, for what a migration says may hold one. */
  readonly scrub: (text: string) => string;
  readonly everyMs?: number;
  /** How long an execution that was asked for may take to be seen. */
  readonly appearsWithinMs?: number;
  applies?(results: Results): boolean;
};

export const MIGRATION_STEPS = {
  before: "the schema is read",
  task: "the migration task is as configured",
  upgrade: "the schema is brought to its head",
  after: "the schema is at its head",
} as const;

/** What the last of these steps leaves in the journal. */
export const migratedSchema = z.object({
  from: z.array(z.string()),
  to: z.array(z.string()),
});

const beforeSchema = z.object({ revisions: z.array(z.string()) });
const taskSchema = z.object({ task: z.string() });
const baselineSchema = z.object({ executions: z.array(z.string()) });
const upgradeSchema = z.union([
  z.object({ kind: z.literal("ended"), execution: z.string(), ...migrationOutputSchema.shape }),
  /** It was surely not begun. */
  z.object({ kind: z.literal("not-begun"), why: z.string() }),
  /** A person's word on an effect in doubt. */
  z.object({ decidedBy: z.string() }).transform(() => ({ kind: "decided" as const })),
]);
type Upgrade = z.output<typeof upgradeSchema>;

const SHORT_MS = 60_000;
const SLACK_MS = 60_000;
const EVERY_MS = 2_000;
const APPEARS_WITHIN_MS = 30_000;
const LONGEST_MS = 36_000_000;
const SHORTEST_MS = 60_000;
const SAID_LIMIT = 300;
/** Cron has no "never"; a task that is not enabled does not run at this time either. */
const FREQUENCY = "0 0 1 1 *";

/**
 * Brings the schema to the head of the code that is deployed, in its own container, by the one way that Coolify has of
 * running anything there: a scheduled task that is never enabled, and executed by hand. Nothing that Coolify or alembic say
 * counts in the end but the revision that the database itself tells.
 */
export function migrationSteps(parts: MigrationParts): readonly Step[] {
  const { systems, application, migration, database, revisions } = parts;
  const { coolify, databaseLocks } = systems;
  const applies = parts.applies && { applies: parts.applies };
  const lock = { url: database, name: "flightdeck migration" };

  return [
    {
      kind: "look",
      name: MIGRATION_STEPS.before,
      timeoutMs: SHORT_MS,
      ...applies,
      look: async ({ signal }) => ({ revisions: [...(await revisions(signal))] }),
    },
    {
      kind: "act",
      name: MIGRATION_STEPS.task,
      timeoutMs: 3 * SHORT_MS,
      ...applies,
      async observe({ signal }) {
        const task = await configuredTask(parts, signal);
        return task ? { kind: "happened", result: { task: task.uuid } } : { kind: "absent" };
      },
      act: async ({ signal }) => ({ task: (await ensureTask(parts, signal)).uuid }),
    },
    {
      kind: "act",
      name: MIGRATION_STEPS.upgrade,
      timeoutMs: migration.within + SLACK_MS,
      whenCancelled: "A migration that was begun goes on in the container of the API.",
      ...applies,
      async baseline({ results, signal }) {
        const executions = await executionsOf(parts, taskIn(results), signal);
        const running = executions.find(({ status }) => status === "running");
        if (running) throw new Error(`${migration.task} runs already, as ${running.uuid}`);
        return { executions: executions.map(({ uuid }) => uuid) };
      },
      async observe(context) {
        const begun = await newExecution(parts, context);
        if (begun === undefined) return { kind: "unclear", reason: notSeen(parts) };
        return { kind: "happened", result: await outcomeOf(parts, begun, context) };
      },
      async act(context) {
        const { results, signal } = context;
        await using held = await databaseLocks.take(lock, signal);
        if (held === undefined) {
          return notBegun("another Flightdeck holds the lock of this database's migrations");
        }
        try {
          await coolify.executeTask(application, taskIn(results), signal);
        } catch (error) {
          if (isRefusal(error)) return notBegun(error.message);
          throw error;
        }
        const begun = await newExecution(parts, context);
        if (begun === undefined) throw new Error(notSeen(parts));
        return await outcomeOf(parts, begun, context);
      },
      outcomeOf: (result) => {
        const { data } = upgradeSchema.safeParse(result);
        return data?.kind === "ended" && data.code === 0 ? "ok" : "failed";
      },
    },
    {
      kind: "look",
      name: MIGRATION_STEPS.after,
      timeoutMs: SHORT_MS,
      ...applies,
      async look({ results, signal }) {
        const { revisions: from } = beforeSchema.parse(results[MIGRATION_STEPS.before]);
        const upgrade = upgradeSchema.parse(results[MIGRATION_STEPS.upgrade]);
        const to = [...(await revisions(signal))];
        const problem = problemOf(upgrade, from, to);
        if (problem !== undefined) throw new Error(problem);
        return { from, to } satisfies z.input<typeof migratedSchema>;
      },
    },
  ];
}

type Doubtful = StepContext & { readonly baseline: unknown };

/** The task of that name, if it is what the configuration says. */
async function configuredTask(
  parts: MigrationParts,
  signal: AbortSignal,
): Promise<CoolifyTask | undefined> {
  const task = await taskNamed(parts, signal);
  return task && isAsPlanned(task, planOf(parts)) ? task : undefined;
}

/** Whoever can change its command can run anything in production, so it is compared each time and read back. */
async function ensureTask(parts: MigrationParts, signal: AbortSignal): Promise<CoolifyTask> {
  const { systems, application, migration } = parts;
  const plan = planOf(parts);
  const found = await taskNamed(parts, signal);
  if (found && isAsPlanned(found, plan)) return found;
  if (found) await systems.coolify.updateTask(application, found.uuid, plan, signal);
  else await systems.coolify.createTask(application, plan, signal);
  const kept = await configuredTask(parts, signal);
  if (kept) return kept;
  throw new Error(`Coolify took ${migration.task}, and shows another command than was sent`);
}

async function taskNamed(
  { systems, application, migration, everyMs = EVERY_MS }: MigrationParts,
  signal: AbortSignal,
): Promise<CoolifyTask | undefined> {
  const look = async () => systems.coolify.tasks(application, signal);
  const tasks = await lookPatiently(look, signal, { everyMs });
  const [task, ...others] = tasks.filter(({ name }) => name === migration.task);
  if (others.length === 0) return task;
  const count = others.length + 1;
  throw new Error(
    `${application} has ${count} tasks named ${migration.task}; expected one at most`,
  );
}

function planOf({ migration }: MigrationParts): TaskPlan {
  const timeoutMs = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, migration.within));
  const { task: name, command } = migration;
  return { name, command, frequency: FREQUENCY, isEnabled: false, timeoutMs };
}

function isAsPlanned(task: CoolifyTask, plan: TaskPlan): boolean {
  // What it is sent is trimmed.
  return (
    task.command === plan.command.trim() && !task.isEnabled && task.timeoutMs >= plan.timeoutMs
  );
}

function taskIn(results: Results): string {
  const known = taskSchema.safeParse(results[MIGRATION_STEPS.task]);
  if (known.success) return known.data.task;
  throw new Error("nobody knows which task of Coolify migrates; ask again");
}

/** Coolify gives an execution no name when it is asked for, so it is the one that was not there before. */
async function newExecution(
  parts: MigrationParts,
  { baseline, results, signal }: Doubtful,
): Promise<CoolifyExecution | undefined> {
  const { everyMs = EVERY_MS, appearsWithinMs } = parts;
  const { executions: before } = baselineSchema.parse(baseline);
  const patience = AbortSignal.timeout(appearsWithinMs ?? APPEARS_WITHIN_MS);
  const until = AbortSignal.any([signal, patience]);
  const task = taskIn(results);
  const nextPauseMs = growingPauses(everyMs);
  for (;;) {
    const isLast = patience.aborted;
    const executions = await executionsOf(parts, task, signal);
    const [begun, ...others] = executions.filter(({ uuid }) => !before.includes(uuid));
    if (others.length > 0) {
      throw new Error("somebody else has executed the same task, so nobody can tell which is ours");
    }
    if (begun || isLast) return begun;
    await pause(nextPauseMs(), until);
    signal.throwIfAborted();
  }
}

/** Waits until an execution has ended, and reads what it wrote. */
async function outcomeOf(
  parts: MigrationParts,
  begun: CoolifyExecution,
  { results, signal }: StepContext,
): Promise<Extract<Upgrade, { readonly kind: "ended" }>> {
  const { everyMs = EVERY_MS, scrub, migration } = parts;
  const task = taskIn(results);
  const nextPauseMs = growingPauses(everyMs);
  for (let now: CoolifyExecution | undefined = begun; ;) {
    if (now === undefined) throw new Error(`the execution ${begun.uuid} has vanished from Coolify`);
    if (now.status !== "running") {
      const { said, ...read } = readMigrationOutput(now.output);
      return { kind: "ended", execution: now.uuid, ...read, said: shownSaid(said, scrub) };
    }
    await pause(nextPauseMs(), signal);
    signal.throwIfAborted();
    // A Coolify that does not answer for a while says nothing about what runs elsewhere.
    const executions = await executionsOf(parts, task, signal, migration.within);
    now = executions.find(({ uuid }) => uuid === begun.uuid);
  }
}

async function executionsOf(
  { systems, application, everyMs = EVERY_MS }: MigrationParts,
  task: string,
  signal: AbortSignal,
  withinMs = SHORT_MS,
): Promise<readonly CoolifyExecution[]> {
  const look = async () => systems.coolify.taskExecutions(application, task, signal);
  return lookPatiently(look, signal, { withinMs, everyMs });
}

/** It was let in and told no, or not let in: either way nothing was done. */
function isRefusal(error: unknown): error is Error {
  if (error instanceof NotConfiguredError) return true;
  return (
    error instanceof SystemError &&
    ["rejected", "unauthorized", "rate-limited"].includes(error.kind)
  );
}

function notBegun(why: string): Extract<Upgrade, { readonly kind: "not-begun" }> {
  return { kind: "not-begun", why };
}

function notSeen({ migration, appearsWithinMs }: MigrationParts): string {
  const within = formatDuration(appearsWithinMs ?? APPEARS_WITHIN_MS);
  return `Coolify shows no new execution of ${migration.task} within ${within}; it may still come`;
}

/** Scrubbed before it is cut, for half a secret would pass unrecognised. */
function shownSaid(said: string, scrub: (text: string) => string): string {
  return shortened(visibleText(scrub(said)), SAID_LIMIT);
}

/** What is wrong after a migration, with where the schema stands, for half of it may have been done. */
function problemOf(
  upgrade: Upgrade,
  from: readonly string[],
  to: readonly string[],
): string | undefined {
  const standing =
    from.join() === to.join()
      ? `the schema still says ${spelt(to)}, but what a migration commits by itself stays`
      : `the schema went from ${spelt(from)} to ${spelt(to)}`;
  switch (upgrade.kind) {
    case "not-begun":
      return `the migration was not begun: ${upgrade.why}`;
    case "decided":
      return to.length === 0 ? "the schema has no revision" : undefined;
    case "ended": {
      const { code, heads, said } = upgrade;
      const words = said === "" ? "" : `: ${said}`;
      if (code === undefined) return `the migration did not come to its end${words}; ${standing}`;
      if (code !== 0) return `the migration ended with code ${code}${words}; ${standing}`;
      if (heads.length === 0) return `the migration named no head; ${standing}`;
      const isAtHead = heads.toSorted().join() === to.toSorted().join();
      return isAtHead ? undefined : `the head is ${spelt(heads)}; ${standing}`;
    }
  }
}

function spelt(revisions: readonly string[]): string {
  return revisions.length === 0 ? "nothing" : revisions.join(", ");
}
