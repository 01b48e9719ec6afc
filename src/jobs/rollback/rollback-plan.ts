import { z } from "zod";

import type { Facts } from "../../core/approval.ts";
import {
  earlierReleases,
  isKnownGood,
  RELEASE_LESSONS,
  releaseMeant,
  runningCommit,
  schemaWords,
  shortCommit,
  type EarlierRelease,
} from "../../core/release.ts";
import {
  APPLICATION_ROLES,
  deployedApplications,
  metInSight,
  type ReleaseSight,
} from "./release-sight.ts";

const plannedSchema = z.object({
  role: z.enum(APPLICATION_ROLES),
  name: z.string(),
  /** What it runs now; null when Coolify remembers no deployment that ended well. */
  from: z.string().nullable(),
  /** Whether anything is to be done to it: what runs the release already, undisturbed, is left alone. */
  isRedeployed: z.boolean(),
  image: z.enum(["kept", "gone", "unseen"]),
  /** What is being deployed to it and will be cancelled. */
  cancels: z.array(z.string()),
  /** Whether its auto-deploy is on and will be switched off. */
  freezes: z.boolean(),
});
export type PlannedApplication = z.output<typeof plannedSchema>;

/** What a rollback is going to do, as a look left it in the journal. */
export const rollbackPlanSchema = z.object({
  to: z.string(),
  applications: z.array(plannedSchema),
  schemaRevision: z.string().nullable(),
  /** Whether it is known to run on the present schema, in words. */
  schemaWords: z.string(),
  lesson: z.object({ lesson: z.enum(RELEASE_LESSONS), metAt: z.coerce.date() }).nullable(),
  deployedAt: z.coerce.date().nullable(),
});
export type RollbackPlan = z.output<typeof rollbackPlanSchema>;

type Planned =
  | { readonly ok: true; readonly plan: RollbackPlan }
  | { readonly ok: false; readonly problem: string };

/** What has to be done to get to a release, by the beginning of its hash; without one to the newest that is known good. */
export function planRollback(sight: ReleaseSight, prefix: string | undefined): Planned {
  const meant = prefix === undefined ? newestGood(sight) : namedRelease(sight, prefix);
  if (typeof meant === "string") return { ok: false, problem: meant };
  const applications = sight.applications.map((application): PlannedApplication => {
    const { role, name, images, active, deploysOnPush } = application;
    const from = runningCommit(application) ?? null;
    return {
      role,
      name,
      from,
      // Whatever a deployment has done before it is cancelled is not known, so it is done over.
      isRedeployed: from !== meant.commit || active.length > 0,
      image: images === null ? "unseen" : images.includes(meant.commit) ? "kept" : "gone",
      cancels: active,
      freezes: deploysOnPush,
    };
  });
  if (!applications.some(({ isRedeployed }) => isRedeployed)) {
    const problem = `${shortCommit(meant.commit)} runs already, so there is nothing to roll back.`;
    return { ok: false, problem };
  }
  return {
    ok: true,
    plan: {
      to: meant.commit,
      applications,
      schemaRevision: sight.schema.revision,
      schemaWords: schemaWords(meant.commit, sight.schema.revision ?? undefined, metInSight(sight)),
      lesson: meant.lesson ?? null,
      deployedAt: meant.deployedAt ?? null,
    },
  };
}

function newestGood(sight: ReleaseSight): EarlierRelease | string {
  const [newest] = earlierReleases(deployedApplications(sight), metInSight(sight));
  if (newest === undefined) return "Nothing else was ever deployed here.";
  if (isKnownGood(newest)) return newest;
  return "No earlier release is known good; /rollback shows what there is to choose from.";
}

function namedRelease(sight: ReleaseSight, prefix: string): EarlierRelease | string {
  const known = allReleases(sight);
  const meant = releaseMeant(known, prefix);
  switch (meant) {
    case "none":
      return `No release that ran here begins with ${prefix}; /rollback shows which there are.`;
    case "several":
      return `Several releases that ran here begin with ${prefix}; type more of it.`;
    default:
      return meant;
  }
}

/** With the one that runs everywhere, which a deployment that hangs may be about to replace. */
function allReleases(sight: ReleaseSight): readonly EarlierRelease[] {
  const earlier = earlierReleases(deployedApplications(sight), metInSight(sight));
  const running = sight.applications.map((application) => runningCommit(application));
  const present = running
    .filter((commit) => commit !== undefined)
    .filter((commit) => !earlier.some((one) => one.commit === commit))
    .map((commit) => ({
      commit,
      deployedAt: undefined,
      rebuilds: [],
      unseen: [],
      lesson: undefined,
    }));
  const [one] = present;
  return one === undefined ? earlier : [...earlier, one];
}

/** What a yes to this plan is a yes to: whatever is done outside is named here. */
export function parametersOf({ to, applications }: RollbackPlan, why: string | undefined): Facts {
  const changed = applications.filter(({ isRedeployed }) => isRedeployed);
  const cancels = applications.flatMap((one) => one.cancels);
  const freezes = applications.filter((one) => one.freezes).map(({ role }) => role);
  return {
    to,
    ...Object.fromEntries(
      changed.map(({ role, from, image }) => [role, `from ${from ?? "unknown"}, image ${image}`]),
    ),
    order: changed.map(({ role }) => role).join(", "),
    ...(cancels.length > 0 ? { cancels: cancels.join(", ") } : {}),
    ...(freezes.length > 0 ? { "auto-deploy-off": freezes.join(", ") } : {}),
    ...(why === undefined ? {} : { why }),
  };
}

/**
 * What a yes rests on. A schema that could not be read when it was asked is left out: that it can be read later takes
 * nothing from the yes.
 */
export function observedOf({ applications, schema }: ReleaseSight, isSchemaAsked: boolean): Facts {
  return {
    ...Object.fromEntries(
      applications.map((application) => [
        application.role,
        runningCommit(application)?.slice(0, 12) ?? "unknown",
      ]),
    ),
    "under-way": applications.flatMap(({ active }) => active).join(", ") || "nothing",
    ...(isSchemaAsked ? { schema: schema.revision ?? "not to be read" } : {}),
  };
}
