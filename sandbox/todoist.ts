import { randomBytes, randomInt } from "node:crypto";

import { Hono } from "hono";
import { z } from "zod";

import type { Effects } from "./effects.ts";
import { startHttpServer } from "./http-server.ts";

type TodoistTask = {
  readonly id: string;
  readonly content: string;
  readonly is_completed: boolean;
};

export type Todoist = AsyncDisposable & {
  /** The base of the API, with its version: `http://127.0.0.1:1234/api/v1`. */
  readonly url: string;
  readonly token: string;
  /** What its owner sees after a tap on "Issue a new API token": the old one is dead at once. */
  regenerate(): string;
  setRevoked(revoked: boolean): void;
  setFailing(failing: boolean): void;
  tasks(): readonly TodoistTask[];
  /** Somebody deletes a task in Todoist itself. */
  remove(id: string): void;
};

const taskRequest = z.object({ content: z.string().min(1).max(500) });

/** One account of Todoist with an inbox, as far as the product and its checks use it. */
export async function startTodoist(options: {
  readonly token: string;
  /** What is in it already, by id. */
  readonly tasks: Readonly<Record<string, string>>;
  readonly effects: Effects;
  /** A token that it tells everybody when it fails. */
  readonly indiscretion: string;
}): Promise<Todoist> {
  const { effects, indiscretion } = options;
  let { token } = options;
  const tasks = new Map<string, TodoistTask>(
    Object.entries(options.tasks).map(([id, content]) => [
      id,
      { id, content, is_completed: false },
    ]),
  );
  let revoked = false;
  let failing = false;

  const app = new Hono();
  app.use("/api/v1/*", async (context, next) => {
    if (context.req.header("authorization") !== `Bearer ${token}` || revoked) {
      effects.add("todoistRefusals");
      return context.json(refusal("Unauthorized", "UNAUTHORIZED", 401), 401);
    }
    if (failing) {
      effects.add("todoistRefusals");
      return context.json(
        refusal(`Unexpected: Bearer ${indiscretion} was refused`, "INTERNAL_SERVER_ERROR", 500),
        500,
      );
    }
    return next();
  });
  app.get("/api/v1/user", (context) => context.json(owner));
  app.get("/api/v1/projects", (context) => context.json({ results: [inbox], next_cursor: null }));
  app.get("/api/v1/tasks", (context) => {
    const open = [...tasks.values()].filter((task) => !task.is_completed);
    return context.json({ results: open, next_cursor: null });
  });
  app.post("/api/v1/tasks", async (context) => {
    const body = taskRequest.safeParse(await context.req.json().catch(() => undefined));
    if (!body.success) return context.json(refusal("Required argument is missing"), 400);
    const task = { id: newId(), content: body.data.content, is_completed: false };
    tasks.set(task.id, task);
    effects.add("todoistTasksCreated");
    return context.json(task);
  });
  app.get("/api/v1/tasks/:id", (context) => {
    const task = tasks.get(context.req.param("id"));
    return task === undefined ? context.json(notFound, 404) : context.json(task);
  });
  app.post("/api/v1/tasks/:id", async (context) => {
    const task = tasks.get(context.req.param("id"));
    if (task === undefined) return context.json(notFound, 404);
    const body = taskRequest.safeParse(await context.req.json().catch(() => undefined));
    if (!body.success) return context.json(refusal("Required argument is missing"), 400);
    const changed = { ...task, content: body.data.content };
    tasks.set(task.id, changed);
    return context.json(changed);
  });
  app.post("/api/v1/tasks/:id/close", (context) => {
    const task = tasks.get(context.req.param("id"));
    if (task === undefined) return context.json(notFound, 404);
    tasks.set(task.id, { ...task, is_completed: true });
    return context.body(null, 204);
  });

  const server = await startHttpServer(app.fetch);
  return {
    url: `${server.url}/api/v1`,
    get token() {
      return token;
    },
    regenerate: () => {
      token = randomBytes(20).toString("hex");
      return token;
    },
    setRevoked: (value) => {
      revoked = value;
    },
    setFailing: (value) => {
      failing = value;
    },
    tasks: () => [...tasks.values()],
    remove: (id) => {
      tasks.delete(id);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const owner = { id: "52810734", email: "ada@example.com", full_name: "Ada" };

const inbox = { id: "6XGgmFQrx44rfGHr", name: "Inbox", inbox_project: true, is_archived: false };

function refusal(error: string, tag = "INVALID_ARGUMENT", code = 400): object {
  return { error, error_code: code, error_extra: {}, error_tag: tag, http_code: code };
}

const notFound = refusal("Task not found", "NOT_FOUND", 404);

function newId(): string {
  return String(randomInt(8_500_000_000, 9_000_000_000));
}
