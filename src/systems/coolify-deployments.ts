import { z } from "zod";

import { type CoolifyAccess, rejected, segment } from "./coolify-access.ts";
import { type CoolifyDeployment, deploymentsSchema } from "./coolify-answers.ts";

/** What can be seen and done of deployments. Each is reached by way of its application, so nobody else's is touched. */
export type CoolifyDeployments = {
  /** The newest first, previews among them. */
  deployments(application: string, signal: AbortSignal): Promise<readonly CoolifyDeployment[]>;
  /** Undefined when this application has no such deployment, whoever else may have it. */
  deployment(
    application: string,
    uuid: string,
    signal: AbortSignal,
  ): Promise<CoolifyDeployment | undefined>;
  /** What waits or is under way and will change what runs: no preview does. The newest first. */
  activeDeployments(
    application: string,
    signal: AbortSignal,
  ): Promise<readonly CoolifyDeployment[]>;
  /**
   * Asks for exactly this commit with the variables of now, and gives back the deployment's uuid. Asked twice, it is done
   * twice; an image that is kept is used again, otherwise it is built.
   */
  deployCommit(application: string, commit: string, signal: AbortSignal): Promise<string>;
  /** Ends a deployment, unless it has ended by itself; either way says how it ended. */
  cancelDeployment(
    application: string,
    uuid: string,
    signal: AbortSignal,
  ): Promise<CoolifyDeployment>;
  /** Ends its containers, some time after this returns; the next deployment starts new ones. Doing it again does no harm. */
  stopApplication(application: string, signal: AbortSignal): Promise<void>;
  /** The lines that everybody in Coolify sees of a deployment, as they are: whoever shows them scrubs them. */
  deploymentLog(application: string, uuid: string, signal: AbortSignal): Promise<string>;
};

const PAGE = 50;
/** Further back nobody looks for a single deployment. */
const PAGES_SEARCHED = 10;
/** The log of a build may be megabytes of progress bars, most of it hidden. */
const LOG_BYTES = 16 * 1024 * 1024;
const COMMIT = /^[0-9a-f]{7,64}$/;

export function isActiveDeployment({ status }: CoolifyDeployment): boolean {
  return status === "queued" || status === "in_progress";
}

export function createCoolifyDeployments(access: CoolifyAccess): CoolifyDeployments {
  const { api, tokenOf, pathOf } = access;

  async function page(
    application: string,
    skip: number,
    signal: AbortSignal,
  ): Promise<readonly CoolifyDeployment[]> {
    const path = `/deployments${pathOf(application)}?skip=${skip}&take=${PAGE}`;
    const about = `deployments of ${application}`;
    return api.json({ token: tokenOf("token"), about, path, answer: deploymentsSchema }, signal);
  }

  async function find(
    application: string,
    uuid: string,
    signal: AbortSignal,
  ): Promise<CoolifyDeployment | undefined> {
    for (let pages = 0; pages < PAGES_SEARCHED; pages += 1) {
      const rows = await page(application, pages * PAGE, signal);
      const found = rows.find((row) => row.uuid === uuid);
      if (found !== undefined || rows.length < PAGE) return found;
    }
    return undefined;
  }

  async function owned(
    application: string,
    uuid: string,
    signal: AbortSignal,
  ): Promise<CoolifyDeployment> {
    const found = await find(application, uuid, signal);
    if (found !== undefined) return found;
    throw rejected(`Coolify has no deployment ${segment(uuid)} of ${application}`);
  }

  return {
    deployments: async (application, signal) => page(application, 0, signal),
    deployment: find,
    activeDeployments: async (application, signal) =>
      (await page(application, 0, signal)).filter(
        (row) => isActiveDeployment(row) && !row.isPreview,
      ),
    async deployCommit(application, commit, signal) {
      const about = `deployment of ${application}`;
      // A branch or a tag would be taken too, and mean something else by the time it is read.
      if (!COMMIT.test(commit)) {
        throw rejected(`Coolify, ${about}: expected the hash of a commit, got ${quoted(commit)}`);
      }
      const token = tokenOf("deployToken");
      const path = `${pathOf(application)}/rollback`;
      const request = { token, about, method: "POST", path, json: { commit } } as const;
      const answer = await api.json({ ...request, answer: acceptedSchema }, signal);
      return answer.deployment_uuid;
    },
    async cancelDeployment(application, uuid, signal) {
      const token = tokenOf("deployToken");
      const before = await owned(application, uuid, signal);
      if (!isActiveDeployment(before)) return before;
      const about = `cancelling a deployment of ${application}`;
      const path = `/deployments/${segment(uuid)}/cancel`;
      const request = { token, about, method: "POST", path } as const;
      try {
        const { status } = await api.json({ ...request, answer: cancelledSchema }, signal);
        return { ...before, status };
      } catch (error) {
        // It may have ended at the same moment, and Coolify has answered 500 to what it has done.
        const after = await find(application, uuid, signal);
        if (after === undefined || isActiveDeployment(after)) throw error;
        return after;
      }
    },
    async stopApplication(application, signal) {
      const about = `stopping ${application}`;
      // Left to its default it would also throw away images that nobody uses now, and a way back among them.
      const path = `${pathOf(application)}/stop?docker_cleanup=false`;
      await api.text({ token: tokenOf("deployToken"), about, method: "POST", path }, signal);
    },
    async deploymentLog(application, uuid, signal) {
      const token = tokenOf("sensitiveToken");
      await owned(application, uuid, signal);
      const about = `log of a deployment of ${application}`;
      const path = `/deployments/${segment(uuid)}`;
      const request = { token, about, path, maximumBytes: LOG_BYTES, answer: deploymentLogSchema };
      return api.json(request, signal);
    },
  };
}

function quoted(text: string): string {
  return JSON.stringify(text).slice(0, 80);
}

const acceptedSchema = z.object({ deployment_uuid: z.string().min(1) });
const cancelledSchema = z.object({ status: z.string().min(1) });

const entriesSchema = z.array(
  z.object({
    output: z.string().nullish(),
    // What does not say that it may be seen is hidden: among it are commands with credentials in them.
    hidden: z.boolean().default(true),
    order: z.number().nullish(),
  }),
);

/** The log is a text that holds the JSON of its entries. Without `read:sensitive` the field is missing. */
export const deploymentLogSchema = z
  .object({ logs: z.string().nullable() })
  .transform(({ logs }, context) => {
    if (logs === null || logs.trim() === "") return "";
    const entries = entriesSchema.safeParse(parsed(logs));
    if (!entries.success) {
      context.addIssue({ code: "custom", message: "expected the JSON of a list", path: ["logs"] });
      return z.NEVER;
    }
    return entries.data
      .map((entry, index) => ({ ...entry, order: entry.order ?? index }))
      .filter(({ hidden }) => !hidden)
      .toSorted((one, other) => one.order - other.order)
      .map(({ output }) => (output ?? "").replace(/\n+$/, ""))
      .filter((line) => line !== "")
      .join("\n");
  });

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
