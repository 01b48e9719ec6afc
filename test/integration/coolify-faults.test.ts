import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { type CoolifyFaultName, coolifyFaults } from "../../sandbox/coolify/faults.ts";
import { ids } from "../../sandbox/coolify/ids.ts";
import { type CoolifyServer, startCoolify } from "../../sandbox/coolify/server.ts";
import { createEffects } from "../../sandbox/effects.ts";
import { newCoolifyState, secrets } from "../support/coolify.ts";

const state = newCoolifyState();
let server: CoolifyServer;
beforeAll(async () => {
  server = await startCoolify({ state, effects: createEffects() });
});
afterAll(async () => server[Symbol.asyncDispose]());

async function call(path: string, init: RequestInit = {}): Promise<unknown> {
  try {
    const response = await fetch(`${server.url}/api/v1${path}`, {
      headers: {
        authorization: `Bearer ${secrets.coolifySensitiveToken}`,
        accept: "application/json",
      },
      signal: AbortSignal.timeout(300),
      ...init,
    });
    const text = await response.text();
    return response.ok
      ? text.startsWith("{") || text.startsWith("[")
        ? JSON.parse(text)
        : text
      : response.status;
  } catch (error) {
    return (error as Error).name === "TimeoutError" ? "silent" : "refused";
  }
}
const field = async (uuid: string, name: string): Promise<unknown> => {
  const answer = await call(`/applications/${uuid}`);
  return (answer as Readonly<Record<string, unknown>>)[name];
};
const variable = async (uuid: string, key: string): Promise<string | undefined> => {
  const rows = (await call(`/applications/${uuid}/envs`)) as readonly {
    readonly key: string;
    readonly value: string;
    readonly is_preview: boolean;
  }[];
  return rows.find((row) => row.key === key && !row.is_preview)?.value;
};
const images = async (): Promise<number> => {
  const answer = (await call(`/applications/${ids.api}/rollback-images`)) as {
    readonly images: readonly unknown[];
  };
  return answer.images.length;
};
/** Without a uuid nothing is deployed: 400 to whoever may deploy, 403 to everybody else. */
const mayDeploy = async (): Promise<unknown> =>
  call("/deploy", {
    method: "POST",
    headers: { authorization: `Bearer ${secrets.coolifyToken}`, accept: "application/json" },
  });
const agree = async (one: string, other: string, key: string): Promise<boolean> =>
  (await variable(one, key)) === (await variable(other, key));

type Sight = {
  readonly look: () => Promise<unknown>;
  readonly well: unknown;
  readonly broken: unknown;
};
const version = async (): Promise<unknown> => call("/version");

/** What somebody who asks Coolify sees of each fault, and of a Coolify that is well. */
const sights: Record<CoolifyFaultName, Sight> = {
  "coolify-down": { look: version, well: "4.3.11", broken: "refused" },
  "coolify-hangs": { look: version, well: "4.3.11", broken: "silent" },
  "coolify-outdated": { look: version, well: "4.3.11", broken: "4.2.1" },
  "coolify-token-revoked": { look: version, well: "4.3.11", broken: 401 },
  "coolify-token-too-powerful": { look: mayDeploy, well: 403, broken: 400 },
  "api-app-exited": {
    look: async () => field(ids.api, "status"),
    well: "running:healthy",
    broken: "exited:unhealthy",
  },
  "api-app-unhealthy": {
    look: async () => field(ids.api, "status"),
    well: "running:healthy",
    broken: "running:unhealthy",
  },
  "worker-app-exited": {
    look: async () => field(ids.worker, "status"),
    well: "running:unknown",
    broken: "exited:unhealthy",
  },
  "worker-has-a-domain": {
    look: async () => field(ids.worker, "fqdn"),
    well: null,
    broken: "https://worker.example.com",
  },
  "worker-publishes-a-port": {
    look: async () => field(ids.worker, "ports_mappings"),
    well: null,
    broken: "8001:8000",
  },
  "worker-from-the-wrong-dockerfile": {
    look: async () => field(ids.worker, "dockerfile_location"),
    well: "/backend/Dockerfile.worker",
    broken: "/backend/Dockerfile",
  },
  "rollback-image-gone": { look: images, well: 4, broken: 3 },
  "variable-missing": {
    look: async () => variable(ids.worker, "LLM_MODEL_SUMMARIZE"),
    well: "grok-3-mini",
    broken: undefined,
  },
  "services-disagree": {
    look: async () => agree(ids.api, ids.worker, "LLM_API_KEY"),
    well: true,
    broken: false,
  },
  "staging-shares-the-database": {
    look: async () => agree(ids.api, ids.stagingWorker, "DATABASE_URL"),
    well: false,
    broken: true,
  },
  "staging-shares-the-webhook-secret": {
    look: async () => agree(ids.api, ids.stagingApi, "TELEGRAM_WEBHOOK_SECRET"),
    well: false,
    broken: true,
  },
};

describe("a fault of the sandbox's Coolify is seen by whoever asks it, and leaves nothing behind", () => {
  test("each has a sight", () => {
    const names = coolifyFaults(server).map(({ name }) => name);
    expect(names.toSorted()).toEqual(Object.keys(sights).toSorted());
  });

  test.each(Object.entries(sights) as [CoolifyFaultName, Sight][])(
    "%s",
    async (name, { look, well, broken }) => {
      const fault = coolifyFaults(server).find((each) => each.name === name)!;
      const before = structuredClone(state);
      expect(await look()).toEqual(well);
      await fault.break();
      expect(await look()).toEqual(broken);
      await fault.heal();
      expect(await look()).toEqual(well);
      expect(state).toEqual(before);
    },
  );
});
