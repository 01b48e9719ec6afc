import { runningCommit, shortCommit, shortRevision } from "../../core/release.ts";
import type { JournalledStep } from "../../storage/run-step.ts";
import type { ApplicationRole } from "../rollback/release-sight.ts";
import { journalledResults } from "../rollback/rollback-report.ts";
import { deployBeginning, DEPLOY_STEPS } from "./deploy-report.ts";
import { MIGRATION_STEPS, migratedSchema } from "./migration-steps.ts";

/** The steps that put an application in its place. */
const PLACED: Readonly<Record<ApplicationRole, { readonly asked: string; readonly ends: string }>> =
  {
    api: { asked: DEPLOY_STEPS.api, ends: DEPLOY_STEPS.apiEnds },
    worker: { asked: DEPLOY_STEPS.worker, ends: DEPLOY_STEPS.workerEnds },
  };

/** Where the target stands by what was last seen, for a deployment that did not come to its end. */
export function deployStanding(steps: readonly JournalledStep[]): readonly string[] {
  const { source, sight } = deployBeginning(journalledResults(steps));
  if (!source || !sight || !hasChanged(steps)) return [];
  const applications = sight.applications.toReversed().map((application) => {
    const { role } = application;
    const running = runningCommit(application);
    const before = running === undefined ? "nothing" : shortCommit(running);
    return `${role}: ${placedWords(steps, role, before, shortCommit(source.commit))}`;
  });
  return [...applications, ...schemaWords(steps)];
}

function placedWords(
  steps: readonly JournalledStep[],
  role: ApplicationRole,
  before: string,
  release: string,
): string {
  const stateOf = (name: string): JournalledStep["state"] | undefined =>
    steps.find((step) => step.name === name)?.state;
  const { asked, ends } = PLACED[role];
  if (stateOf(ends) === "done") return release;
  // A deployment that hung may still come to its end.
  if (stateOf(ends) === "failed") return `${before} before; that of ${release} did not end well`;
  switch (stateOf(asked)) {
    case undefined:
    case "failed":
    case "cleared":
      return `${before}, as before`;
    case "started":
    case "unknown":
      return `${before}, or ${release} by now: nobody can tell`;
    case "done":
      return `${release} was asked for, and its end was not waited for`;
  }
}

function schemaWords(steps: readonly JournalledStep[]): readonly string[] {
  const migrated = migratedSchema.safeParse(
    steps.find(({ name }) => name === MIGRATION_STEPS.after)?.result,
  ).data;
  if (migrated) return [`schema: ${migrated.to.map(shortRevision).join(", ")}`];
  const begun = steps.find(({ name }) => name === MIGRATION_STEPS.upgrade);
  return begun === undefined ? [] : ["schema: a migration was begun; look at it before going on"];
}

/** Whether anything was begun outside that changes what runs or what is stored. */
export function hasChanged(steps: readonly JournalledStep[]): boolean {
  const changing: readonly string[] = [
    DEPLOY_STEPS.api,
    DEPLOY_STEPS.worker,
    MIGRATION_STEPS.upgrade,
  ];
  const undone: readonly JournalledStep["state"][] = ["cleared", "failed"];
  return steps.some(({ name, state }) => changing.includes(name) && !undone.includes(state));
}
