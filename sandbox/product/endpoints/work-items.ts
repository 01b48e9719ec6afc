import { z } from "zod";

import type { Query } from "../database.ts";
import { newId } from "../ids.ts";
import { isoTime } from "../iso-time.ts";
import { Refusal } from "../refusal.ts";
import { parseBody, parseQuery } from "../request-body.ts";
import { patchRoute, postRoute, readRoute } from "../route.ts";

const path = "/v1/work_items";
const mostAtOnce = 200;

const kinds = z.enum(["project", "task", "subtask"]);
const statuses = z.enum(["open", "blocked", "done", "archived"]);

const fields = {
  kind: kinds,
  title: z.string(),
  status: statuses.nullish(),
  parent_id: z.string().nullish(),
  area_id: z.string().nullish(),
  notes: z.string().nullish(),
  priority: z.int().min(1).max(4).nullish(),
  estimated_minutes: z.int().min(1).nullish(),
  due_at: z.string().nullish(),
  scheduled_for: z.string().nullish(),
  snooze_until: z.string().nullish(),
};
const newItem = z.object(fields);
const change = z.object({ ...fields, kind: kinds.optional(), title: z.string().optional() });

const filter = z.object({
  kind: kinds.optional(),
  status: statuses.optional(),
  parent_id: z.string().optional(),
  cursor: z.string().optional(),
  limit: z
    .string()
    .regex(/^[+-]?\d+$/)
    .transform(Number)
    .default(100),
});

type WorkItem = { readonly id: string; readonly status: z.output<typeof statuses> };

/** In the order of ids, not of time: a new item may stand beyond the first page. */
export const listWorkItems = readRoute(path, async ({ database }, { user, query }) => {
  const { kind, status, parent_id: parent, cursor, limit } = parseQuery(filter, query);
  return database.query<WorkItem>(
    `select ${shown} from work_items
     where user_id = $1
       and ($2::text is null or kind::text = $2)
       and ($3::text is null or status::text = $3)
       and ($4::text is null or parent_id = $4)
       and ($5::text is null or id > $5)
     order by id limit $6`,
    [
      user,
      kind ?? null,
      status ?? null,
      parent ?? null,
      cursor ?? null,
      Math.min(limit, mostAtOnce),
    ],
  );
});

/** Needs neither the model nor Redis. */
export const createWorkItem = postRoute({
  path,
  keyed: true,
  parse: (text) => parseBody(newItem, text),
  work: async ({ database, effects }, { user }, item) => {
    const created = await database.transaction(async (query) => {
      const id = newId(prefixes[item.kind]);
      await query(
        `insert into work_items (id, user_id, kind, title, title_norm) values ($1, $2, $3, '', '')`,
        [id, user, item.kind],
      );
      return write(query, id, { status: "open", ...item });
    });
    effects.add("workItemsCreated");
    return created;
  },
});

export const changeWorkItem = patchRoute({
  path: `${path}/:id`,
  parse: (text) => parseBody(change, text),
  work: async ({ database, effects }, { user, parameters: { id = "" } }, item) => {
    if (Object.keys(item).length === 0) throw new Refusal(400, "No fields to update");
    const [before, after] = await database.transaction(async (query) => {
      const [found] = await query<WorkItem>(
        "select id, status from work_items where id = $1 and user_id = $2 for update",
        [id, user],
      );
      if (found === undefined) return [];
      return [found, await write(query, id, item)];
    });
    if (before === undefined || after === undefined) throw new Refusal(404, "Work item not found");
    if (after.status === "archived" && before.status !== "archived") {
      effects.add("workItemsArchived");
    }
    return after;
  },
});

const prefixes = { project: "prj", task: "tsk", subtask: "sub" } as const;

const shown = [
  "id, user_id, kind, parent_id, area_id, title, title_norm, notes, attributes_json, status, priority",
  ...["due_at", "scheduled_for", "snooze_until"].map(timeColumn),
  "estimated_minutes",
  ...["created_at", "updated_at", "completed_at", "archived_at"].map(timeColumn),
].join(", ");

function timeColumn(name: string): string {
  return `${isoTime(name)} as ${name}`;
}

/** Writes what was given and leaves the rest; what cannot be read as a time is none. */
async function write(query: Query, id: string, given: z.output<typeof change>): Promise<WorkItem> {
  const title = given.title?.trim();
  const values: Record<string, unknown> = {
    ...given,
    ...(title === undefined ? {} : { title, title_norm: title.toLowerCase() }),
    ...(given.status === "done" ? { completed_at: "now" } : {}),
    ...(given.status === "archived" ? { archived_at: "now" } : {}),
    updated_at: "now",
  };
  for (const name of ["due_at", "scheduled_for", "snooze_until"] as const) {
    const time = given[name];
    if (typeof time === "string" && Number.isNaN(Date.parse(time))) values[name] = null;
  }
  // The names are those of the schema above, so that nothing of a request gets into the statement.
  const names = Object.keys(values);
  const assignments = names.map((name, index) => `${name} = $${index + 2}`).join(", ");
  const rows = await query<WorkItem>(
    `update work_items set ${assignments} where id = $1 returning ${shown}`,
    [id, ...Object.values(values)],
  );
  return rows[0]!;
}
