import { posix } from "node:path";

import { z } from "zod";

import { Secret } from "../core/secret.ts";

/**
 * Coolify's answers as we read them: open, for it adds fields as it likes, but strict in what a verdict depends on. A
 * field that may be null must still be there, so that one which was renamed is not taken for "none".
 */

export type CoolifyApplication = {
  /** The first two parts of the status, such as `running` and `healthy`. */
  readonly state: string;
  readonly health: string;
  /** The status is Coolify's memory; it says nothing about today while the server cannot be reached. */
  readonly isServerReachable: boolean;
  readonly hasHealthCheck: boolean;
  readonly buildPack: string;
  readonly repository: string;
  readonly branch: string;
  /** The commit that a deployment takes instead of the branch's head; undefined when none is pinned. */
  readonly pinnedCommit: string | undefined;
  readonly deploysOnPush: boolean;
  /** From the root of the repository: `/backend/Dockerfile`. */
  readonly dockerfile: string;
  readonly domains: readonly string[];
  readonly composeDomains: readonly string[];
  readonly publishedPorts: readonly string[];
  readonly buildsPreviews: boolean;
};

const composeDomainsSchema = z
  .string()
  .nullable()
  .transform((text, context): readonly string[] => {
    if (text === null || text.trim() === "") return [];
    const entries = composeEntries.safeParse(parsed(text));
    if (entries.success) return Object.values(entries.data).flatMap(({ domain }) => listed(domain));
    context.addIssue({ code: "custom", message: "expected the JSON of a mapping" });
    return z.NEVER;
  });
const composeEntries = z.union([
  z.record(z.string(), z.object({ domain: z.string().nullish() })),
  // PHP writes an empty mapping as an empty list.
  z.tuple([]),
]);

export const applicationSchema = z
  .object({
    status: z.string(),
    server_status: z.boolean(),
    health_check_enabled: z.boolean(),
    custom_healthcheck_found: z.boolean().nullish(),
    build_pack: z.string(),
    git_repository: z.string(),
    git_branch: z.string(),
    git_commit_sha: z.string().nullish(),
    base_directory: z.string().nullish(),
    dockerfile_location: z.string().nullable(),
    fqdn: z.string().nullable(),
    docker_compose_domains: composeDomainsSchema,
    ports_mappings: z.string().nullable(),
    settings: z.object({
      is_preview_deployments_enabled: z.boolean(),
      is_auto_deploy_enabled: z.boolean(),
    }),
  })
  .transform((row): CoolifyApplication => {
    const [state = "", health = "unknown"] = row.status.split(":");
    return {
      state,
      health,
      isServerReachable: row.server_status,
      hasHealthCheck: row.health_check_enabled || row.custom_healthcheck_found === true,
      buildPack: row.build_pack,
      repository: row.git_repository,
      branch: row.git_branch,
      pinnedCommit: isPinned(row.git_commit_sha) ? row.git_commit_sha : undefined,
      deploysOnPush: row.settings.is_auto_deploy_enabled,
      dockerfile: posix.join(
        "/",
        row.base_directory ?? "",
        row.dockerfile_location ?? "/Dockerfile",
      ),
      domains: listed(row.fqdn),
      composeDomains: row.docker_compose_domains,
      publishedPorts: listed(row.ports_mappings),
      buildsPreviews: row.settings.is_preview_deployments_enabled,
    };
  });

function isPinned(commit: string | null | undefined): commit is string {
  return typeof commit === "string" && !["", "HEAD"].includes(commit);
}

/** What only a token with `read:sensitive` sees of an application. */
export type CoolifyHiddenSettings = {
  readonly labels: readonly string[];
  /** A Dockerfile typed into Coolify takes the place of the repository's. */
  readonly hasInlineDockerfile: boolean;
};

export const hiddenSettingsSchema = z
  .object({ custom_labels: z.string().nullable(), dockerfile: z.string().nullable() })
  .transform((row): CoolifyHiddenSettings => ({
    labels: unpacked(row.custom_labels ?? "")
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== ""),
    hasInlineDockerfile: (row.dockerfile ?? "").trim() !== "",
  }));

