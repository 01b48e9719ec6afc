import { referenceIn } from "./container-variables.ts";
import { ids } from "./ids.ts";
import type {
  ApplicationRow,
  CoolifyState,
  DatabaseRow,
  DeploymentRow,
  ExecutionRow,
  ServerRow,
  TaskRow,
  VariableRow,
} from "./rows.ts";

/** Rows as answers show them. What is hidden is left out, not set to null. */

export function presentApplication(
  state: CoolifyState,
  row: ApplicationRow,
  seesHidden: boolean,
): object {
  const {
    id: _id,
    environment,
    settings: _settings,
    dockerfile,
    custom_labels,
    manual_webhook_secret_github,
    ...shown
  } = row;
  return {
    ...shown,
    ...(seesHidden ? { dockerfile, custom_labels, manual_webhook_secret_github } : {}),
    server_status: state.server.is_reachable && state.server.is_usable,
    environment_id: environment === "production" ? 1 : 2,
    destination_type: "App\\Models\\StandaloneDocker",
    destination: { uuid: ids.server, network: "coolify", server: presentServer(state.server) },
    additional_servers: [],
  };
}

/** Only an application that is asked for by itself shows its settings. */
export function presentWholeApplication(
  state: CoolifyState,
  row: ApplicationRow,
  seesHidden: boolean,
): object {
  return { ...presentApplication(state, row, seesHidden), settings: { ...row.settings } };
}

export function presentDatabase(
  state: CoolifyState,
  row: DatabaseRow,
  seesHidden: boolean,
): object {
  const { environment, hidden, ...shown } = row;
  return {
    ...shown,
    ...(seesHidden ? hidden : {}),
    environment_id: environment === "production" ? 1 : 2,
    server_status: state.server.is_reachable && state.server.is_usable,
  };
}

export function presentVariable(
  state: CoolifyState,
  row: VariableRow,
  seesHidden: boolean,
): object {
  const { application: _application, value, ...shown } = row;
  // A locked variable shows its value to nobody, not even to root.
  const isShown = seesHidden && !row.is_shown_once;
  return {
    ...shown,
    ...(isShown ? { value, real_value: realValue(state, row) } : {}),
    is_required: false,
    is_shared: referenceIn(value ?? "") !== undefined,
    resourceable_type: "App\\Models\\Application",
    version: state.version,
  };
}

/** Resolved and quoted for a shell: never the value itself. */
function realValue(
  state: CoolifyState,
  { value, is_literal, is_multiline }: VariableRow,
): string | null {
  if (value === null) return null;
  const name = referenceIn(value);
  const resolved = name === undefined ? value : (state.sharedVariables[name] ?? value);
  if (is_literal || is_multiline) return `'${resolved}'`;
  return resolved.replaceAll(/[^\w@%+=:,./-]/g, "\\$&");
}

export function presentDeployment(
  state: CoolifyState,
  row: DeploymentRow,
  seesHidden: boolean,
): object {
  const { application: uuid, requested_commit: _requested, logs, ...shown } = row;
  const application = state.applications.find((each) => each.uuid === uuid);
  return {
    ...shown,
    ...(seesHidden ? { logs } : {}),
    application_id: String(application?.id ?? 0),
    application_name: application?.name ?? "",
    server_id: state.server.id,
    server_name: state.server.name,
    destination_id: "1",
  };
}

/** Asked for by itself, a deployment comes with the application that it is of. */
export function presentWholeDeployment(
  state: CoolifyState,
  row: DeploymentRow,
  seesHidden: boolean,
): object {
  const application = state.applications.find(({ uuid }) => uuid === row.application);
  return {
    ...presentDeployment(state, row, seesHidden),
    ...(application && { application: presentApplication(state, application, seesHidden) }),
  };
}

export function presentTask(row: TaskRow): object {
  const { application: _application, ...shown } = row;
  return { ...shown };
}

export function presentExecution(row: ExecutionRow): object {
  const { task: _task, ...shown } = row;
  return { ...shown };
}

export function presentServer(row: ServerRow): object {
  const { is_reachable, is_usable, ...shown } = row;
  return {
    ...shown,
    user: "root",
    port: 22,
    description: null,
    is_reachable,
    is_usable,
    settings: {
      is_reachable,
      is_usable,
      concurrent_builds: 2,
      deployment_queue_limit: 25,
      dynamic_timeout: 3_600,
      disable_application_image_retention: false,
    },
  };
}
