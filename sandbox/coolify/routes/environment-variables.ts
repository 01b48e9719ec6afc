import { channel } from "node:diagnostics_channel";

import { newUuid } from "../new-uuid.ts";
import { presentVariable } from "../present.ts";
import { notFound, Refusal } from "../refusal.ts";
import type { CoolifyRequest, Route } from "../route.ts";
import { applicationOf, bodyOf, readRoute } from "../route.ts";
import type { VariableRow } from "../rows.ts";

const FLAGS = [
  "is_literal",
  "is_multiline",
  "is_shown_once",
  "is_runtime",
  "is_buildtime",
] as const;
const FIELDS: readonly string[] = ["key", "value", "is_preview", "comment", ...FLAGS];
type Body = Readonly<Record<string, unknown>>;

export const environmentVariableRoutes: readonly Route[] = [
  // Production's rows first, then the twins for previews, in one list.
  readRoute("/applications/:uuid/envs", (request) =>
    rowsOf(request)
      .toSorted((one, other) => Number(one.is_preview) - Number(other.is_preview))
      .map((row) => presentVariable(request.state, row, request.seesHidden)),
  ),
  {
    method: "POST",
    path: "/applications/:uuid/envs",
    ability: "write",
    status: 201,
    answer(request) {
      const { uuid } = applicationOf(request);
      const body = bodyOf(request);
      demandKnownFields(body);
      const key = keyOf(body);
      const is_preview = body["is_preview"] === true;
      if (find(request, key, is_preview) !== undefined) {
        const message = "Environment variable already exists. Use PATCH request to update it.";
        throw new Refusal(409, { message });
      }
      return { uuid: create(request, uuid, key, is_preview, body).uuid };
    },
  },
  {
    method: "PATCH",
    path: "/applications/:uuid/envs",
    ability: "write",
    status: 201,
    answer(request) {
      applicationOf(request);
      const body = bodyOf(request);
      demandKnownFields(body);
      const row = find(request, keyOf(body), body["is_preview"] === true);
      if (row === undefined) throw notFound("Environment variable");
      update(row, body);
      request.did("variablesWritten");
      return presentVariable(request.state, row, request.seesHidden);
    },
  },
  {
    method: "PATCH",
    path: "/applications/:uuid/envs/bulk",
    ability: "write",
    status: 201,
    answer(request) {
      const { uuid } = applicationOf(request);
      const data = bodyOf(request)["data"];
      if (!Array.isArray(data)) throw new Refusal(400, { message: "Bulk data is required." });
      // One after the other: what stands before a bad item stays written.
      return (data as readonly Body[]).map((item) => {
        const key = keyOf(item);
        const is_preview = item["is_preview"] === true;
        const row = find(request, key, is_preview);
        if (row === undefined) {
          const created = create(request, uuid, key, is_preview, item);
          return presentVariable(request.state, created, request.seesHidden);
        }
        update(row, item);
        request.did("variablesWritten");
        return presentVariable(request.state, row, request.seesHidden);
      });
    },
  },
  {
    method: "DELETE",
    path: "/applications/:uuid/envs/:variable",
    ability: "write",
    answer(request) {
      const { variable } = request.parameters;
      const row = rowsOf(request).find(({ uuid }) => uuid === variable);
      if (row === undefined) throw notFound("Environment variable");
      // Its twin for previews stays.
      request.state.variables = request.state.variables.filter((each) => each !== row);
      request.did("variablesWritten");
      return { message: "Environment variable deleted." };
    },
  },
];

/** What is told on the channel `sandbox.variables`, to whoever has to know what is secret from now on. */
export type VariableNews = { readonly key: string; readonly value: string | null };

const written = channel("sandbox.variables");

function rowsOf(request: CoolifyRequest): VariableRow[] {
  const { uuid } = applicationOf(request);
  return request.state.variables.filter(({ application }) => application === uuid);
}

function find(request: CoolifyRequest, key: string, is_preview: boolean): VariableRow | undefined {
  return rowsOf(request).find((row) => row.key === key && row.is_preview === is_preview);
}

function create(
  request: CoolifyRequest,
  application: string,
  key: string,
  is_preview: boolean,
  body: Body,
): VariableRow {
  const { state } = request;
  const row = (is_preview: boolean): VariableRow => ({
    id: state.variables.length + 1,
    uuid: newUuid(),
    application,
    key,
    value: valueOf(body),
    comment: typeof body["comment"] === "string" ? body["comment"] : null,
    is_preview,
    is_literal: body["is_literal"] === true,
    is_multiline: body["is_multiline"] === true,
    is_shown_once: body["is_shown_once"] === true,
    is_runtime: body["is_runtime"] !== false,
    is_buildtime: body["is_buildtime"] !== false,
  });
  const created = row(is_preview);
  state.variables.push(created);
  written.publish({ key, value: created.value } satisfies VariableNews);
  if (!is_preview && find(request, key, true) === undefined) state.variables.push(row(true));
  request.did("variablesWritten");
  return created;
}

/** Not partial: what is left out is wiped, set to false or, where it was true, too much for a column that may not be null. */
function update(row: VariableRow, body: Body): void {
  for (const flag of ["is_multiline", "is_shown_once"] as const) {
    if (row[flag] && body[flag] === undefined) throw new Refusal(500, { message: "Server Error" });
  }
  row.value = valueOf(body);
  row.is_literal = body["is_literal"] === true;
  row.is_multiline = body["is_multiline"] === true;
  row.is_shown_once = body["is_shown_once"] === true;
  if (typeof body["is_runtime"] === "boolean") row.is_runtime = body["is_runtime"];
  if (typeof body["is_buildtime"] === "boolean") row.is_buildtime = body["is_buildtime"];
  if (typeof body["comment"] === "string") row.comment = body["comment"];
  written.publish({ key: row.key, value: row.value } satisfies VariableNews);
}

function valueOf(body: Body): string | null {
  const value = body["value"];
  return typeof value === "string" ? value : null;
}

function keyOf(body: Body): string {
  const key = body["key"];
  if (typeof key === "string") return key;
  const errors = { key: ["The key field is required."] };
  throw new Refusal(422, { message: "Validation failed.", errors });
}

function demandKnownFields(body: Body): void {
  const unknown = Object.keys(body).filter((name) => !FIELDS.includes(name));
  if (unknown.length === 0) return;
  const errors = Object.fromEntries(unknown.map((name) => [name, ["This field is not allowed."]]));
  throw new Refusal(422, { message: "Validation failed.", errors });
}
