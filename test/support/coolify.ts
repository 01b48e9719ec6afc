import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";

import { expect } from "vitest";
import { parse } from "yaml";

import { productVariables } from "../../sandbox/coolify/product-variables.ts";
import type { CoolifyState } from "../../sandbox/coolify/rows.ts";
import { seedCoolify } from "../../sandbox/coolify/seed.ts";
import { newWorldSecrets } from "../../sandbox/world-secrets.ts";
import { Secret } from "../../src/core/secret.ts";

/** The secrets of the Coolify below; none of them may ever be seen. */
export const secrets = newWorldSecrets();

/** A token for each ability, as the configuration has them. */
export const tokens = {
  token: new Secret(secrets.coolifyToken),
  sensitiveToken: new Secret(secrets.coolifySensitiveToken),
  deployToken: new Secret(secrets.coolifyDeployToken),
  writeToken: new Secret(secrets.coolifyWriteToken),
};

/** The error of a call that must fail; whatever is in it, no secret is. */
export async function errorOf(asking: Promise<unknown>): Promise<Error> {
  const error = await asking.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  const everything = `${inspect(error, { depth: 10, showHidden: true })} ${JSON.stringify(error)}`;
  for (const secret of Object.values(secrets)) expect(everything).not.toContain(secret);
  return error as Error;
}

/** A new Coolify as the sandbox has it, with addresses where nobody listens. */
export function newCoolifyState(): CoolifyState {
  return seedCoolify({
    tokens: [
      { text: secrets.coolifyToken, abilities: ["read"] },
      { text: secrets.coolifySensitiveToken, abilities: ["read", "read:sensitive"] },
      { text: secrets.coolifyDeployToken, abilities: ["read", "deploy"] },
      { text: secrets.coolifyWriteToken, abilities: ["read", "write"] },
    ],
    variables: productVariables({
      secrets,
      databaseUrl: `postgresql://product:${secrets.databaseOwnerPassword}@127.0.0.1:9/app`,
      redisUrl: `redis://:${secrets.redisOwnerPassword}@127.0.0.1:9/0`,
      modelUrl: "http://127.0.0.1:9/v1",
    }),
    now: new Date("2026-11-23T04:00:00Z"),
  });
}

type SandboxFile = {
  readonly systems: { readonly coolify: { readonly applications: Record<string, string> } };
  readonly checks: Readonly<Record<string, { readonly kind: string }>>;
};

const file = parse(
  readFileSync(join(import.meta.dirname, "../../ops/sandbox.yaml"), "utf8"),
) as SandboxFile;

/** The applications that the sandbox's configuration names. */
export const { applications } = file.systems.coolify;

/** The checks of the sandbox's configuration that look at Coolify. */
export const coolifyChecks = Object.fromEntries(
  Object.entries(file.checks).filter(([, { kind }]) => kind.startsWith("coolify")),
);
