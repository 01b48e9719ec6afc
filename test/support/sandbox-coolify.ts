import { expect } from "vitest";

import { ids } from "../../sandbox/coolify/ids.ts";
import type { DeploymentRow, ExecutionRow } from "../../sandbox/coolify/rows.ts";
import type { World } from "../../sandbox/world.ts";

export type Answer<Body = unknown> = { readonly status: number; readonly body: Body };

/** Asks the Coolify of a world as somebody would who does not know our client. */
export function asksCoolify(world: World) {
  const tokenFor = (method: string, path: string): string => {
    const deploys = /\/(rollback|restart|stop|start|cancel)$|^\/deploy\b/.test(path);
    const name = method === "GET" ? "SENSITIVE" : deploys ? "DEPLOY" : "WRITE";
    return world.environment[`SANDBOX_COOLIFY_${name}_TOKEN`]!;
  };

  async function ask<Body = unknown>(
    method: string,
    path: string,
    body?: object,
  ): Promise<Answer<Body>> {
    const response = await fetch(`${world.coolify.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${tokenFor(method, path)}`,
        accept: "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === "" ? null : JSON.parse(text)) as Body };
  }

  const rowOf = (uuid: string): DeploymentRow | undefined =>
    world.coolify.state.deployments.find((row) => row.deployment_uuid === uuid);

  /** Asks for a commit, and gives the row once nothing more becomes of it. */
  async function deploy(service: "api" | "worker", commit: string): Promise<DeploymentRow> {
    const path = `/applications/${ids[service]}/rollback`;
    const { body } = await ask<{ deployment_uuid: string }>("POST", path, { commit });
    return ended(body.deployment_uuid);
  }

  async function ended(uuid: string): Promise<DeploymentRow> {
    const isOver = (): boolean => {
      const { status, finished_at } = rowOf(uuid)!;
      return status === "cancelled-by-user" || finished_at !== null;
    };
    await expect.poll(isOver, { timeout: 30_000 }).toBe(true);
    return rowOf(uuid)!;
  }

  /** Runs a command in the container of the API, as a scheduled task. */
  async function run(command: string): Promise<ExecutionRow> {
    const tasks = `/applications/${ids.api}/scheduled-tasks`;
    const task = { name: "flightdeck", command, frequency: "@yearly", enabled: false };
    const { body } = await ask<{ uuid: string }>("POST", tasks, task);
    await ask("POST", `${tasks}/${body.uuid}/execute`);
    const newest = async (): Promise<ExecutionRow> => {
      const path = `${tasks}/${body.uuid}/executions`;
      return (await ask<readonly ExecutionRow[]>("GET", path)).body[0]!;
    };
    await expect.poll(async () => (await newest()).status, { timeout: 30_000 }).not.toBe("running");
    return newest();
  }

  return { ask, deploy, ended, run, rowOf };
}
