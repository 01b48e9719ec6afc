import { setTimeout as sleep } from "node:timers/promises";

import { newUuid } from "./new-uuid.ts";
import type { ApplicationRow, CoolifyState, ExecutionRow, TaskRow } from "./rows.ts";
import type { Executed, Runtime } from "./runtime.ts";

/** Runs the commands of scheduled tasks, when it is told to. By their times they run nowhere here. */
export type TaskRunner = { execute(task: TaskRow, application: ApplicationRow): void };

export function createTaskRunner(options: {
  readonly state: CoolifyState;
  readonly runtime: Runtime;
  /** One attempt after each pause. */
  readonly pausesMs: readonly number[];
  readonly now: () => Date;
  /** Aborted when this Coolify ends. */
  readonly signal: AbortSignal;
}): TaskRunner {
  const { state, runtime, pausesMs, now, signal } = options;

  async function run(row: ExecutionRow, task: TaskRow, application: ApplicationRow): Promise<void> {
    const attempted = await attempt(task, application);
    const at = now();
    const seconds = (at.getTime() - Date.parse(row.started_at)) / 1_000;
    Object.assign(row, {
      ...attempted,
      duration: seconds.toFixed(2),
      finished_at: at.toISOString(),
      updated_at: at.toISOString(),
    });
  }

  async function attempt(
    task: TaskRow,
    application: ApplicationRow,
  ): Promise<Pick<ExecutionRow, "status" | "message" | "error_details" | "retry_count">> {
    let attempts = 0;
    let executed: Executed = { exitCode: 1, output: "" };
    for (const pauseMs of pausesMs) {
      await sleep(pauseMs, undefined, { signal });
      const refusal = refusalOf(application);
      if (refusal !== undefined) return failed(refusal, attempts);
      attempts += 1;
      executed = await runtime.execute(application, task.command);
      if (executed.exitCode === 0) {
        const message = executed.output;
        return { status: "success", message, error_details: null, retry_count: attempts - 1 };
      }
      if (!looksLikeNetwork(executed.output)) break;
    }
    const { exitCode, output } = executed;
    const said = output === "" ? `SSH command failed with exit code: ${exitCode}` : output;
    const message = `Job permanently failed after ${attempts} attempts: ${said}`;
    return failed(message, attempts - 1);
  }

  /** While a deployment puts one container beside another, and as long as there is none. */
  function refusalOf({ uuid, status }: ApplicationRow): string | undefined {
    const isRollingOut = state.deployments.some(
      (row) => row.application === uuid && row.status === "in_progress",
    );
    if (isRollingOut) {
      return "More than one container exists but no container name was provided.";
    }
    return status.startsWith("exited") ? `No containers found for application ${uuid}.` : undefined;
  }

  return {
    execute(task, application) {
      const at = now().toISOString();
      const row: ExecutionRow = {
        uuid: newUuid(),
        task: task.uuid,
        status: "running",
        message: null,
        error_details: null,
        retry_count: 0,
        duration: null,
        started_at: at,
        finished_at: null,
        created_at: at,
        updated_at: at,
      };
      state.executions.push(row);
      // When this Coolify ends, the row stays as it is, as it does when the real one is killed.
      void run(row, task, application).catch(() => undefined);
    },
  };
}

function failed(
  message: string,
  retry_count: number,
): Pick<ExecutionRow, "status" | "message" | "error_details" | "retry_count"> {
  const error_details =
    "#0 /var/www/html/app/Jobs/ScheduledTaskJob.php(131): instant_remote_process()";
  return { status: "failed", message, error_details, retry_count };
}

/** The layer under it takes these words for trouble of its own, whoever has said them. */
function looksLikeNetwork(output: string): boolean {
  return /Connection refused|Connection timed out|Broken pipe|Authentication failed/i.test(output);
}
