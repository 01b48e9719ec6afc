import { z } from "zod";

import { COOLIFY_TOKENS, type CoolifyAccess, type CoolifyTokenName } from "./coolify-access.ts";
import type { CoolifyApi, CoolifyRequest } from "./coolify-api.ts";
import { SystemError } from "./system-error.ts";

/** What a token may do; none of them implies another. */
export type CoolifyAbility = "read" | "read:sensitive" | "write" | "deploy";

/** What each configured token may do, found out without doing any of it; `example` is any application's path. */
export async function coolifyAbilities(
  { api, has, tokenOf }: CoolifyAccess,
  example: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<CoolifyTokenName, readonly CoolifyAbility[]>> {
  const found = COOLIFY_TOKENS.filter(has).map(async (name) => {
    const probe = { token: tokenOf(name), about: `abilities of ${name}` };
    return [name, await abilitiesOf(api, probe, example, signal)] as const;
  });
  return new Map(await Promise.all(found));
}

type Probe = Pick<CoolifyRequest, "token" | "about">;

/**
 * Coolify tells nobody what a token may do, but it checks that before anything else. So each ability is tried by a
 * request that can have no effect: one that does not say what it is about.
 */
async function abilitiesOf(
  api: CoolifyApi,
  probe: Probe,
  application: string,
  signal: AbortSignal,
): Promise<readonly CoolifyAbility[]> {
  const probes: readonly (readonly [CoolifyAbility, () => Promise<boolean>])[] = [
    ["read", async () => isLetIn(api.text({ ...probe, path: "/version" }, signal))],
    ["read:sensitive", async () => seesHidden(api, probe, application, signal)],
    ["write", async () => isLetIn(api.text(writeNothing(probe), signal))],
    [
      "deploy",
      async () => isLetIn(api.text({ ...probe, method: "POST", path: "/deploy" }, signal)),
    ],
  ];
  const found = await Promise.all(
    probes.map(async ([ability, has]) => ((await has()) ? [ability] : [])),
  );
  return found.flat();
}

/** No application has this uuid, and a variable without a name cannot be made. */
function writeNothing(probe: Probe): CoolifyRequest {
  return { ...probe, method: "POST", path: "/applications/flightdeck-probe/envs", json: {} };
}

/** Whoever is let in and then told that the request is nonsense may do it. */
async function isLetIn(asking: Promise<unknown>): Promise<boolean> {
  try {
    await asking;
    return true;
  } catch (error) {
    if (error instanceof SystemError && error.kind === "rejected") return true;
    if (error instanceof SystemError && error.code === "403") return false;
    throw error;
  }
}

async function seesHidden(
  api: CoolifyApi,
  probe: Probe,
  path: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const answer = z.record(z.string(), z.unknown());
    return Object.hasOwn(await api.json({ ...probe, path, answer }, signal), "custom_labels");
  } catch (error) {
    if (error instanceof SystemError && error.code === "403") return false;
    throw error;
  }
}
