import { z } from "zod";

import { formatDuration } from "../../core/duration.ts";
import type { Json } from "../../core/json.ts";
import { shortCommit } from "../../core/release.ts";
import { type CoolifyDeployment, isActiveDeployment } from "../../systems/coolify.ts";

/** A deployment as it was asked for. */
export type AwaitedDeployment = {
  readonly application: string;
  /** Undefined when only a person said that it was accepted, who knows of no uuid: the newest of the commit is meant. */
  readonly uuid: string | undefined;
  readonly commit: string;
};

export type DeploymentSight =
  | { readonly kind: "under-way"; readonly progress: DeploymentProgress }
  | { readonly kind: "finished"; readonly row: CoolifyDeployment & { readonly finishedAt: Date } }
  /** Nothing good will come of it any more. */
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "missing" };

/** What becomes of a deployment, by what Coolify lists of the application, the newest first. */
export function judgeDeployment(
  awaited: AwaitedDeployment,
  rows: readonly CoolifyDeployment[],
): DeploymentSight {
  const index = rows.findIndex((row) => isMeant(row, awaited));
  const row = rows[index];
  if (row === undefined) return { kind: "missing" };
  const { application, commit } = awaited;
  const called = `deployment ${row.uuid} of ${application}`;
  const later = overtakerOf(rows.slice(0, index), commit);
  const failed = (reason: string): DeploymentSight => ({
    kind: "failed",
    reason: later === undefined ? reason : `${reason}; ${told(later)} came after it`,
  });
  if (row.status === "failed") {
    return failed(`${called} failed; its log: ${logCommand(application, row.uuid)}`);
  }
  if (row.status === "cancelled-by-user") return failed(`${called} was cancelled in Coolify`);
  if (row.status !== "finished" || row.finishedAt === undefined) {
    const since = row.createdAt.toISOString();
    return { kind: "under-way", progress: { deployment: row.uuid, status: row.status, since } };
  }
  if (row.commit !== commit) {
    const found = shortCommit(row.commit);
    return failed(`${called} put ${found} in place; expected ${shortCommit(commit)}`);
  }
  if (later !== undefined) {
    const reason = `${called} finished, but ${told(later)} came after it and takes its place`;
    return { kind: "failed", reason };
  }
  return { kind: "finished", row: { ...row, finishedAt: row.finishedAt } };
}

function isMeant(row: CoolifyDeployment, { uuid, commit }: AwaitedDeployment): boolean {
  if (uuid !== undefined) return row.uuid === uuid;
  return !row.isPreview && row.isRollback && row.commit === commit;
}

/** The newest deployment that puts, or has put, another commit in its place. */
function overtakerOf(
  later: readonly CoolifyDeployment[],
  commit: string,
): CoolifyDeployment | undefined {
  const ends = ["failed", "cancelled-by-user"];
  return later.find((row) => !row.isPreview && row.commit !== commit && !ends.includes(row.status));
}

function told({ uuid, commit, status }: CoolifyDeployment): string {
  const of = commit === "HEAD" ? "the head of the branch" : shortCommit(commit);
  return `deployment ${uuid} of ${of} (${spelt(status)})`;
}

function spelt(status: string): string {
  return status.replaceAll(/[_-]/g, " ");
}

const deploymentProgressSchema = z.object({
  deployment: z.string(),
  status: z.string(),
  /** When it was asked for, by Coolify's clock. */
  since: z.iso.datetime(),
});
export type DeploymentProgress = z.output<typeof deploymentProgressSchema>;

/** What a card says of a deployment that is under way; undefined when nothing was reported yet. */
export function deploymentProgressText(progress: Json, now: Date): string | undefined {
  const { data } = deploymentProgressSchema.safeParse(progress);
  if (data === undefined) return undefined;
  const agoMs = Math.max(0, now.getTime() - new Date(data.since).getTime());
  const asked = agoMs < 1_000 ? "just asked for" : `asked for ${formatDuration(agoMs)} ago`;
  return `${standing(data.status)}, ${asked}`;
}

function standing(status: string): string {
  if (status === "queued") return "waits in Coolify's queue";
  if (status === "finished") return "finished but for its post-deployment command";
  return spelt(status);
}

/** That time is over, and what it was spent with. */
export function tooLong(
  { application, uuid }: AwaitedDeployment,
  progress: DeploymentProgress | undefined,
  withinMs: number,
): string {
  const after = `after ${formatDuration(withinMs)}`;
  const called = `deployment ${progress?.deployment ?? uuid ?? "asked for"} of ${application}`;
  if (progress === undefined) return `${called} was not seen in Coolify's list ${after}`;
  if (progress.status === "queued") {
    return `${called} still waits in Coolify's queue ${after}; what is before it stands in Coolify under Deployments`;
  }
  if (progress.status === "finished") {
    return `${called} finished, but its post-deployment command has not ended ${after}`;
  }
  const log = logCommand(application, progress.deployment);
  return `${called} is still ${spelt(progress.status)} ${after}; its log: ${log}`;
}

function logCommand(application: string, deployment: string): string {
  return `/deployment ${application} ${deployment}`;
}

/** What was there before a deployment was asked for. */
export const deploymentsBeforeSchema = z.object({
  uuids: z.array(z.string()),
  /** Of the newest of them: what is older is none of ours, whether it was in the list or not. */
  newestAt: z.iso.datetime().nullable(),
});
export type DeploymentsBefore = z.output<typeof deploymentsBeforeSchema>;

export function deploymentsBefore(rows: readonly CoolifyDeployment[]): DeploymentsBefore {
  const newest = Math.max(...rows.map((row) => row.createdAt.getTime()));
  return {
    uuids: rows.map((row) => row.uuid),
    newestAt: rows.length === 0 ? null : new Date(newest).toISOString(),
  };
}

/**
 * The deployment that came of asking for a commit, if there is one: it was not there before, and was asked for by that
 * commit. Of several the one that is under way.
 */
export function deploymentSince(
  before: DeploymentsBefore,
  rows: readonly CoolifyDeployment[],
  commit: string,
): CoolifyDeployment | undefined {
  const { uuids, newestAt } = before;
  const isNew = (row: CoolifyDeployment): boolean =>
    !uuids.includes(row.uuid) && (newestAt === null || row.createdAt >= new Date(newestAt));
  const ours = rows.filter(
    (row) => isNew(row) && !row.isPreview && row.isRollback && row.commit === commit,
  );
  return ours.find(isActiveDeployment) ?? ours[0];
}
