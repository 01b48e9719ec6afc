import { z } from "zod";

import { type CoolifyAbility, coolifyAbilities } from "./coolify-abilities.ts";
import { type CoolifyTokenName, createCoolifyAccess, rejected } from "./coolify-access.ts";
import {
  applicationSchema,
  type CoolifyApplication,
  type CoolifyHiddenSettings,
  hiddenSettingsSchema,
  logSchema,
  rollbackImagesSchema,
} from "./coolify-answers.ts";
import { type CoolifyDeployments, createCoolifyDeployments } from "./coolify-deployments.ts";
import type { CoolifySettings } from "./coolify-settings.ts";
import { type CoolifyTasks, createCoolifyTasks } from "./coolify-tasks.ts";
import { type CoolifyVariables, createCoolifyVariables } from "./coolify-variables.ts";
import { doneAllTheSame } from "./done-all-the-same.ts";
import type { HttpApi } from "./http-api.ts";
import { NotConfiguredError } from "./not-configured-error.ts";
import { SystemError } from "./system-error.ts";

export type { CoolifyAbility } from "./coolify-abilities.ts";
export type { CoolifyTokenName } from "./coolify-access.ts";
export { isActiveDeployment } from "./coolify-deployments.ts";
export type {
  CoolifyApplication,
  CoolifyDeployment,
  CoolifyHiddenSettings,
  CoolifyVariable,
} from "./coolify-answers.ts";

/**
 * What Coolify knows and does about the applications that the configuration names. Others do not exist here: a name is
 * the only way to address one, whatever else a token could reach. Every call uses the token that may do least.
 */
export type Coolify = CoolifyApplications & CoolifyDeployments & CoolifyVariables & CoolifyTasks;

type CoolifyApplications = {
  version(signal: AbortSignal): Promise<string>;
  /** What each configured token may do, found out without doing any of it. */
  abilities(signal: AbortSignal): Promise<ReadonlyMap<CoolifyTokenName, readonly CoolifyAbility[]>>;
  application(name: string, signal: AbortSignal): Promise<CoolifyApplication>;
  hiddenSettings(name: string, signal: AbortSignal): Promise<CoolifyHiddenSettings>;
  /** The full hashes of the commits whose images are kept. */
  rollbackImages(name: string, signal: AbortSignal): Promise<readonly string[]>;
  /** The newest lines that its newest container wrote, as they are: whoever shows them scrubs them. */
  log(name: string, lines: number, signal: AbortSignal): Promise<string>;
  /** Whether a push to the branch is deployed without anybody being asked. */
  autoDeploy(name: string, signal: AbortSignal): Promise<boolean>;
  /** Reads it back, so that it is so when this returns. */
  setAutoDeploy(name: string, on: boolean, signal: AbortSignal): Promise<void>;
};

export function createCoolify(
  http: Pick<HttpApi, "request">,
  settings: CoolifySettings | undefined,
): Coolify {
  if (settings === undefined) return NOT_CONFIGURED;
  const access = createCoolifyAccess(http, settings);
  const { api, tokenOf, has, pathOf } = access;

  async function application(name: string, signal: AbortSignal): Promise<CoolifyApplication> {
    const about = `application ${name}`;
    const path = pathOf(name);
    return api.json({ token: tokenOf("token"), about, path, answer: applicationSchema }, signal);
  }

  return {
    ...createCoolifyDeployments(access),
    ...createCoolifyVariables(access),
    ...createCoolifyTasks(access),
    version: async (signal) =>
      (
        await api.text({ token: tokenOf("token"), about: "version", path: "/version" }, signal)
      ).trim(),
    abilities: async (signal) =>
      coolifyAbilities(access, pathOf(Object.keys(settings.applications)[0] ?? ""), signal),
    application,
    async hiddenSettings(name, signal) {
      const about = `hidden settings of ${name}`;
      if (!has("sensitiveToken")) throw noSensitiveToken(about);
      const token = tokenOf("sensitiveToken");
      return api.json({ token, about, path: pathOf(name), answer: hiddenSettingsSchema }, signal);
    },
    async rollbackImages(name, signal) {
      const about = `images of ${name}`;
      const path = `${pathOf(name)}/rollback-images`;
      const answer = rollbackImagesSchema;
      return api.json({ token: tokenOf("token"), about, path, answer }, signal);
    },
    async log(name, lines, signal) {
      const about = `log of ${name}`;
      const path = `${pathOf(name)}/logs?lines=${lines}&show_timestamps=false`;
      return api.json({ token: tokenOf("token"), about, path, answer: logSchema }, signal);
    },
    autoDeploy: async (name, signal) => (await application(name, signal)).deploysOnPush,
    async setAutoDeploy(name, on, signal) {
      const about = `auto-deploy of ${name}`;
      const request = { token: tokenOf("writeToken"), about, method: "PATCH" } as const;
      const json = { is_auto_deploy_enabled: on };
      const answer = z.object({ uuid: z.string() });
      const look = async (): Promise<boolean> => (await application(name, signal)).deploysOnPush;
      await doneAllTheSame(
        async () => api.json({ ...request, path: pathOf(name), json, answer }, signal),
        async () => (await look()) === on,
      );
      const deploysOnPush = await look();
      if (deploysOnPush === on) return;
      const found = deploysOnPush ? "on" : "off";
      throw rejected(`Coolify, ${about}: it took the change, and it is still ${found}`);
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
  rollbackImages: unavailable,
  log: unavailable,
  autoDeploy: unavailable,
  setAutoDeploy: unavailable,
  deployments: unavailable,
  deployment: unavailable,
  activeDeployments: unavailable,
  deployCommit: unavailable,
  cancelDeployment: unavailable,
  deploymentLog: unavailable,
  stopApplication: unavailable,
  variables: unavailable,
  hasVariable: unavailable,
  createVariable: unavailable,
  setVariable: unavailable,
  tasks: unavailable,
  createTask: unavailable,
  updateTask: unavailable,
  executeTask: unavailable,
  taskExecutions: unavailable,
};
