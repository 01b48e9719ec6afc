import { age } from "./moment.ts";

/**
 * What taught us something about a release. `smoke-go`: a smoke flow proved it. `signed-off`: people did. `rolled-back-to`:
 * somebody went back to it and it was proved then. `rolled-back-from`: somebody left it, so it is good no more.
 */
export const RELEASE_LESSONS = [
  "smoke-go",
  "signed-off",
  "rolled-back-to",
  "rolled-back-from",
] as const;
export type ReleaseLesson = (typeof RELEASE_LESSONS)[number];

/** A release as it was met once or often, on one schema. */
export type MetRelease = {
  readonly commit: string;
  readonly lesson: ReleaseLesson;
  /** Where the target's database stood in its migrations; undefined when that was not known. */
  readonly schemaRevision: string | undefined;
  readonly firstMetAt: Date;
  readonly metAt: Date;
};

/** An application of the target, and what its deployer still knows of its past. */
export type DeployedApplication = {
  readonly name: string;
  /** Commits whose images are kept; undefined when nobody can see them. */
  readonly images: readonly string[] | undefined;
  /** Deployments that ended well, of the branch and not of previews; the newest first. */
  readonly finished: readonly { readonly commit: string; readonly at: Date }[];
};

/** A release that one could go back to. */
export type EarlierRelease = {
  readonly commit: string;
  /** When it was deployed last; undefined when the deployer has forgotten. */
  readonly deployedAt: Date | undefined;
  /** The applications whose image is gone, so that going back builds it anew, and those where nobody can see that. */
  readonly rebuilds: readonly string[];
  readonly unseen: readonly string[];
  /** The newest that was learnt of it; undefined when it was never proved here. */
  readonly lesson: Pick<MetRelease, "lesson" | "metAt"> | undefined;
};

/** The commit that an application runs, as far as its deployments tell. */
export function runningCommit({
  finished,
}: Pick<DeployedApplication, "finished">): string | undefined {
  return finished[0]?.commit;
}

/**
 * Whatever ran before and does not run everywhere now. Those known good come first, the one that was last seen so at the
 * head; then those that were merely deployed; then those that somebody has left.
 */
export function earlierReleases(
  applications: readonly DeployedApplication[],
  met: readonly MetRelease[],
): readonly EarlierRelease[] {
  const commits = new Set([
    ...applications.flatMap(({ finished }) => finished.map(({ commit }) => commit)),
    ...met.map(({ commit }) => commit),
  ]);
  return [...commits]
    .filter((commit) => applications.some((each) => runningCommit(each) !== commit))
    .map((commit) => releaseOf(commit, applications, met))
    .toSorted((one, other) => rank(one) - rank(other) || lastTime(other) - lastTime(one));
}

function releaseOf(
  commit: string,
  applications: readonly DeployedApplication[],
  met: readonly MetRelease[],
): EarlierRelease {
  const [lesson] = met
    .filter((one) => one.commit === commit)
    .toSorted((one, other) => other.metAt.getTime() - one.metAt.getTime());
  const deployedAt = applications
    .flatMap(({ finished }) => finished.filter((one) => one.commit === commit))
    .map(({ at }) => at)
    .toSorted((one, other) => other.getTime() - one.getTime())[0];
  return {
    commit,
    deployedAt,
    rebuilds: applications
      .filter(({ images }) => images !== undefined && !images.includes(commit))
      .map(({ name }) => name),
    unseen: applications.filter(({ images }) => images === undefined).map(({ name }) => name),
    lesson: lesson && { lesson: lesson.lesson, metAt: lesson.metAt },
  };
}

/** Whether it was good when it was last heard of. */
export function isKnownGood({ lesson }: Pick<EarlierRelease, "lesson">): boolean {
  return lesson !== undefined && lesson.lesson !== "rolled-back-from";
}

function rank(release: EarlierRelease): number {
  if (isKnownGood(release)) return 0;
  return release.lesson === undefined ? 1 : 2;
}

function lastTime({ lesson, deployedAt }: EarlierRelease): number {
  return (lesson?.metAt ?? deployedAt)?.getTime() ?? 0;
}

const LESSON_WORDS: Readonly<Record<ReleaseLesson, string>> = {
  "smoke-go": "smoke GO",
  "signed-off": "signed off",
  "rolled-back-to": "good after a rollback",
  "rolled-back-from": "left by a rollback",
};

/** What speaks for a release or against it: `smoke GO 3d ago`. */
export function lessonWords(lesson: EarlierRelease["lesson"], now: Date): string {
  if (lesson === undefined) return "never proved here";
  return `${LESSON_WORDS[lesson.lesson]} ${age(lesson.metAt, now)}`;
}

/** Which of these somebody means by the beginning of a commit's hash. */
export function releaseMeant<Release extends Pick<EarlierRelease, "commit">>(
  releases: readonly Release[],
  prefix: string,
): Release | "none" | "several" {
  const [meant, ...others] = releases.filter(({ commit }) => commit.startsWith(prefix));
  if (meant === undefined) return "none";
  return others.length > 0 ? "several" : meant;
}

/**
 * Whether a release is known to run on a schema, in words: only what was seen to run there is. Code of before may not know
 * what migrations have brought since.
 */
export function schemaWords(
  commit: string,
  schemaRevision: string | undefined,
  met: readonly MetRelease[],
): string {
  const good = met.filter((one) => one.commit === commit && one.lesson !== "rolled-back-from");
  if (schemaRevision === undefined) {
    return "Unknown whether it runs on the present schema, which could not be read.";
  }
  const present = shortRevision(schemaRevision);
  if (good.some((one) => one.schemaRevision === schemaRevision)) {
    return `It ran well on schema ${present}, the present one.`;
  }
  const known = good.map((one) => one.schemaRevision).find((revision) => revision !== undefined);
  const seen = known === undefined ? "" : `; it was on ${shortRevision(known)}`;
  return `Unknown whether it runs on schema ${present}: never seen there${seen}.`;
}

/** A revision of a schema as people recognise it. */
export function shortRevision(revision: string): string {
  return revision.slice(0, 12);
}

/** A commit as people read it. */
export function shortCommit(commit: string): string {
  return commit.slice(0, 7);
}

/** A commit as a button types it: long enough to mean one, short enough for what a button may carry. */
export function typedCommit(commit: string): string {
  return commit.slice(0, 12);
}
