import { z } from "zod";

import { nearest } from "../../core/nearest.ts";
import { SECRET_FORMS, type VariableSource, type WantedVariable } from "../../core/secret-plan.ts";
import { Secret } from "../../core/secret.ts";
import { choiceSetting, secretSetting, textSetting } from "../../core/setting.ts";
import { coolifyApplicationSetting } from "../../systems/coolify-settings.ts";

const variableSetting = z
  .strictObject({
    applications: z
      .array(coolifyApplicationSetting())
      .min(1)
      .refine((names) => new Set(names).size === names.length, "expected each once")
      .meta({ description: "The applications that need it, each with the same value" }),
    value: textSetting()
      .optional()
      .meta({
        description: "What it is, if that is no secret",
        examples: ["https://api.x.ai/v1"],
      }),
    secret: secretSetting()
      .optional()
      .meta({
        description: "What it is, by reference",
        examples: ["${file:/run/secrets/xai-key}"],
      }),
    generate: choiceSetting(SECRET_FORMS).optional().meta({
      description: "It is made: 32 random bytes, as base64url or in hexadecimal digits",
    }),
    keep: textSetting({
      pattern: /^[^\s$]+$/,
      expected: "the path of a file, such as /run/secrets/api-token",
    })
      .optional()
      .meta({
        description: "The file that holds a made one for Flightdeck too; made with it if absent",
      }),
    ask: textSetting({ maximum: 200 })
      .optional()
      .meta({
        description: "What it is, for whoever types it at the terminal",
        examples: ["the address of the product's database, for the role that owns it"],
      }),
    matches: textSetting({ maximum: 200 })
      .refine(isPattern, "expected a regular expression")
      .optional()
      .meta({
        description: "A regular expression that what is typed has to match as a whole",
        examples: ["postgresql\\+asyncpg://.+"],
      }),
  })
  .superRefine(({ value, secret, generate, keep, ask, matches }, context) => {
    const refuse = (message: string, ...path: string[]): void =>
      context.addIssue({ code: "custom", path, message });
    const sources = [value, secret, generate, ask].filter((source) => source !== undefined);
    if (sources.length !== 1) {
      refuse("expected exactly one of value, secret, generate and ask");
    }
    if (keep !== undefined && generate === undefined) {
      refuse("only what is made is kept; name the file by secret: ${file:…}", "keep");
    }
    if (matches !== undefined && ask === undefined) {
      refuse("only what is typed has to match", "matches");
    }
  });

/** What the applications need in Coolify, and where it comes from when it is not there yet. */
export const variablesSetting = z
  .record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, {
      error: "expected the name of an environment variable such as DATABASE_URL",
    }),
    variableSetting,
  )
  .default({})
  .meta({ description: "What the applications need in Coolify; `secrets init` puts it there" });

export type VariablesSettings = z.output<typeof variablesSetting>;

/** A wanted variable with what only the terminal needs to know of it. */
export type ConfiguredVariable = WantedVariable & {
  readonly keep: string | undefined;
  readonly matches: RegExp | undefined;
};

/** The variables of a target, in the order of its file. */
export function createVariables(settings: VariablesSettings): readonly ConfiguredVariable[] {
  return Object.entries(settings).map(([name, setting]) => ({
    name,
    applications: setting.applications,
    source: sourceOf(setting),
    keep: setting.keep,
    matches: setting.matches === undefined ? undefined : wholly(setting.matches),
  }));
}

/** Applications that no application in Coolify is, by the path below the setting. */
export function variableProblems(
  settings: VariablesSettings,
  applications: readonly string[],
): readonly { readonly path: (string | number)[]; readonly message: string }[] {
  return Object.entries(settings).flatMap(([name, variable]) =>
    variable.applications.flatMap((application, index) => {
      if (applications.includes(application)) return [];
      const meant = nearest(application, applications);
      const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
      const message = `systems.coolify.applications has no "${application}"${hint}`;
      return [{ path: [name, "applications", index], message }];
    }),
  );
}

function sourceOf({ value, secret, generate, ask }: VariablesSettings[string]): VariableSource {
  if (generate !== undefined) return { kind: "made", form: generate };
  if (ask !== undefined) return { kind: "asked", what: ask };
  return { kind: "given", value: secret ?? new Secret(value ?? "") };
}

function isPattern(text: string): boolean {
  try {
    wholly(text);
    return true;
  } catch {
    return false;
  }
}

function wholly(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`, "u");
}
