import { newUuid } from "../new-uuid.ts";
import { presentExecution, presentTask } from "../present.ts";
import { notFound, Refusal } from "../refusal.ts";
import type { CoolifyRequest, Route } from "../route.ts";
import { applicationOf, bodyOf, readRoute } from "../route.ts";
import type { TaskRow } from "../rows.ts";

type Body = Readonly<Record<string, unknown>>;
const path = "/applications/:uuid/scheduled-tasks";

export const scheduledTaskRoutes: readonly Route[] = [
  readRoute(path, (request) => tasksOf(request).map(presentTask)),
  {
    method: "POST",
    path,
    ability: "write",
    status: 201,
    answer(request) {
      const { uuid: application } = applicationOf(request);
      const body = bodyOf(request);
      demandValid(body, ["name", "command", "frequency"]);
      const at = new Date().toISOString();
      const row: TaskRow = {
        uuid: newUuid(),
        application,
        name: String(body["name"]),
        command: String(body["command"]),
        frequency: String(body["frequency"]),
        container: null,
        timeout: 300,
        enabled: true,
        created_at: at,
        updated_at: at,
      };
      change(row, body);
      request.state.tasks.push(row);
      request.did("tasksWritten");
      return presentTask(row);
    },
  },
  {
    method: "PATCH",
    path: `${path}/:task`,
    ability: "write",
    answer(request) {
      const row = taskOf(request);
      const body = bodyOf(request);
      demandValid(body, []);
      change(row, body);
      row.updated_at = new Date().toISOString();
      request.did("tasksWritten");
      return presentTask(row);
    },
  },
  {
    method: "DELETE",
    path: `${path}/:task`,
    ability: "write",
    answer(request) {
      const row = taskOf(request);
      const { tasks } = request.state;
      tasks.splice(tasks.indexOf(row), 1);
      request.did("tasksWritten");
      return { message: "Scheduled task deleted." };
    },
  },
  {
    method: "POST",
    path: `${path}/:task/execute`,
    ability: "write",
    answer(request) {
      // Nobody asks whether it is enabled, nor whether it runs already.
      request.tasks.execute(taskOf(request), applicationOf(request));
      request.did("tasksExecuted");
      return { message: "Scheduled task execution queued." };
    },
  },
  readRoute(`${path}/:task/executions`, (request) => {
    const { uuid } = taskOf(request);
    const rows = request.state.executions.filter(({ task }) => task === uuid);
    return rows.toReversed().map(presentExecution);
  }),
];

function tasksOf(request: CoolifyRequest): readonly TaskRow[] {
  const { uuid } = applicationOf(request);
  return request.state.tasks.filter(({ application }) => application === uuid);
}

function taskOf(request: CoolifyRequest): TaskRow {
  const found = tasksOf(request).find(({ uuid }) => uuid === request.parameters["task"]);
  if (found === undefined) throw notFound("Scheduled task");
  return found;
}

function change(row: TaskRow, body: Body): void {
  for (const [name, value] of Object.entries(body)) Object.assign(row, { [name]: value });
}

const isText = (value: unknown): boolean => typeof value === "string" && value.length <= 65_535;

const FIELDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  name: isText,
  command: isText,
  frequency: isFrequency,
  container: (value) => value === null || isText(value),
  timeout: (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 36_000,
  enabled: (value) => typeof value === "boolean",
};

const FREQUENCIES = [
  "every_minute",
  "hourly",
  "daily",
  "weekly",
  "monthly",
  "yearly",
  "@hourly",
  "@daily",
  "@weekly",
  "@monthly",
  "@yearly",
];

/** Five fields as cron has them, or one of a few words. */
function isFrequency(value: unknown): boolean {
  if (typeof value !== "string") return false;
  return FREQUENCIES.includes(value) || /^(?:[\d*/,-]+ ){4}[\d*/,-]+$/.test(value);
}

function demandValid(body: Body, required: readonly string[]): void {
  const missing = required
    .filter((name) => body[name] === undefined || body[name] === null)
    .map((name) => [name, [`The ${name} field is required.`]] as const);
  const wrong = Object.entries(body).flatMap(([name, value]) => {
    const problem = problemOf(name, value);
    return problem === undefined ? [] : [[name, [problem]] as const];
  });
  if (missing.length + wrong.length === 0) return;
  const errors = Object.fromEntries([...wrong, ...missing]);
  throw new Refusal(422, { message: "Validation failed.", errors });
}

function problemOf(name: string, value: unknown): string | undefined {
  if (!Object.hasOwn(FIELDS, name)) return "This field is not allowed.";
  return FIELDS[name]!(value) ? undefined : `The ${name} field is invalid.`;
}
