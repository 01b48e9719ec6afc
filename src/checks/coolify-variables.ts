import { randomBytes } from "node:crypto";

import { z } from "zod";

import { fingerprintsOf } from "../core/fingerprint.ts";
import { textSetting } from "../core/setting.ts";
import type { Observation } from "../core/status.ts";
import type { CoolifyVariable } from "../systems/coolify.ts";
import type { CheckKind } from "./check-kind.ts";
import { hiddenValue } from "./coolify-hidden-value.ts";
import { namedByKey, unknownApplications } from "./coolify-names.ts";
import { severalLooks } from "./several-looks.ts";

const variableName = textSetting({
  pattern: /^[A-Za-z_][A-Za-z0-9_]{0,127}$/,
  expected: "the name of an environment variable such as DATABASE_URL",
});

const settings = {
  required: z
    .record(z.string(), z.array(variableName).min(1))
    .refine((services) => Object.keys(services).length > 0, "expected at least one application")
    .meta({ description: "The variables that each application needs" }),
  equal: z
    .array(variableName)
    .default([])
    .meta({ description: "Those that must be the same wherever they are required" }),
} satisfies z.ZodRawShape;

export const coolifyVariables = {
  kind: "coolify-variables",
  summary: "applications in Coolify have the variables that they need, and agree on them",
  settings,
  problems: ({ required }, systems) =>
    unknownApplications(systems, namedByKey("required", required)),
  async observe({ systems: { coolify }, settings: { required, equal } }, signal) {
    const services = await Promise.all(
      Object.entries(required).map(async ([name, needed]) => {
        const found = await coolify.variables(name, signal);
        return { name, needed, variables: found.filter(({ isRuntime }) => isRuntime) };
      }),
    );
    const key = randomBytes(32);
    const observations = await severalLooks([
      Promise.resolve(services.flatMap((service) => [...missing(service), ...doubled(service)])),
      ...equal.map(async (name) => agreement(name, services, key)),
    ]);
    return { observations };
  },
} satisfies CheckKind<typeof settings, "coolify">;

type Service = {
  readonly name: string;
  readonly needed: readonly string[];
  readonly variables: readonly CoolifyVariable[];
};

function missing({ name, needed, variables }: Service): Observation[] {
  const absent = needed.filter((key) => !variables.some((each) => each.key === key));
  const empty = variables.filter(({ key, value }) => needed.includes(key) && isEmpty(value));
  const parts = [
    ...(absent.length === 0 ? [] : [`without ${absent.join(", ")}`]),
    ...(empty.length === 0 ? [] : [`with an empty ${empty.map(({ key }) => key).join(", ")}`]),
  ];
  const expected = "all there";
  const ok = parts.length === 0;
  return [
    { what: `variables of ${name}`, expected, actual: ok ? expected : parts.join(" and "), ok },
  ];
}

/** A hidden value may be empty, but nobody can tell. */
function isEmpty(value: CoolifyVariable["value"]): boolean {
  return value !== undefined && value.reveal() === "";
}

/** Coolify lets a key exist twice, and which of the two wins is nobody's choice. */
function doubled({ name, needed, variables }: Service): Observation[] {
  const twice = needed.filter((key) => variables.filter((each) => each.key === key).length > 1);
  if (twice.length === 0) return [];
  const what = `variables of ${name}`;
  return [{ what, expected: "each once", actual: `several ${twice.join(", ")}`, ok: false }];
}

function agreement(key: string, services: readonly Service[], secretKey: Buffer): Observation[] {
  const prints = new Map<string, string>();
  for (const service of services.filter(({ needed }) => needed.includes(key))) {
    const found = service.variables.find((each) => each.key === key);
    // That it is missing has been said.
    if (found === undefined) continue;
    if (found.value === undefined) throw hiddenValue(key, service.name);
    prints.set(service.name, fingerprintsOf(found.value, "value", secretKey).join());
  }
  const ok = new Set(prints.values()).size <= 1;
  const expected = `the same in ${[...prints.keys()].join(" and ")}`;
  return [{ what: key, expected, actual: ok ? "the same" : "different", ok }];
}
