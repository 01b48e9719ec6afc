import type { Secret } from "../core/secret.ts";
import { type CoolifyApi, createCoolifyApi } from "./coolify-api.ts";
import type { CoolifySettings } from "./coolify-settings.ts";
import type { HttpApi } from "./http-api.ts";
import { NotConfiguredError } from "./not-configured-error.ts";
import { SystemError } from "./system-error.ts";

export const COOLIFY_TOKENS = ["token", "sensitiveToken", "deployToken", "writeToken"] as const;
export type CoolifyTokenName = (typeof COOLIFY_TOKENS)[number];

/** All that the parts of the client have of Coolify: its API, tokens by what they are for, and no other applications. */
export type CoolifyAccess = {
  readonly api: CoolifyApi;
  /** @throws {NotConfiguredError} which names the setting of a token that this configuration does not have */
  tokenOf(name: CoolifyTokenName): Secret;
  has(name: CoolifyTokenName): boolean;
  /** Where an application is that the configuration names; nothing leads to any other. */
  pathOf(application: string): string;
};

export function createCoolifyAccess(
  http: Pick<HttpApi, "request">,
  settings: CoolifySettings,
): CoolifyAccess {
  return {
    api: createCoolifyApi(http, settings.url),
    tokenOf(name) {
      const token = settings[name];
      if (token === undefined) throw new NotConfiguredError(`systems.coolify.${name}`);
      return token;
    },
    has: (name) => settings[name] !== undefined,
    pathOf: (application) => `/applications/${uuidOf(settings, application)}`,
  };
}

function uuidOf({ applications }: CoolifySettings, name: string): string {
  if (Object.hasOwn(applications, name)) return applications[name]!;
  const names = Object.keys(applications).join(", ");
  throw rejected(`systems.coolify.applications has no ${name}; expected one of ${names}`);
}

/** Something that Coolify would take or has taken otherwise than it was meant. */
export function rejected(message: string): SystemError {
  return new SystemError("coolify", "rejected", message);
}

/** An identity as Coolify makes them, as a part of a path; nothing else may become one, for it could lead elsewhere. */
export function segment(uuid: string): string {
  if (/^[A-Za-z0-9-]{1,64}$/.test(uuid)) return uuid;
  throw rejected(`${JSON.stringify(uuid).slice(0, 80)} is no uuid of Coolify`);
}
