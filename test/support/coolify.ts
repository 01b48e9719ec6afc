import { readFileSync } from "node:fs";
import { join } from "node:path";

import { parse } from "yaml";

import { productVariables } from "../../sandbox/coolify/product-variables.ts";
import type { CoolifyState } from "../../sandbox/coolify/rows.ts";
import { seedCoolify } from "../../sandbox/coolify/seed.ts";
import { newWorldSecrets } from "../../sandbox/world-secrets.ts";

/** The secrets of the Coolify below; none of them may ever be seen. */
export const secrets = newWorldSecrets();

/** A new Coolify as the sandbox has it, with addresses where nobody listens. */
export function newCoolifyState(): CoolifyState {
  return seedCoolify({
    tokens: [
      { text: secrets.coolifyToken, abilities: ["read"] },
      { text: secrets.coolifySensitiveToken, abilities: ["read", "read:sensitive"] },
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