export type CoolifyVariable = {
  readonly key: string;
  readonly isRuntime: boolean;
  /** Undefined when it is hidden: from this token, or from everybody because it is locked. */
  readonly value: Secret | undefined;
};

const variableSchema = z.object({
  key: z.string(),
  is_preview: z.boolean(),
  is_runtime: z.boolean().default(true),
  is_shared: z.boolean().nullish(),
  is_shown_once: z.boolean().nullish(),
  value: z.string().nullish(),
  real_value: z.string().nullish(),
});

/** The variables of production. Each has a twin for previews under the same key, which says nothing about it. */
export const variablesSchema = z
  .array(variableSchema)
  .transform((rows): CoolifyVariable[] =>
    rows
      .filter((row) => !row.is_preview)
      .map((row) => ({ key: row.key, isRuntime: row.is_runtime, value: valueOf(row) })),
  );

function valueOf(row: z.output<typeof variableSchema>): Secret | undefined {
  // A hidden value lacks its field; one that was left empty is null.
  if (row.value === undefined || (row.is_shown_once && row.value === null)) return undefined;
  if (!row.is_shared) return new Secret(row.value ?? "");
  // A shared variable's own value is the reference to it; what it resolves to comes quoted for a shell.
  const resolved = row.real_value?.replace(/^'(.*)'$/s, "$1");
  return resolved === undefined ? undefined : new Secret(resolved);
}

/** A time as Coolify writes it; without a zone it is UTC. */
export const coolifyTimeSchema = z.string().transform((text, context) => {
  const hasZone = /(?:Z|[+-]\d\d:?\d\d)$/.test(text);
  const time = new Date(hasZone ? text : `${text.replace(" ", "T")}Z`);
  if (!Number.isNaN(time.getTime())) return time;
  context.addIssue({ code: "custom", message: "expected a time" });
  return z.NEVER;
});

export type CoolifyDeployment = {
  readonly uuid: string;
  /** `HEAD` until the branch was read. */
  readonly commit: string;
  /** `queued`, `in_progress`, `finished`, `failed` or `cancelled-by-user`; others may come with a new version. */
  readonly status: string;
  readonly isPreview: boolean;
  /** Asked for by commit, as a rollback is, rather than by a push or for the head of the branch. */
  readonly isRollback: boolean;
  readonly createdAt: Date;
  /** After `finished` comes the post-deployment command; only when that has ended is there a time. */
  readonly finishedAt: Date | undefined;
};

export const deploymentsSchema = z
  .object({
    deployments: z.array(
      z.object({
        deployment_uuid: z.string(),
        commit: z.string(),
        status: z.string(),
        pull_request_id: z.coerce.number(),
        rollback: z.boolean(),
        created_at: coolifyTimeSchema,
        finished_at: coolifyTimeSchema.nullish(),
      }),
    ),
  })
  .transform(({ deployments }): CoolifyDeployment[] =>
    deployments.map((row) => ({
      uuid: row.deployment_uuid,
      commit: row.commit,
      status: row.status,
      isPreview: row.pull_request_id !== 0,
      isRollback: row.rollback,
      createdAt: row.created_at,
      finishedAt: row.finished_at ?? undefined,
    })),
  );

/** The commits whose images are kept; beside them the list holds half-built, latest and preview images. */
export const rollbackImagesSchema = z
  .object({ images: z.array(z.object({ tag: z.string() })) })
  .transform(({ images }): string[] =>
    images.map((image) => image.tag).filter((tag) => /^[0-9a-f]{7,64}$/.test(tag)),
  );

/** What a container wrote to both of its outputs, in one text. */
export const logSchema = z.object({ logs: z.string() }).transform(({ logs }) => logs);

function listed(text: string | null | undefined): string[] {
  return (text ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** Labels are stored in base64, older ones as they are. */
function unpacked(text: string): string {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes.toString("utf8") : text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
