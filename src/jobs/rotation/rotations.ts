import { z } from "zod";

import type { SecretsKept } from "../../checks/check-kind.ts";
import { nearest } from "../../core/nearest.ts";
import type { AgingSecret } from "../../core/secret-age.ts";
import type { RotationAge } from "../../storage/secret-rotation.ts";
import { apiToken } from "./rotate-api-token.ts";
import { postgresRole } from "./rotate-postgres-role.ts";
import { redisPassword } from "./rotate-redis-password.ts";
import { todoistToken } from "./rotate-todoist-token.ts";
import { webhookSecret } from "./rotate-webhook-secret.ts";
import { xaiKey } from "./rotate-xai-key.ts";
import type { ConfiguredSecret } from "./rotation-procedure.ts";

/** Every kind of secret that can be rotated, one line each. */
const procedures = [
  apiToken,
  postgresRole,
  redisPassword,
  todoistToken,
  webhookSecret,
  xaiKey,
] as const;

/** Short enough to be carried by a button beside a command and the name of a target. */
const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const NAME_LIMIT = 24;

/** The secrets of a target that are rotated, by the names that people type. */
export const secretsSetting = z
  .record(
    z
      .string()
      .regex(NAME, { error: "expected small letters, digits and dashes, such as api-tokens" })
      .max(NAME_LIMIT, { error: `expected at most ${NAME_LIMIT} characters` }),
    z.discriminatedUnion("kind", procedures),
  )
  .default({})
  .meta({ description: "The secrets that `/rotate` replaces, and how old they may become" });

export type SecretsSettings = z.output<typeof secretsSetting>;

/** Applications and checks that secrets name and the rest of the file does not have, by the path below the setting. */
export function secretProblems(
  secrets: SecretsSettings,
  known: { readonly applications: readonly string[]; readonly checks: readonly string[] },
): readonly { readonly path: (string | number)[]; readonly message: string }[] {
  return Object.entries(secrets).flatMap(([name, { applications, common }]) => [
    ...strangers(applications, known.applications).map((message) => ({
      path: [name, "applications"],
      message: `systems.coolify.applications has no ${message}`,
    })),
    ...strangers(common.checks, known.checks).map((message) => ({
      path: [name, "checks"],
      message: `there is no check ${message}`,
    })),
  ]);
}

function strangers(names: readonly string[], known: readonly string[]): readonly string[] {
  return names
    .filter((name) => !known.includes(name))
    .map((name) => {
      const meant = nearest(name, known);
      return meant === undefined ? `"${name}"` : `"${name}"; did you mean ${meant}?`;
    });
}

/** When each secret was made, as far as anybody knows, in the order of the configuration. */
export function agingSecrets(
  secrets: Readonly<Record<string, ConfiguredSecret>>,
  ages: readonly RotationAge[],
): readonly AgingSecret[] {
  return Object.entries(secrets).map(([name, { common }]) => {
    const made = ages.find(({ secret }) => secret === name)?.mintedAt;
    const said = common.since === undefined ? undefined : new Date(common.since);
    return {
      name,
      everyMs: common.every,
      warnBeforeMs: common.warnBefore,
      madeAt: made ?? said,
    };
  });
}

/** The same, with what was begun and is not over, for whoever watches it. */
export function secretsKept(
  secrets: Readonly<Record<string, ConfiguredSecret>>,
  ages: readonly RotationAge[],
  now: Date,
): SecretsKept {
  const left = ages.flatMap(({ secret, open }) =>
    open ? [{ secret, since: open.since, runId: open.runId }] : [],
  );
  return { now, secrets: agingSecrets(secrets, ages), left };
}
