import { type GitCommit, gitCommit } from "./git-objects.ts";
import { migrationsOf, type Migration } from "./product/migrations.ts";
import type { Revision } from "./product/revision.ts";

/** How the API of a release behaves. */
export type ApiManners =
  | "good"
  /** Ends while it starts, with a traceback. */
  | "crashes"
  /** Live, and good for nothing else. */
  | "broken"
  /** Live, and never ready. */
  | "never-ready"
  /** Good for a while; then what people use answers 500. */
  | "goes-bad"
  /** Needs a column that its migration brings. */
  | "needs-urgency";

/** How the worker of a release behaves: it may wait at a list that nobody fills. */
type WorkerManners = "good" | "idles";

type Behaviour = {
  readonly subject: string;
  readonly api?: ApiManners;
  readonly worker?: WorkerManners;
  /** The revision that it is of, where that is not the world's. */
  readonly revision?: Revision;
  readonly migration?: Migration;
};

export type ReleaseName =
  | "previous"
  | "current"
  | "good"
  | "crashes"
  | "broken"
  | "never-ready"
  | "goes-bad"
  | "worker-idles"
  | "migrates"
  | "migration-fails"
  | "migration-half-applies"
  | "revision-b";

const urgency: Migration = {
  revision: "a1c4e7d2f9b3",
  title: "urgency of inbox items",
  statements: ["alter table inbox_items add column urgency varchar not null default 'normal'"],
  isTransactional: true,
};

/** What a table with rows refuses. */
const OWNER_OF_TASKS = "alter table tasks add column owner_id varchar not null";

/** What was pushed to the branch, or may be pushed one day. Each is a commit on top of `current`, which is on top of `previous`. */
const behaviours: Readonly<Record<ReleaseName, Behaviour>> = {
  previous: { subject: "Remember what was said last week" },
  current: { subject: "Sync and reconcile tasks with Todoist" },
  good: { subject: "Answer questions with fewer words" },
  crashes: { subject: "Move the settings to another module", api: "crashes" },
  broken: { subject: "Upgrade the web framework", api: "broken" },
  "never-ready": { subject: "Check the stores in parallel", api: "never-ready" },
  "goes-bad": { subject: "Cache the answers of the model", api: "goes-bad" },
  "worker-idles": { subject: "Rename the queue of the worker", worker: "idles" },
  migrates: {
    subject: "Let thoughts be urgent",
    api: "needs-urgency",
    migration: urgency,
  },
  "migration-fails": {
    subject: "Give every task an owner",
    migration: {
      revision: "b2d5f8e3a0c4",
      title: "owner of tasks",
      statements: [OWNER_OF_TASKS],
      isTransactional: true,
    },
  },
  "migration-half-applies": {
    subject: "Find tasks by their owner",
    migration: {
      revision: "c3e6a9f4b1d5",
      title: "index and owner of tasks",
      statements: [
        "create index concurrently ix_inbox_items_chat on inbox_items (chat_id)",
        OWNER_OF_TASKS,
      ],
      isTransactional: false,
    },
  },
  "revision-b": { subject: "Keep work items of our own", revision: "B" },
};

export const releaseNames = Object.keys(behaviours) as readonly ReleaseName[];

const FIRST_COMMIT_AT = Date.parse("2026-11-14T09:00:00Z");
const DAY_MS = 86_400_000;

function commitOf(name: ReleaseName, day: number, parent: GitCommit | undefined): GitCommit {
  return gitCommit({
    subject: behaviours[name].subject,
    at: new Date(FIRST_COMMIT_AT + day * DAY_MS),
    ...(parent && { parent: parent.hash }),
    file: { name: "RELEASE", text: `${name}\n` },
  });
}

const previous = commitOf("previous", 0, undefined);
const current = commitOf("current", 7, previous);

/** The commits of all releases, `previous` and `current` first. */
export const gitCommits: ReadonlyMap<ReleaseName, GitCommit> = new Map(
  releaseNames.map((name): [ReleaseName, GitCommit] => {
    if (name === "previous") return [name, previous];
    return [name, name === "current" ? current : commitOf(name, 8, current)];
  }),
);

/** The full hash of each release's commit. */
export const releases = Object.fromEntries(
  [...gitCommits].map(([name, { hash }]) => [name, hash]),
) as Readonly<Record<ReleaseName, string>>;

export type Release = {
  readonly name: ReleaseName;
  readonly commit: string;
  readonly revision: Revision;
  readonly api: ApiManners;
  readonly worker: WorkerManners;
  /** All that `alembic` finds in its image. */
  readonly migrations: readonly Migration[];
};

/** By its hash, or as much of it as git demands; undefined when the repository has no such commit. */
export function releaseOf(commit: string, worldRevision: Revision): Release | undefined {
  if (!/^[0-9a-f]{7,40}$/.test(commit)) return undefined;
  const name = releaseNames.find((each) => releases[each].startsWith(commit));
  if (name === undefined) return undefined;
  const { api = "good", worker = "good", revision = worldRevision, migration } = behaviours[name];
  return {
    name,
    commit: releases[name],
    revision,
    api,
    worker,
    migrations: [...migrationsOf[revision], ...(migration === undefined ? [] : [migration])],
  };
}
