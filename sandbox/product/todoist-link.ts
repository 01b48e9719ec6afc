import { z } from "zod";

import type { ProductSettings } from "./settings.ts";

const taskSchema = z.object({ id: z.string(), content: z.string(), is_completed: z.boolean() });
type RemoteTask = z.output<typeof taskSchema>;

/** What the worker asks of Todoist. Every refusal is an error, save that a task is not there. */
export type TodoistLink = {
  create(content: string): Promise<RemoteTask>;
  update(id: string, content: string): Promise<void>;
  close(id: string): Promise<void>;
  find(id: string): Promise<RemoteTask | undefined>;
};

const TIMEOUT_MS = 15_000;

export function createTodoistLink(
  { todoistUrl, todoistToken }: Pick<ProductSettings, "todoistUrl" | "todoistToken">,
  closing: AbortSignal,
): TodoistLink {
  const call = async (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`${todoistUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${todoistToken}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.any([closing, AbortSignal.timeout(TIMEOUT_MS)]),
    });
  return {
    create: async (content) => {
      const response = accepted(await call("POST", "/tasks", { content }));
      return taskSchema.parse(await response.json());
    },
    update: async (id, content) => {
      accepted(await call("POST", `/tasks/${id}`, { content }));
    },
    close: async (id) => {
      accepted(await call("POST", `/tasks/${id}/close`));
    },
    find: async (id) => {
      const response = await call("GET", `/tasks/${id}`);
      if (response.status === 404) return undefined;
      return taskSchema.parse(await accepted(response).json());
    },
  };
}

function accepted(response: Response): Response {
  if (response.ok) return response;
  throw new Error(`Client error '${response.status} ${response.statusText}' from Todoist`);
}
