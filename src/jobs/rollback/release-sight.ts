import { z } from "zod";

import { RELEASE_LESSONS, type DeployedApplication, type MetRelease } from "../../core/release.ts";
import type { Database } from "../../storage/database.ts";
import { metReleases } from "../../storage/release.ts";
import { isActiveDeployment } from "../../systems/coolify.ts";
import type { Systems } from "../../systems/index.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { RolloutSettings } from "../deploy/rollout-settings.ts";
import { schemaRevisions } from "../deploy/schema-revision.ts";

export type ReleaseParts = {
  readonly database: Database;
  readonly target: string;
  readonly systems: Pick<Systems, "postgres"> & {
    readonly coolify: Pick<Systems["coolify"], "application" | "deployments" | "rollbackImages">;
  };
  readonly rollout: RolloutSettings;
};

/** What an application is to the target, whatever it is called in Coolify. */
export const APPLICATION_ROLES = ["worker", "api"] as const;
export type ApplicationRole = (typeof APPLICATION_ROLES)[number];

const applicationSchema = z.object({
  role: z.enum(APPLICATION_ROLES),
  name: z.string(),
  /** Null when nobody can see them now. */
  images: z.array(z.string()).nullable(),
  finished: z.array(z.object({ commit: z.string(), at: z.coerce.date() })),
  /** What is being deployed to it, or waits for that. */
  active: z.array(z.string()),
  deploysOnPush: z.boolean(),
});

/** The target as it stands between its releases, as a look left it in the journal. */
export const releaseSightSchema = z.object({
  applications: z.array(applicationSchema),
  schema: z.object({ revision: z.string().nullable(), problem: z.string().nullable() }),
  met: z.array(
    z.object({
      commit: z.string(),
      lesson: z.enum(RELEASE_LESSONS),
      schemaRevision: z.string().nullable(),
      firstMetAt: z.coerce.date(),
      metAt: z.coerce.date(),
    }),
  ),
});

export type ReleaseSight = z.output<typeof releaseSightSchema>;
type SeenApplication = ReleaseSight["applications"][number];

const IMAGES_TIMEOUT_MS = 10_000;
const COMMIT = /^[0-9a-f]{7,64}$/;

/** Looks at what runs, what ran, what is kept of it, and what is known of it; asks for nothing that a token may change. */
export async function seeReleases(parts: ReleaseParts, signal: AbortSignal): Promise<ReleaseSight> {
  const [applications, schema, met] = await Promise.all([
    Promise.all(
      applicationsOf(parts.rollout).map(async (one) => seeApplication(parts, one, signal)),
    ),
    seeSchema(parts, signal),
    parts.database.transaction(async (tx) => metReleases(tx, parts.target)),
  ]);
  return {
    applications,
    schema,
    met: met.map((one) => ({ ...one, schemaRevision: one.schemaRevision ?? null })),
  };
}

/** The applications that carry a release, in the order in which they are changed. */
function applicationsOf({
  api,
  worker,
}: RolloutSettings): readonly { readonly role: ApplicationRole; readonly name: string }[] {
  return [
    ...(worker === undefined ? [] : [{ role: "worker", name: worker } as const]),
    { role: "api", name: api },
  ];
}

async function seeApplication(
  { systems: { coolify } }: ReleaseParts,
  { role, name }: { readonly role: ApplicationRole; readonly name: string },
  signal: AbortSignal,
): Promise<SeenApplication> {
  const [{ deploysOnPush }, deployments, images] = await Promise.all([
    coolify.application(name, signal),
    coolify.deployments(name, signal),
    seeImages(coolify, name, signal),
  ]);
  const own = deployments.filter(({ isPreview }) => !isPreview);
  return {
    role,
    name,
    images,
    finished: own
      .filter(({ status, commit }) => status === "finished" && COMMIT.test(commit))
      .map(({ commit, finishedAt, createdAt }) => ({ commit, at: finishedAt ?? createdAt })),
    active: own.filter(isActiveDeployment).map(({ uuid }) => uuid),
    deploysOnPush,
  };
}

/** Coolify asks the server for them, which may be in trouble of its own; then it is only not known what is kept. */
async function seeImages(
  coolify: ReleaseParts["systems"]["coolify"],
  name: string,
  signal: AbortSignal,
): Promise<string[] | null> {
  try {
    const each = AbortSignal.any([signal, AbortSignal.timeout(IMAGES_TIMEOUT_MS)]);
    const images = await coolify.rollbackImages(name, each);
    // What runs has an image, so an empty list only says that the server could not be asked.
    return images.length > 0 ? [...images] : null;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SystemError) return null;
    throw error;
  }
}

async function seeSchema(
  { systems, rollout }: ReleaseParts,
  signal: AbortSignal,
): Promise<ReleaseSight["schema"]> {
  if (rollout.schema === undefined) {
    return { revision: null, problem: "rollout.schema is not configured" };
  }
  try {
    const revisions = await schemaRevisions(systems, rollout.schema, signal);
    return { revision: revisions.join(" ") || "none", problem: null };
  } catch (error) {
    // A rollback must not wait for a database that may be what is broken.
    if (error instanceof SystemError) return { revision: null, problem: error.message };
    throw error;
  }
}

/** The same for the rules of releases. */
export function deployedApplications({
  applications,
}: ReleaseSight): readonly DeployedApplication[] {
  return applications.map(({ name, images, finished }) => ({
    name,
    images: images ?? undefined,
    finished,
  }));
}

export function metInSight({ met }: ReleaseSight): readonly MetRelease[] {
  return met.map((one) => ({ ...one, schemaRevision: one.schemaRevision ?? undefined }));
}

/** A release that runs everywhere, and nothing is on its way to take its place. */
export const releaseInPlaceSchema = z.object({
  commit: z.string(),
  /** The deployments that put it there: other ones of the same commit are another occasion. */
  deployments: z.array(z.string()),
  schemaRevision: z.string().nullable(),
});
export type ReleaseInPlace = z.output<typeof releaseInPlaceSchema>;

/** Looks which one release runs; undefined while applications differ, or something is being deployed. */
export async function seeReleaseInPlace(
  parts: ReleaseParts,
  signal: AbortSignal,
): Promise<ReleaseInPlace | undefined> {
  const { coolify } = parts.systems;
  const [lists, schema] = await Promise.all([
    Promise.all(
      applicationsOf(parts.rollout).map(async ({ name }) => coolify.deployments(name, signal)),
    ),
    seeSchema(parts, signal),
  ]);
  const own = lists.map((rows) => rows.filter(({ isPreview }) => !isPreview));
  if (own.some((rows) => rows.some(isActiveDeployment))) return undefined;
  const newest = own.map((rows) => rows.find(({ status }) => status === "finished"));
  const [first] = newest;
  if (first === undefined || !COMMIT.test(first.commit)) return undefined;
  if (newest.some((row) => row?.commit !== first.commit)) return undefined;
  return {
    commit: first.commit,
    deployments: newest.map((row) => row?.uuid ?? ""),
    schemaRevision: schema.revision,
  };
}
