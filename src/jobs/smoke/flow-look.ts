import { answerObservations, jsonOf } from "../../checks/http-expectation.ts";
import { requestHeaders } from "../../checks/http-headers.ts";
import {
  jsonObservations,
  jsonSetting,
  type JsonExpectation,
} from "../../checks/json-expectation.ts";
import { Secret } from "../../core/secret.ts";
import type { Observation } from "../../core/status.ts";
import { pause } from "../../core/waiting.ts";
import type { HttpAnswer } from "../../systems/http-api.ts";
import type { Systems } from "../../systems/index.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { FlowStep, Look } from "./flow-settings.ts";
import {
  filled,
  filledText,
  filledUrl,
  UnfitValueError,
  type Variables,
} from "./flow-variables.ts";

export type FlowSystems = Pick<Systems, "http" | "postgres" | "redis">;

/** What somebody answered: it can be judged by more than one expectation, and variables are taken from it. */
export type Sight = {
  readonly value: unknown;
  readonly requestId?: string | undefined;
  /** How often it was asked until it answered. */
  readonly attempts: number;
  judge(expectation: object): readonly Observation[];
};

type Asked = Exclude<FlowStep, { readonly kind: "wait-until" }> | Look;

/** More rows than this say no more. */
const ROW_LIMIT = 100;

/**
 * Asks once what a step or a look wants to know; a request may be sent again after a failure that is known to pass.
 *
 * @throws {SystemError | UnfitValueError} when there is no answer
 */
export async function see(
  systems: FlowSystems,
  asked: Asked,
  variables: Variables,
  options: { readonly signal: AbortSignal; readonly key?: string },
): Promise<Sight> {
  switch (asked.kind) {
    case "http":
      return seeHttp(systems, asked, variables, options);
    case "sql":
      return seeRows(systems, asked, variables, options.signal);
    case "redis":
      return seeList(systems, asked, variables, options.signal);
  }
}

const RETRIES = 2;
const RETRY_PAUSE_MS = 500;

/** One at a time: a request that may still be worked on is never overtaken by its own copy. */
async function seeHttp(
  { http }: FlowSystems,
  asked: Extract<Asked, { readonly kind: "http" }>,
  variables: Variables,
  { signal, key }: { readonly signal: AbortSignal; readonly key?: string },
): Promise<Sight> {
  const { method, json } = asked;
  const keyHeader = "idempotencyHeader" in asked ? asked.idempotencyHeader : undefined;
  const request = {
    method,
    url: filledUrl(asked.url, variables),
    headers: {
      ...(json === undefined ? {} : { "content-type": "application/json" }),
      ...requestHeaders(asked),
      ...(keyHeader === undefined || key === undefined ? {} : { [keyHeader.toLowerCase()]: key }),
    },
    ...(json === undefined ? {} : { body: bodyOf(filled(json, variables)) }),
  };
  for (let attempts = 1; ; attempts += 1) {
    try {
      const answer = await http.request(request, signal);
      const mayPass = answer.status >= 500 && !asked.expect.status.includes(answer.status);
      if (!mayPass || !(await isWorthAnother(attempts, signal))) {
        return sightOf(asked, answer, variables, attempts);
      }
    } catch (error) {
      const mayPass = error instanceof SystemError && error.kind === "unreachable";
      if (!mayPass || !(await isWorthAnother(attempts, signal))) throw error;
    }
  }
}

async function isWorthAnother(attempts: number, signal: AbortSignal): Promise<boolean> {
  if (attempts > RETRIES) return false;
  await pause(RETRY_PAUSE_MS, signal);
  return !signal.aborted;
}

/** The only place where a secret of a body is spelt out. */
function bodyOf(json: unknown): string {
  return JSON.stringify(json, function spell(this: Record<string, unknown>, name, value: unknown) {
    // What JSON.stringify hands over was asked for its own form already, which is the mask.
    const original = this[name];
    return original instanceof Secret ? original.reveal() : value;
  });
}

function sightOf(
  asked: Extract<Asked, { readonly kind: "http" }>,
  answer: HttpAnswer,
  variables: Variables,
  attempts: number,
): Sight {
  if (answer.status === 429 && !asked.expect.status.includes(429)) {
    const { host, pathname } = new URL(filledUrl(asked.url, variables));
    const message = `${asked.method} ${host}${pathname}: asked too often (429)`;
    throw new SystemError("http", "rate-limited", message);
  }
  const requestId = answer.headers["x-request-id"];
  return {
    value: jsonOf(answer),
    attempts,
    ...(requestId !== undefined && /^[\w.:-]{1,80}$/.test(requestId) ? { requestId } : {}),
    judge(expectation) {
      const { status, json, absent } = expectation as typeof asked.expect;
      return answerObservations(answer, {
        status,
        ...(json === undefined ? {} : { json: expected(json, variables) }),
        ...(absent === undefined ? {} : { absent }),
      });
    },
  };
}

async function seeRows(
  { postgres }: FlowSystems,
  { url, sql, values }: Extract<Asked, { readonly kind: "sql" }>,
  variables: Variables,
  signal: AbortSignal,
): Promise<Sight> {
  // As a part of our own statement it can be nothing but a select, and give no more rows than are read.
  const bounded = `select * from (\n${sql}\n) as look limit ${ROW_LIMIT + 1}`;
  const found = await postgres.query(
    { url, sql: bounded, values: values.map((value) => filled(value, variables)) },
    signal,
  );
  // As JSON has it: times are texts, for that is how they are compared and kept.
  const rows = JSON.parse(JSON.stringify(found)) as readonly unknown[];
  const [first] = rows;
  return {
    value: first,
    attempts: 1,
    judge(expectation) {
      const { rows: count, row } = expectation as { rows?: unknown; row?: object };
      const counted =
        count === undefined
          ? []
          : jsonObservations({ rows: rows.length }, expected({ rows: count }, variables));
      if (row === undefined) return counted;
      if (first === undefined) {
        return [...counted, { what: "rows", expected: "a row", actual: "none", ok: false }];
      }
      return [...counted, ...jsonObservations(first, expected(row, variables))];
    },
  };
}

async function seeList(
  { redis }: FlowSystems,
  { url, list: named }: Extract<Asked, { readonly kind: "redis" }>,
  variables: Variables,
  signal: AbortSignal,
): Promise<Sight> {
  const list = filledText(named, variables);
  const [reply] = await redis.read({ url, commands: [["llen", list]] }, signal);
  if (reply?.ok !== true || typeof reply.value !== "number") {
    throw new SystemError("redis", "malformed", `${list} is no list, so it has no length`);
  }
  const length = reply.value;
  return {
    value: { length },
    attempts: 1,
    judge(expectation) {
      const { length: wanted } = expectation as { length?: unknown };
      const counted = jsonObservations({ length }, expected({ length: wanted }, variables));
      return counted.map((each) => ({ ...each, what: `length of ${list}` }));
    },
  };
}

/** An expectation with its variables filled in. What was learnt may not be the number that a condition needs. */
function expected(values: object, variables: Variables): JsonExpectation {
  const parsed = jsonSetting.safeParse(filled(values, variables));
  if (parsed.success) return parsed.data;
  const names = Object.keys(values).join(", ");
  throw new UnfitValueError(
    `a variable in the expectation of ${names} is not of the type that it needs`,
  );
}
