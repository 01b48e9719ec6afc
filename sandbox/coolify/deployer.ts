import { containerVariables } from "./container-variables.ts";
import { complain, note, tell } from "./deployment-log.ts";
import type { CoolifyMood } from "./mood.ts";
import { newUuid } from "./new-uuid.ts";
import type { ApplicationRow, CoolifyState, DeploymentRow } from "./rows.ts";
import type { Replaced, Runtime } from "./runtime.ts";

type Wanted = Pick<DeploymentRow, "commit"> &
  Partial<Pick<DeploymentRow, "rollback" | "force_rebuild" | "restart_only">>;

export type Deployer = {
  enqueue(application: ApplicationRow, wanted: Wanted): DeploymentRow;
  /** Somebody has pushed: the branch has a new head, which is deployed to these, or to all that follow it by themselves. */
  push(commit: string, applications?: readonly ApplicationRow[]): readonly DeploymentRow[];
  cancel(row: DeploymentRow): void;
  /** Every deployment makes its next step; on a real server that is minutes of building. */
  advance(): Promise<void>;
};

const CONCURRENT_BUILDS = 2;

export function isUnderWay({ status }: DeploymentRow): boolean {
  return status === "queued" || status === "in_progress";
}

/** The deployments that are under way, the oldest first. */
export function activeDeployments(state: CoolifyState, application?: string): DeploymentRow[] {
  return state.deployments.filter(
    (row) => isUnderWay(row) && (application === undefined || row.application === application),
  );
}

