import { activeDeployments } from "../deployer.ts";
import { newUuid } from "../new-uuid.ts";
import { presentDeployment, presentWholeDeployment } from "../present.ts";
import { notFound, Refusal } from "../refusal.ts";
import type { CoolifyRequest, Route } from "../route.ts";
import { applicationOf, bodyOf, readRoute } from "../route.ts";
import type { ApplicationRow, DeploymentRow } from "../rows.ts";

const QUEUE_LIMIT = 25;
const TERMINAL: readonly string[] = ["finished", "failed", "cancelled-by-user"];

export const deploymentRoutes: readonly Route[] = [
  readRoute("/deployments", ({ state, seesHidden }) =>
    activeDeployments(state).map((row) => presentDeployment(state, row, seesHidden)),
  ),
  readRoute("/deployments/:uuid", (request) => {
    const { state, seesHidden } = request;
    return presentWholeDeployment(state, deploymentOf(request), seesHidden);
  }),
  readRoute("/deployments/applications/:uuid", (request) => {
    const { state, query, seesHidden } = request;
    const { uuid } = applicationOf(request);
    const rows = state.deployments.filter((row) => row.application === uuid).toReversed();
    const skip = Number(query["skip"] ?? 0);
    const take = Number(query["take"] ?? 10);
    const shown = rows.slice(skip, skip + take);
    return {
      count: rows.length,
      deployments: shown.map((row) => presentDeployment(state, row, seesHidden)),
    };
  }),
  readRoute("/applications/:uuid/rollback-images", (request) => {
    const { state } = request;
    const { uuid } = applicationOf(request);
    // Asked over SSH: a server that cannot be reached has no images.
    const images = state.server.is_reachable
      ? state.images.filter((image) => image.application === uuid)
      : [];
    return {
      current: null,
      images: images.map(({ tag, created_at }) => ({ tag, created_at, is_current: false })),
    };
  }),
  { method: "POST", path: "/deploy", ability: "deploy", answer: deploy },
  {
    method: "POST",
    path: "/applications/:uuid/start",
    ability: "deploy",
    answer: (request) => deployAgain(request, "Deployment request queued."),
  },
  {
    method: "POST",
    path: "/applications/:uuid/restart",
    ability: "deploy",
    answer: (request) => deployAgain(request, "Restart request queued.", true),
  },
  {
    method: "POST",
    path: "/applications/:uuid/stop",
    ability: "deploy",
    async answer(request) {
      const application = applicationOf(request);
      await request.runtime.stop(application);
      application.status = "exited:unhealthy";
      request.did("applicationsStopped");
      return { message: "Application stopping request queued." };
    },
  },
  {
    method: "POST",
    path: "/applications/:uuid/rollback",
    ability: "deploy",
    answer(request) {
      const application = applicationOf(request);
      const commit = commitOf(bodyOf(request));
      if (isQueueFull(request)) throw new Refusal(400, { message: "Deployment queue is full." });
      // Never suppressed as a duplicate: asked twice, it is done twice.
      const row = request.deployer.enqueue(application, { commit, rollback: true });
      request.did("rollbacks");
      return { message: "Rollback deployment queued.", deployment_uuid: row.deployment_uuid };
    },
  },
  {
    method: "POST",
    path: "/deployments/:uuid/cancel",
    ability: "deploy",
    answer(request) {
      const row = deploymentOf(request);
      if (TERMINAL.includes(row.status)) {
        const message = `Deployment cannot be cancelled. Current status: ${row.status}`;
        throw new Refusal(400, { message });
      }
      request.deployer.cancel(row);
      request.did("deploymentsCancelled");
      return {
        message: "Deployment cancelled successfully.",
        deployment_uuid: row.deployment_uuid,
        status: row.status,
      };
    },
  },
];

function deploy(request: CoolifyRequest): unknown {
  const { state, query } = request;
  const wanted = query["uuid"]?.split(",").map((uuid) => uuid.trim());
  if (wanted === undefined) throw new Refusal(400, { message: "You must provide uuid or tag." });
  const applications = state.applications.filter(({ uuid }) => wanted.includes(uuid));
  if (applications.length === 0) throw new Refusal(404, { message: "No resources found." });
  if (isQueueFull(request)) {
    const message = "Deployment queue is full. Please try again later.";
    throw new Refusal(429, { message }, { "retry-after": "60" });
  }
  return { deployments: applications.map((application) => deployOne(request, application)) };
}

function deployOne(request: CoolifyRequest, application: ApplicationRow): object {
  const force_rebuild = request.query["force"] === "true";
  if (isQueued(request, application) && !force_rebuild) {
    return {
      message: "Deployment already queued for this commit.",
      resource_uuid: application.uuid,
      // Made up before the queue was looked at, and never stored.
      deployment_uuid: newUuid(),
    };
  }
  const commit = application.git_commit_sha;
  const row = request.deployer.enqueue(application, { commit, force_rebuild });
  request.did("deployments");
  return {
    message: `Application ${application.name} deployment queued.`,
    resource_uuid: application.uuid,
    deployment_uuid: row.deployment_uuid,
  };
}

/** To start and to restart an application of this build pack is to deploy it. */
function deployAgain(request: CoolifyRequest, message: string, restart_only = false): object {
  const application = applicationOf(request);
  if (isQueued(request, application)) {
    return { message: "Deployment already queued for this commit." };
  }
  // A full queue is looked at by nobody here, and then there is no deployment of this uuid.
  if (isQueueFull(request)) return { message, deployment_uuid: newUuid() };
  const row = request.deployer.enqueue(application, {
    commit: application.git_commit_sha,
    restart_only,
  });
  request.did("deployments");
  return { message, deployment_uuid: row.deployment_uuid };
}

/** What counts is what was asked for, even when the branch has moved on since the earlier one read it. */
function isQueued({ state }: CoolifyRequest, application: ApplicationRow): boolean {
  return activeDeployments(state, application.uuid).some(
    (row) => row.requested_commit === application.git_commit_sha,
  );
}

function isQueueFull({ state, mood }: CoolifyRequest): boolean {
  if (mood.queue === "full") return true;
  return activeDeployments(state).filter(({ status }) => status === "queued").length >= QUEUE_LIMIT;
}

function commitOf(body: Readonly<Record<string, unknown>>): string {
  const unknown = Object.keys(body).filter((name) => name !== "commit");
  if (unknown.length > 0) throw invalid(unknown[0]!, "This field is not allowed.");
  const commit = body["commit"];
  if (typeof commit !== "string") throw invalid("commit", "The commit field is required.");
  if (!/^[\w./-]{1,255}$/.test(commit)) throw invalid("commit", "The commit format is invalid.");
  return commit;
}

function invalid(field: string, message: string): Refusal {
  return new Refusal(422, { message: "Validation failed.", errors: { [field]: [message] } });
}

function deploymentOf({ state, parameters }: CoolifyRequest): DeploymentRow {
  const found = state.deployments.find((row) => row.deployment_uuid === parameters["uuid"]);
  if (found === undefined) throw notFound("Deployment");
  return found;
}
