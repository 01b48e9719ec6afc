import { z } from "zod";

import { type CoolifyAccess, segment } from "./coolify-access.ts";
import { coolifyTimeSchema } from "./coolify-answers.ts";

/** A command that Coolify runs in the container of an application: its only way of running anything there. */
export type CoolifyTask = TaskPlan & {
  readonly uuid: string;
};

export type TaskPlan = {
  readonly name: string;
  readonly command: string;
  /** As cron has it. A task that is not enabled never runs by itself, and when it is told to all the same. */
  readonly frequency: string;
  readonly isEnabled: boolean;
  readonly timeoutMs: number;
};

export type CoolifyExecution = {
  readonly uuid: string;
  /** `running`, `success` or `failed`. */
  readonly status: string;
  /** What the command wrote, as it is; there is none while it runs. */
  readonly output: string;
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
};

export type CoolifyTasks = {
  tasks(application: string, signal: AbortSignal): Promise<readonly CoolifyTask[]>;
  createTask(application: string, plan: TaskPlan, signal: AbortSignal): Promise<CoolifyTask>;
  updateTask(
    application: string,
    task: string,
    changes: Partial<TaskPlan>,
    signal: AbortSignal,
  ): Promise<CoolifyTask>;
  /**
   * Puts one execution into the queue. Coolify does not say which: it is the one that was not there before. It runs the
   * command up to three times when what that writes reads like trouble with the network.
   */
  executeTask(application: string, task: string, signal: AbortSignal): Promise<void>;
  /** The newest first. */
  taskExecutions(
    application: string,
    task: string,
    signal: AbortSignal,
  ): Promise<readonly CoolifyExecution[]>;
};

/** Executions come all at once, each with all that it wrote. */
const EXECUTIONS_BYTES = 16 * 1024 * 1024;

export function createCoolifyTasks({ api, tokenOf, pathOf }: CoolifyAccess): CoolifyTasks {
  const tasksOf = (application: string): string => `${pathOf(application)}/scheduled-tasks`;
  const taskOf = (application: string, task: string): string =>
    `${tasksOf(application)}/${segment(task)}`;

  return {
    async tasks(application, signal) {
      const about = `tasks of ${application}`;
      const path = tasksOf(application);
      const answer = z.array(taskSchema);
      return api.json({ token: tokenOf("token"), about, path, answer }, signal);
    },
    async createTask(application, plan, signal) {
      const about = `creating a task of ${application}`;
      const request = { token: tokenOf("writeToken"), about, method: "POST" } as const;
      const path = tasksOf(application);
      return api.json({ ...request, path, json: fieldsOf(plan), answer: taskSchema }, signal);
    },
    async updateTask(application, task, changes, signal) {
      const about = `changing a task of ${application}`;
      const request = { token: tokenOf("writeToken"), about, method: "PATCH" } as const;
      const path = taskOf(application, task);
      return api.json({ ...request, path, json: fieldsOf(changes), answer: taskSchema }, signal);
    },
    async executeTask(application, task, signal) {
      const about = `executing a task of ${application}`;
      const path = `${taskOf(application, task)}/execute`;
      await api.text({ token: tokenOf("writeToken"), about, method: "POST", path }, signal);
    },
    async taskExecutions(application, task, signal) {
      const about = `executions of a task of ${application}`;
      const request = { token: tokenOf("token"), about, maximumBytes: EXECUTIONS_BYTES };
      const path = `${taskOf(application, task)}/executions`;
      return api.json({ ...request, path, answer: z.array(executionSchema) }, signal);
    },
  };
}

/** An unknown field is refused, so what is not to be changed is left out. */
function fieldsOf({ isEnabled, timeoutMs, ...rest }: Partial<TaskPlan>): object {
  return {
    ...rest,
    ...(isEnabled === undefined ? {} : { enabled: isEnabled }),
    ...(timeoutMs === undefined ? {} : { timeout: Math.ceil(timeoutMs / 1_000) }),
  };
}

const taskSchema = z
  .object({
    uuid: z.string(),
    name: z.string(),
    command: z.string(),
    frequency: z.string(),
    enabled: z.boolean(),
    timeout: z.number(),
  })
  .transform(({ uuid, name, command, frequency, enabled, timeout }): CoolifyTask => ({
    uuid,
    name,
    command,
    frequency,
    isEnabled: enabled,
    timeoutMs: timeout * 1_000,
  }));

const executionSchema = z
  .object({
    uuid: z.string(),
    status: z.string(),
    message: z.string().nullish(),
    started_at: coolifyTimeSchema.nullish(),
    finished_at: coolifyTimeSchema.nullish(),
  })
  .transform((row): CoolifyExecution => ({
    uuid: row.uuid,
    status: row.status,
    output: row.message ?? "",
    startedAt: row.started_at ?? undefined,
    finishedAt: row.finished_at ?? undefined,
  }));
