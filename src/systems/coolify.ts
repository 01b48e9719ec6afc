import { z } from "zod";

import {
  applicationSchema,
  deploymentsSchema,
  hiddenSettingsSchema,
  logSchema,
  rollbackImagesSchema,
  variablesSchema,
} from "./coolify-answers.ts";
import type {
  CoolifyApplication,
  CoolifyDeployment,
  CoolifyHiddenSettings,
  CoolifyVariable,
} from "./coolify-answers.ts";
import { createCoolifyApi } from "./coolify-api.ts";
import type { CoolifyApi, CoolifyRequest } from "./coolify-api.ts";
import type { CoolifySettings } from "./coolify-settings.ts";
import type { HttpApi } from "./http-api.ts";
import { NotConfiguredError } from "./not-configured-error.ts";
import { SystemError } from "./system-error.ts";

export type {
  CoolifyApplication,
  CoolifyDeployment,
  CoolifyHiddenSettings,
  CoolifyVariable,
} from "./coolify-answers.ts";

/** What a token may do; none of them implies another. */
export type CoolifyAbility = "read" | "read:sensitive" | "write" | "deploy";
export type CoolifyTokenName = "token" | "sensitiveToken";

/**
 * Reads what Coolify knows about the applications that the configuration names. Others do not exist here: a name is
 * the only way to address one, whatever else the token could reach.
 */
export type Coolify = {
  version(signal: AbortSignal): Promise<string>;
  /** What each configured token may do, found out without doing any of it. */
  abilities(signal: AbortSignal): Promise<ReadonlyMap<CoolifyTokenName, readonly CoolifyAbility[]>>;
  application(name: string, signal: AbortSignal): Promise<CoolifyApplication>;
  hiddenSettings(name: string, signal: AbortSignal): Promise<CoolifyHiddenSettings>;
  /** With their values if there is a token that sees them. */
  variables(name: string, signal: AbortSignal): Promise<readonly CoolifyVariable[]>;
  /** The newest first. */
  deployments(name: string, signal: AbortSignal): Promise<readonly CoolifyDeployment[]>;
  /** The full hashes of the commits whose images are kept. */
  rollbackImages(name: string, signal: AbortSignal): Promise<readonly string[]>;
  /** The newest lines that its newest container wrote, as they are: whoever shows them scrubs them. */
  log(name: string, lines: number, signal: AbortSignal): Promise<string>;
};

const DEPLOYMENTS_READ = 50;

export function createCoolify(
  http: Pick<HttpApi, "request">,
  settings: CoolifySettings | undefined,
): Coolify {
  if (settings === undefined) return NOT_CONFIGURED;
  const { token, sensitiveToken } = settings;
  const api = createCoolifyApi(http, settings.url);
  const pathOf = (name: string): string => `/applications/${uuidOf(settings, name)}`;

  return {
    version: async (signal) =>
      (await api.text({ token, about: "version", path: "/version" }, signal)).trim(),
    async abilities(signal) {
      const example = pathOf(Object.keys(settings.applications)[0] ?? "");
      const tokens = [
        ["token", token],
        ...(sensitiveToken === undefined ? [] : [["sensitiveToken", sensitiveToken] as const]),
      ] as const;
      const found = tokens.map(async ([name, each]) => {
        const probe = { token: each, about: `abilities of ${name}` };
        return [name, await abilitiesOf(api, probe, example, signal)] as const;
      });
      return new Map(await Promise.all(found));
    },
    application: async (name, signal) =>
      api.json(
        { token, about: `application ${name}`, path: pathOf(name), answer: applicationSchema },
        signal,
      ),
    async hiddenSettings(name, signal) {
      const about = `hidden settings of ${name}`;
      if (sensitiveToken === undefined) throw noSensitiveToken(about);
      const path = pathOf(name);
      return api.json({ token: sensitiveToken, about, path, answer: hiddenSettingsSchema }, signal);
    },
    variables: async (name, signal) =>
      api.json(
        {
          token: sensitiveToken ?? token,
          about: `variables of ${name}`,
          path: `${pathOf(name)}/envs`,
          answer: variablesSchema,
        },
        signal,
      ),
    async deployments(name, signal) {
      const path = `/deployments${pathOf(name)}?skip=0&take=${DEPLOYMENTS_READ}`;
      const about = `deployments of ${name}`;
      return api.json({ token, about, path, answer: deploymentsSchema }, signal);
    },
    rollbackImages: async (name, signal) =>
      api.json(
        {
          token,
          about: `images of ${name}`,
          path: `${pathOf(name)}/rollback-images`,
          answer: rollbackImagesSchema,
        },
        signal,
      ),
    async log(name, lines, signal) {
      const path = `${pathOf(name)}/logs?lines=${lines}&show_timestamps=false`;
      return api.json({ token, about: `log of ${name}`, path, answer: logSchema }, signal);
    },
  };
}

/** A question that only a token with `read:sensitive` could answer. */
function noSensitiveToken(about: string): SystemError {
  const message = `Coolify, ${about}: expected systems.coolify.sensitiveToken to hold a token that may read it`;
  return new SystemError("coolify", "unauthorized", message);
}

async function unavailable(): Promise<never> {
  throw new NotConfiguredError("systems.coolify");
}

const NOT_CONFIGURED: Coolify = {
  version: unavailable,
  abilities: unavailable,
  application: unavailable,
  hiddenSettings: unavailable,
  variables: unavailable,
  deployments: unavailable,
  rollbackImages: unavailable,
  log: unavailable,
};

function uuidOf({ applications }: CoolifySettings, name: string): string {
  if (Object.hasOwn(applications, name)) return applications[name]!;
  const names = Object.keys(applications).join(", ");
  const message = `systems.coolify.applications has no ${name}; expected one of ${names}`;
  throw new SystemError("coolify", "rejected", message);
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
