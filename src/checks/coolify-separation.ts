import { randomBytes } from "node:crypto";

import { z } from "zod";

import { FINGERPRINT_FORMS, fingerprintsOf } from "../core/fingerprint.ts";
import { choiceSetting, textSetting } from "../core/setting.ts";
import type { Observation } from "../core/status.ts";
import { coolifyApplicationSetting } from "../systems/coolify-settings.ts";
import type { Coolify, CoolifyVariable } from "../systems/coolify.ts";
import type { CheckKind } from "./check-kind.ts";
import { hiddenValue } from "./coolify-hidden-value.ts";
import { namedInList, unknownApplications } from "./coolify-names.ts";
import { severalLooks } from "./several-looks.ts";

const applicationsSetting = z.array(coolifyApplicationSetting()).min(1);

const apartSetting = z.strictObject({
  variables: z.array(textSetting()).min(1).meta({ description: "Where it stands, on either side" }),
  compare: choiceSetting(FINGERPRINT_FORMS).default("value").meta({
    description: "Whole values, members of lists, or the server or database of an address",
  }),
});

const settings = {
  ours: applicationsSetting.meta({ description: "The applications of this target" }),
  others: applicationsSetting.meta({ description: "Those that nothing may be shared with" }),
  apart: z
    .record(z.string().min(1).max(64), apartSetting)
    .refine((things) => Object.keys(things).length > 0, "expected at least one")
    .meta({ description: "What must differ, by a name for people" }),
} satisfies z.ZodRawShape;

type Apart = z.output<typeof apartSetting>;

export const coolifySeparation = {
  kind: "coolify-separation",
  summary: "two groups of applications in Coolify share no database, token or secret",
  settings,
  problems: ({ ours, others }, systems) =>
    unknownApplications(systems, [...namedInList("ours", ours), ...namedInList("others", others)]),
  async observe({ systems: { coolify }, settings: { ours, others, apart } }, signal) {
    const [our, other] = await Promise.all([
      variablesOf(coolify, ours, signal),
      variablesOf(coolify, others, signal),
    ]);
    const key = randomBytes(32);
    const observations = await severalLooks(
      Object.entries(apart).map(async ([what, wanted]) => [
        compared(what, print(our, wanted, key), print(other, wanted, key)),
      ]),
    );
    return { observations };
  },
} satisfies CheckKind<typeof settings, "coolify">;

type Placed = { readonly application: string; readonly variable: CoolifyVariable };

async function variablesOf(
  coolify: Pick<Coolify, "variables">,
  applications: readonly string[],
  signal: AbortSignal,
): Promise<readonly Placed[]> {
  const found = await Promise.all(
    applications.map(async (application) =>
      (await coolify.variables(application, signal)).map((variable) => ({ application, variable })),
    ),
  );
  return found.flat();
}

/** By fingerprint where it stands; of what is the same in several places, the first is enough. */
type Prints = ReadonlyMap<string, string>;

function print(placed: readonly Placed[], { variables, compare }: Apart, key: Buffer): Prints {
  const meant = placed.filter(({ variable }) => variables.includes(variable.key));
  const prints = new Map<string, string>();
  for (const { application, variable } of meant) {
    if (variable.value === undefined) throw hiddenValue(variable.key, application);
    for (const each of fingerprintsOf(variable.value, compare, key)) {
      if (!prints.has(each)) prints.set(each, `${variable.key} of ${application}`);
    }
  }
  return prints;
}

/** Two nothings differ from each other as little as two equals: a misspelt variable must not look safe. */
function compared(what: string, ours: Prints, others: Prints): Observation {
  const expected = "apart";
  if (ours.size === 0) return { what, expected, actual: "none on our side", ok: false };
  if (others.size === 0) return { what, expected, actual: "none on the other side", ok: false };
  for (const [each, place] of ours) {
    const other = others.get(each);
    if (other !== undefined) {
      return { what, expected, actual: `shared by ${place} and ${other}`, ok: false };
    }
  }
  return { what, expected, actual: "apart", ok: true };
}
