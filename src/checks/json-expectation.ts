import { z } from "zod";

import { scalarSetting } from "../core/setting.ts";
import type { Observation } from "../core/status.ts";
import { shortened } from "../core/visible-text.ts";

type Scalar = string | number | boolean | null;

const conditionSetting = z
  .strictObject({
    oneOf: z.array(scalarSetting()).min(1).optional(),
    not: scalarSetting().optional(),
    above: z.number().optional(),
    atLeast: z.number().optional(),
    atMost: z.number().optional(),
    nonEmpty: z.literal(true).optional(),
  })
  .refine(
    (condition) => Object.keys(condition).length > 0,
    "expected at least one of oneOf, not, above, atLeast, atMost, nonEmpty",
  );

/** A value by its path: the value itself, or a condition that it must meet. */
export const jsonSetting = z
  .record(
    z.string().regex(/^[^.]+(?:\.[^.]+)*$/, { error: "expected a path such as data.0.id" }),
    z.union([conditionSetting, scalarSetting()], {
      error: "expected a value, or a condition such as {atLeast: 1}",
    }),
  )
  .meta({ description: "Values in the JSON answer by their path, such as data.0.id" });

type Condition = z.output<typeof conditionSetting>;
type Expected = Condition | Scalar;
export type JsonExpectation = Readonly<Record<string, Expected>>;

export function jsonObservations(body: unknown, expected: JsonExpectation): Observation[] {
  return Object.entries(expected).map(([path, wanted]) => {
    const value = valueAt(body, path);
    return {
      what: path,
      expected: isCondition(wanted) ? words(wanted) : spelt(wanted),
      actual: spelt(value),
      ok: isCondition(wanted) ? meets(value, wanted) : value === wanted,
    };
  });
}

export function absenceObservations(body: unknown, paths: readonly string[]): Observation[] {
  return paths.map((path) => {
    const isAbsent = valueAt(body, path) === undefined;
    // What must not be in an answer may be just what nobody should read.
    return { what: path, expected: "absent", actual: isAbsent ? "absent" : "there", ok: isAbsent };
  });
}

/** What an answer holds at a path such as `data.0.id`; undefined when it holds nothing there. */
export function valueAt(body: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((value, part) => {
    if (typeof value !== "object" || value === null) return undefined;
    // Only what the answer itself holds: `__proto__` or `length` must not find what JavaScript adds.
    const holds = Array.isArray(value) ? /^\d+$/.test(part) : Object.hasOwn(value, part);
    return holds ? (value as Readonly<Record<string, unknown>>)[part] : undefined;
  }, body);
}

function isCondition(wanted: Expected): wanted is Condition {
  return typeof wanted === "object" && wanted !== null;
}

function meets(value: unknown, condition: Condition): boolean {
  const { oneOf, not, above, atLeast, atMost, nonEmpty } = condition;
  if (oneOf !== undefined && !oneOf.some((each) => each === value)) return false;
  // Whatever is missing is not the other value either, and proves nothing.
  if (not !== undefined && (value === undefined || value === not)) return false;
  if (above !== undefined && !(typeof value === "number" && value > above)) return false;
  if (atLeast !== undefined && !(typeof value === "number" && value >= atLeast)) return false;
  if (atMost !== undefined && !(typeof value === "number" && value <= atMost)) return false;
  return nonEmpty === undefined || isNonEmpty(value);
}

function isNonEmpty(value: unknown): boolean {
  if (typeof value === "string" || Array.isArray(value)) return value.length > 0;
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function words({ oneOf, not, above, atLeast, atMost, nonEmpty }: Condition): string {
  const parts: string[] = [];
  if (oneOf !== undefined) parts.push(`one of ${oneOf.map(spelt).join(", ")}`);
  if (not !== undefined) parts.push(`not ${spelt(not)}`);
  if (above !== undefined) parts.push(`above ${above}`);
  if (atLeast !== undefined) parts.push(`at least ${atLeast}`);
  if (atMost !== undefined) parts.push(`at most ${atMost}`);
  if (nonEmpty !== undefined) parts.push("not empty");
  return parts.join(" and ");
}

/** A value as an operator reads it; lists and mappings by their size, for their content may be anybody's data. */
export function spelt(value: unknown): string {
  if (value === undefined) return "missing";
  if (Array.isArray(value))
    return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) {
    const count = Object.keys(value).length;
    return count === 0 ? "an empty mapping" : `a mapping of ${count}`;
  }
  return shortened(JSON.stringify(value), 80);
}
