import { releases } from "../releases.ts";
import { dockerTime } from "./deployer.ts";
import { ids } from "./ids.ts";
import { newUuid } from "./new-uuid.ts";
import type { ProductVariables } from "./product-variables.ts";
import type {
  Ability,
  ApplicationRow,
  CoolifyState,
  DatabaseRow,
  DeploymentRow,
  ImageRow,
  TokenRow,
  VariableRow,
} from "./rows.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** The commits of the branch that were deployed, the oldest first. */
export const commits = { previous: releases.previous, current: releases.current } as const;

/** A production that has been deployed twice, and a staging beside it that resembles it. */
export function seedCoolify(options: {
  readonly tokens: readonly { readonly text: string; readonly abilities: readonly Ability[] }[];
  readonly variables: ProductVariables;
  readonly gitToken?: string;
  /** Production is named, and nothing else was done for it. */
  readonly empty?: boolean;
  readonly now: Date;
}): CoolifyState {
  const { variables, gitToken = "nobody-checks-this-token", empty = false, now } = options;
  const applications = [
    application({ id: 1, uuid: ids.api, name: "todoist-telegram-api" }),
    application({ id: 2, uuid: ids.worker, name: "todoist-telegram-worker" }),
    application({ id: 3, uuid: ids.stagingApi, name: "staging-api", environment: "staging" }),
    application({ id: 4, uuid: ids.stagingWorker, name: "staging-worker", environment: "staging" }),
  ];
  const isNew = (row: ApplicationRow): boolean => empty && row.environment === "production";
  for (const row of applications) {
    row.last_online_at = now.toISOString();
    if (isNew(row)) row.status = "exited:unhealthy";
  }
  const deployed = applications.filter((row) => !isNew(row));
  return {
    version: "4.3.11",
    branchHead: commits.current,
    apiEnabled: true,
    allowedIps: [],
    users: [{ id: 0, team_role: "owner" }],
    tokens: options.tokens.map((token): TokenRow => ({
      ...token,
      user_id: 0,
      team_id: 0,
      revoked: false,
    })),
    server: {
      id: 1,
      uuid: ids.server,
      name: "production-1",
      ip: "203.0.113.10",
      is_reachable: true,
      is_usable: true,
    },
    applications,
    databases: databases(),
    variables: [
      ...variablesOf(ids.api, empty ? {} : variables.api),
      ...variablesOf(ids.worker, empty ? {} : variables.worker),
      ...variablesOf(ids.stagingApi, variables.stagingApi),
      ...variablesOf(ids.stagingWorker, variables.stagingWorker),
    ],
    sharedVariables: {},
    deployments: deployed
      .flatMap((row, index) => history(row, new Date(now.getTime() - index * 3 * MINUTE_MS)))
      .map((row, index) => ({ ...row, id: index + 1 })),
    images: deployed.flatMap((row) => images(row, now)),
    tasks: [],
    executions: [],
    gitToken,
  };
}

/** The names end in api or worker, and that is all in which the two services differ. */
function application({
  environment = "production",
  ...given
}: Pick<ApplicationRow, "id" | "uuid" | "name"> &
  Partial<Pick<ApplicationRow, "environment">>): ApplicationRow {
  const isApi = given.name.endsWith("api");
  return {
    ...given,
    environment,
    status: isApi ? "running:healthy" : "running:unknown",
    fqdn: isApi ? `https://${given.name}.example.com` : null,
    git_repository: "Remco28/todoist_telegram",
    git_branch: "main",
    git_commit_sha: "HEAD",
    build_pack: "dockerfile",
    base_directory: "/",
    dockerfile_location: isApi ? "/backend/Dockerfile" : "/backend/Dockerfile.worker",
    dockerfile: null,
    docker_compose_domains: null,
    docker_registry_image_name: null,
    docker_registry_image_tag: null,
    ports_exposes: "8000",
    ports_mappings: null,
    custom_labels: base64(isApi ? proxyLabels(given.name) : "traefik.enable=false"),
    custom_docker_run_options: null,
    health_check_enabled: isApi,
    health_check_path: "/health/live",
    custom_healthcheck_found: false,
    manual_webhook_secret_github: null,
    last_online_at: "",
    restart_count: 0,
    settings: {
      is_auto_deploy_enabled: false,
      is_preview_deployments_enabled: false,
      docker_images_to_keep: 2,
    },
  };
}

