import { z } from "zod";

import type { Path } from "./problem.ts";

/** The part of JSON Schema that zod writes and that we read back. */
export type JsonSchema = {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly examples?: readonly unknown[];
};

/** Making one takes milliseconds, and every refused file asks for it. */
const made = new WeakMap<z.ZodType, JsonSchema>();

/** What a person may write, as JSON Schema; references are allowed wherever a scalar is. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const known = made.get(schema);
  if (known !== undefined) return known;
  const written = write(schema);
  made.set(schema, written);
  return written;
}

function write(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: "input",
    // zod takes the examples of a setting that converts for examples of its output; ours are what people write.
    override: ({ zodSchema, jsonSchema }) => {
      const examples = z.globalRegistry.get(zodSchema)?.["examples"];
      if (Array.isArray(examples)) jsonSchema.examples = [...examples];
    },
  }) as JsonSchema;
}

/** The schema at a path; where there are alternatives, those that fit the `kind` that the tree holds there. */
export function schemaAt(root: JsonSchema, tree: unknown, path: Path): JsonSchema | undefined {
  let schema: JsonSchema | undefined = chosen(root, tree);
  let value = tree;
  for (const part of path) {
    value = childOf(value, part);
    const child = childSchema(schema, part);
    if (child === undefined) return undefined;
    schema = chosen(child, value);
  }
  return schema;
}

function childSchema(
  schema: JsonSchema | undefined,
  part: string | number,
): JsonSchema | undefined {
  if (schema === undefined) return undefined;
  const child =
    typeof part === "number"
      ? schema.items
      : Object.hasOwn(schema.properties ?? {}, part)
        ? schema.properties?.[part]
        : schema.additionalProperties;
  return typeof child === "object" ? child : undefined;
}

function chosen(schema: JsonSchema, value: unknown): JsonSchema {
  const kind = childOf(value, "kind");
  const alternatives = schema.oneOf ?? schema.anyOf ?? [];
  const fitting = alternatives.find((each) => each.properties?.["kind"]?.const === kind);
  return kind !== undefined && fitting !== undefined ? fitting : schema;
}

function childOf(value: unknown, part: string | number): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
  return (value as Record<string | number, unknown>)[part];
}