/** The queue of one server: one deployment of an application at a time, and two in all. */
export function createDeployer(options: {
  readonly state: CoolifyState;
  readonly mood: CoolifyMood;
  readonly runtime: Runtime;
  /** What is pushed when somebody pushes in the middle of a deployment. */
  readonly nextCommit: string;
  /** Told where the branch stands from now on. */
  readonly onPush: (commit: string) => void;
  readonly now: () => Date;
}): Deployer {
  const { state, mood, runtime, now } = options;
  const replacing = new Set<DeploymentRow>();
  const time = (): string => now().toISOString();
  const enter = (row: DeploymentRow, status: DeploymentRow["status"]): void => {
    row.status = status;
    row.updated_at = time();
  };

  function add(
    application: ApplicationRow,
    wanted: Wanted,
    origin: Pick<DeploymentRow, "is_api" | "is_webhook">,
  ): DeploymentRow {
    const row: DeploymentRow = {
      id: Math.max(0, ...state.deployments.map(({ id }) => id)) + 1,
      deployment_uuid: newUuid(),
      application: application.uuid,
      pull_request_id: 0,
      force_rebuild: wanted.force_rebuild ?? false,
      rollback: wanted.rollback ?? false,
      restart_only: wanted.restart_only ?? false,
      ...origin,
      requested_commit: wanted.commit,
      commit: wanted.commit,
      status: "queued",
      logs: null,
      created_at: time(),
      updated_at: time(),
      finished_at: null,
    };
    state.deployments.push(row);
    return row;
  }
  const pushed = (application: ApplicationRow): DeploymentRow =>
    add(application, { commit: "HEAD" }, { is_api: false, is_webhook: true });

  function push(
    commit: string,
    applications = state.applications.filter(({ settings }) => settings.is_auto_deploy_enabled),
  ): readonly DeploymentRow[] {
    state.branchHead = commit;
    options.onPush(commit);
    return applications.map(pushed);
  }

  function start(row: DeploymentRow, application: ApplicationRow): void {
    const running = activeDeployments(state).filter(({ status }) => status === "in_progress");
    const isBusy = running.some((other) => other.application === row.application);
    if (mood.deployments === "wait" || isBusy || running.length >= CONCURRENT_BUILDS) return;
    enter(row, "in_progress");
    // The branch is read now, so what is deployed may be newer than what was asked for.
    if (row.commit === "HEAD") row.commit = state.branchHead;
    const source = `${application.git_repository}:${application.git_branch}`;
    tell(row, now(), `Starting deployment of ${source} to ${state.server.name}.`);
    const clone = `git clone https://x-access-token:${state.gitToken}@github.com/${application.git_repository}`;
    note(
      row,
      now(),
      `docker exec ${row.deployment_uuid} bash -c '${clone}'`,
      "Cloning into '.'...",
    );
    if (!row.is_api) return;
    if (mood.others === "overtake") pushed(application);
    if (mood.others === "push" && state.branchHead !== options.nextCommit) push(options.nextCommit);
  }

  async function finish(row: DeploymentRow, application: ApplicationRow): Promise<void> {
    if (mood.deployments === "hang" || replacing.has(row)) return;
    if (mood.deployments === "vanish") {
      state.deployments = state.deployments.filter((each) => each !== row);
      return;
    }
    if (mood.deployments === "fail") {
      fail(row, 'ERROR: failed to solve: process "/bin/sh -c pip install" did not complete');
      return;
    }
    if (!runtime.hasCommit(row.commit)) {
      fail(row, `fatal: reference is not a tree: ${row.commit}`);
      return;
    }
    const variables = containerVariables(state, application);
    const image = `${application.uuid}:${row.commit}`;
    if (hasImage(state, application, row.commit) && !row.force_rebuild) {
      tell(row, now(), `Image found (${image}) with the same Git Commit SHA. Build step skipped.`);
    } else {
      tell(row, now(), `No image found (${image}). Building new image.`);
    }
    const exported = Object.entries(variables).map(([key, value]) => `${key}=${value}`);
    note(row, now(), `docker build -t ${image}`, exported.join("\n"));
    tell(row, now(), "Rolling update started.");
    replacing.add(row);
    const replaced = await runtime
      .replace(application, { commit: row.commit, variables })
      .catch((error: unknown): Replaced => ({ ended: "rejected", log: [String(error)] }))
      .finally(() => replacing.delete(row));
    // Whoever cancels late finds that the new container is there all the same.
    if (row.status === "in_progress") conclude(row, application, replaced);
  }

  function conclude(
    row: DeploymentRow,
    application: ApplicationRow,
    { ended, log }: Replaced,
  ): void {
    if (ended === "rejected") {
      complain(row, now(), ...log);
      fail(row, "New container is not healthy, rolling back to the old container.");
      return;
    }
    keepImage(state, application, row.commit, now());
    if (mood.deployments === "restart") {
      enter(row, "failed");
      return;
    }
    tell(row, now(), "Rolling update completed.");
    enter(row, "finished");
    // What the row says between a deployment and the first look at the new container.
    application.status = "running:unhealthy";
    if (ended === "exited") application.status = "exited:unhealthy";
  }

  function fail(row: DeploymentRow, reason: string): void {
    complain(
      row,
      now(),
      reason,
      "Deployment failed. Removing the new version of your application.",
    );
    enter(row, "failed");
    row.finished_at = time();
  }

  function settle(row: DeploymentRow, application: ApplicationRow): void {
    row.finished_at = time();
    if (application.status.startsWith("exited")) return;
    application.status = application.health_check_enabled ? "running:healthy" : "running:unknown";
    application.last_online_at = time();
  }

  return {
    enqueue: (application, wanted) => add(application, wanted, { is_api: true, is_webhook: false }),
    push,
    cancel(row) {
      tell(row, now(), "Deployment cancelled by user.");
      enter(row, "cancelled-by-user");
    },
    async advance() {
      const rows = state.deployments.flatMap((row) => {
        const application = state.applications.find(({ uuid }) => uuid === row.application);
        return application === undefined ? [] : [{ row, application }];
      });
      const inProgress = rows.filter(({ row }) => row.status === "in_progress");
      // `finished` is said before the post-deployment command runs, and the time only after it.
      for (const { row, application } of rows) {
        if (row.status === "finished" && row.finished_at === null) settle(row, application);
      }
      await Promise.all(inProgress.map(({ row, application }) => finish(row, application)));
      for (const { row, application } of rows) {
        if (row.status === "queued") start(row, application);
      }
    },
  };
}

function hasImage(state: CoolifyState, { uuid }: ApplicationRow, commit: string): boolean {
  return state.images.some(({ application, tag }) => application === uuid && tag === commit);
}

/** The image of a commit is made once, and the oldest ones are cleaned up. */
function keepImage(state: CoolifyState, application: ApplicationRow, tag: string, at: Date): void {
  const own = state.images.filter((image) => image.application === application.uuid);
  const kept = [
    { application: application.uuid, tag, created_at: dockerTime(at) },
    ...own.filter((image) => image.tag !== tag),
  ];
  const commits = kept.filter((image) => /^[0-9a-f]{40}$/.test(image.tag));
  const dropped = new Set(commits.slice(application.settings.docker_images_to_keep));
  state.images = [
    ...state.images.filter((image) => image.application !== application.uuid),
    ...kept.filter((image) => !dropped.has(image)),
  ];
}

export function dockerTime(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;
}