function proxyLabels(name: string): string {
  return [
    "traefik.enable=true",
    `traefik.http.routers.https-0-${name}.rule=Host(\`${name}.example.com\`) && PathPrefix(\`/\`)`,
    `traefik.http.routers.https-0-${name}.entryPoints=https`,
  ].join("\n");
}

export function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}

/** Each with the twin for previews that Coolify makes. */
function variablesOf(
  application: string,
  values: Readonly<Record<string, string>>,
): readonly VariableRow[] {
  return Object.entries(values).flatMap(([key, value], index) =>
    [false, true].map((is_preview): VariableRow => ({
      id: 2 * index + Number(is_preview),
      uuid: newUuid(),
      application,
      key,
      value,
      comment: null,
      is_preview,
      is_literal: true,
      is_multiline: false,
      is_shown_once: false,
      is_runtime: true,
      is_buildtime: false,
    })),
  );
}

/** Two good deployments of the branch; between them one that failed, and a preview of somebody's proposal. */
function history({ uuid }: ApplicationRow, newest: Date): readonly DeploymentRow[] {
  const row = (
    commit: string,
    daysAgo: number,
    given: Partial<DeploymentRow> = {},
  ): DeploymentRow => {
    const startedAt = newest.getTime() - daysAgo * DAY_MS;
    const endedAt = new Date(startedAt + 2 * MINUTE_MS).toISOString();
    return {
      id: 0,
      deployment_uuid: newUuid(),
      application: uuid,
      pull_request_id: 0,
      force_rebuild: false,
      rollback: false,
      restart_only: false,
      is_api: true,
      is_webhook: false,
      requested_commit: "HEAD",
      commit,
      status: "finished",
      logs: "[]",
      created_at: new Date(startedAt).toISOString(),
      updated_at: endedAt,
      finished_at: endedAt,
      ...given,
    };
  };
  return [
    row(commits.previous, 9),
    row("0b17a6f2c94de83515c0fe7ab3d68924e1f5079d", 5, { status: "failed" }),
    row("7fd3e82b9164a05c7de20f18cb3a95647120efad", 4, { pull_request_id: 12 }),
    row(commits.current, 2),
  ];
}

/** Beside the images of commits the list holds what a build leaves behind. */
function images({ uuid: application }: ApplicationRow, now: Date): readonly ImageRow[] {
  const image = (tag: string, daysAgo: number): ImageRow => ({
    application,
    tag,
    created_at: dockerTime(new Date(now.getTime() - daysAgo * DAY_MS)),
  });
  return [
    image(commits.current, 2),
    image(`${commits.current}-build`, 2),
    image("pr-12", 4),
    image(commits.previous, 9),
  ];
}

function databases(): DatabaseRow[] {
  const row = (
    given: Pick<DatabaseRow, "id" | "uuid" | "name" | "environment" | "database_type">,
  ): DatabaseRow => ({
    ...given,
    status: "running:healthy",
    is_public: false,
    public_port: null,
    ports_mappings: null,
    hidden: {},
  });
  return [
    row({
      id: 1,
      uuid: ids.postgres,
      name: "production-postgres",
      environment: "production",
      database_type: "standalone-postgresql",
    }),
    row({
      id: 2,
      uuid: ids.stagingPostgres,
      name: "staging-postgres",
      environment: "staging",
      database_type: "standalone-postgresql",
    }),
    // Its number is another table's, so a Postgres may have the same one.
    row({
      id: 1,
      uuid: ids.redis,
      name: "production-redis",
      environment: "production",
      database_type: "standalone-redis",
    }),
    row({
      id: 2,
      uuid: ids.stagingRedis,
      name: "staging-redis",
      environment: "staging",
      database_type: "standalone-redis",
    }),
  ];
}
