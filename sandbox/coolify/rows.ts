/** Rows as Coolify's own tables hold them; what of a row is shown to whom is the routes' affair. */

export type Ability = "read" | "read:sensitive" | "write" | "deploy" | "root";

export type TokenRow = {
  /** As it is sent: `<id>|<secret>`. */
  readonly text: string;
  readonly user_id: number;
  readonly team_id: number;
  abilities: readonly Ability[];
  /** Deleted or expired; Coolify answers both alike. */
  revoked: boolean;
};

type UserRow = {
  readonly id: number;
  team_role: "owner" | "admin" | "member";
};

export type ApplicationRow = {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly environment: EnvironmentName;
  status: string;
  fqdn: string | null;
  git_repository: string;
  git_branch: string;
  git_commit_sha: string;
  build_pack: "dockerfile" | "nixpacks" | "dockercompose" | "dockerimage";
  base_directory: string;
  dockerfile_location: string | null;
  dockerfile: string | null;
  docker_compose_domains: string | null;
  docker_registry_image_name: string | null;
  docker_registry_image_tag: string | null;
  ports_exposes: string;
  ports_mappings: string | null;
  custom_labels: string | null;
  custom_docker_run_options: string | null;
  health_check_enabled: boolean;
  health_check_path: string;
  custom_healthcheck_found: boolean;
  manual_webhook_secret_github: string | null;
  last_online_at: string;
  restart_count: number;
  readonly settings: ApplicationSettings;
};

type ApplicationSettings = {
  is_auto_deploy_enabled: boolean;
  is_preview_deployments_enabled: boolean;
  docker_images_to_keep: number;
};

export type DatabaseRow = {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly environment: EnvironmentName;
  readonly database_type: "standalone-postgresql" | "standalone-redis";
  status: string;
  is_public: boolean;
  public_port: number | null;
  ports_mappings: string | null;
  /** Hidden fields, the way into the database among them. */
  readonly hidden: Readonly<Record<string, string>>;
};

export type EnvironmentName = "production" | "staging";

export type VariableRow = {
  readonly id: number;
  readonly uuid: string;
  readonly application: string;
  key: string;
  value: string | null;
  comment: string | null;
  readonly is_preview: boolean;
  is_literal: boolean;
  is_multiline: boolean;
  is_shown_once: boolean;
  is_runtime: boolean;
  is_buildtime: boolean;
};

type DeploymentStatus = "queued" | "in_progress" | "finished" | "failed" | "cancelled-by-user";

export type DeploymentRow = {
  readonly id: number;
  readonly deployment_uuid: string;
  readonly application: string;
  readonly pull_request_id: number;
  readonly force_rebuild: boolean;
  readonly rollback: boolean;
  readonly restart_only: boolean;
  readonly is_api: boolean;
  /** Begun by a push to the branch. */
  readonly is_webhook: boolean;
  /** What was asked for; a second deployment that asks for the same is suppressed. */
  readonly requested_commit: string;
  commit: string;
  status: DeploymentStatus;
  logs: string | null;
  readonly created_at: string;
  updated_at: string;
  finished_at: string | null;
};

export type ImageRow = {
  readonly application: string;
  readonly tag: string;
  /** Docker's own form: `2026-02-20 12:56:04 +0000 UTC`. */
  readonly created_at: string;
};

export type TaskRow = {
  readonly uuid: string;
  readonly application: string;
  name: string;
  command: string;
  frequency: string;
  container: string | null;
  timeout: number;
  enabled: boolean;
  readonly created_at: string;
  updated_at: string;
};

export type ExecutionRow = {
  readonly uuid: string;
  /** The task's uuid. */
  readonly task: string;
  status: "running" | "success" | "failed";
  /** Null until the end. */
  message: string | null;
  error_details: string | null;
  retry_count: number;
  /** Seconds, such as `1.23`. */
  duration: string | null;
  readonly started_at: string;
  finished_at: string | null;
  readonly created_at: string;
  updated_at: string;
};

export type ServerRow = {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly ip: string;
  is_reachable: boolean;
  is_usable: boolean;
};

export type CoolifyState = {
  version: string;
  /** The newest commit of the branch that the applications follow. */
  branchHead: string;
  apiEnabled: boolean;
  /** Callers that are allowed; an empty list allows all. */
  allowedIps: readonly string[];
  readonly users: UserRow[];
  readonly tokens: TokenRow[];
  readonly server: ServerRow;
  readonly applications: ApplicationRow[];
  readonly databases: DatabaseRow[];
  variables: VariableRow[];
  /** What references such as `{{project.LLM_API_KEY}}` lead to. */
  readonly sharedVariables: Record<string, string>;
  deployments: DeploymentRow[];
  images: ImageRow[];
  tasks: TaskRow[];
  executions: ExecutionRow[];
  /** With which the source is cloned; it stands in what deployments write and do not show. */
  readonly gitToken: string;
};
