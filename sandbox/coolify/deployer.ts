import { newUuid } from "./new-uuid.ts";
import type { ApplicationRow, CoolifyState, DeploymentRow } from "./rows.ts";

type Wanted = Pick<DeploymentRow, "commit"> &
  Partial<Pick<DeploymentRow, "rollback" | "force_rebuild" | "restart_only">>;

export type Deployer = {
  enqueue(application: ApplicationRow, wanted: Wanted): DeploymentRow;
  /** Every deployment makes its next step; on a real server that is minutes of building. */
  advance(): void;
};

const CONCURRENT_BUILDS = 2;
const isActive = (row: DeploymentRow): boolean =>
  row.status === "queued" || row.status === "in_progress";

/** The deployments that are under way, the oldest first. */
export function activeDeployments(state: CoolifyState, application?: string): DeploymentRow[] {
  return state.deployments.filter(
    (row) => isActive(row) && (application === undefined || row.application === application),
  );
}

/** The queue of one server: one deployment of an application at a time, and two in all. */
export function createDeployer(state: CoolifyState, now: () => Date): Deployer {
  const time = (): string => now().toISOString();

  function start(row: DeploymentRow): void {
    const running = activeDeployments(state).filter(({ status }) => status === "in_progress");
    const isBusy = running.some(({ application }) => application === row.application);
    if (isBusy || running.length >= CONCURRENT_BUILDS) return;
    row.status = "in_progress";
    // The branch is read now, so what is deployed may be newer than what was asked for.
    if (row.commit === "HEAD") row.commit = state.branchHead;
  }

  function finish(row: DeploymentRow): void {
    row.status = "finished";
    const application = applicationOf(row);
    if (application === undefined) return;
    // What the row says between a deployment and the first look at the new container.
    application.status = "running:unhealthy";
    keepImage(state, application, row.commit, now());
  }

  function settle(row: DeploymentRow): void {
    row.finished_at = time();
    const application = applicationOf(row);
    if (application === undefined) return;
    application.status = application.health_check_enabled ? "running:healthy" : "running:unknown";
    application.last_online_at = time();
  }

  const applicationOf = (row: DeploymentRow): ApplicationRow | undefined =>
    state.applications.find(({ uuid }) => uuid === row.application);

  return {
    enqueue(application, wanted) {
      const row: DeploymentRow = {
        id: state.deployments.length + 1,
        deployment_uuid: newUuid(),
        application: application.uuid,
        pull_request_id: 0,
        force_rebuild: wanted.force_rebuild ?? false,
        rollback: wanted.rollback ?? false,
        restart_only: wanted.restart_only ?? false,
        is_api: true,
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
    },
    advance() {
      for (const row of state.deployments) {
        const before = row.status;
        // `finished` is said before the post-deployment command runs, and the time only after it.
        if (row.status === "finished" && row.finished_at === null) settle(row);
        else if (row.status === "in_progress") finish(row);
        else if (row.status === "queued") start(row);
        if (row.status !== before) row.updated_at = time();
      }
    },
  };
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
