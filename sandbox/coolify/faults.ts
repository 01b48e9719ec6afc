import type { Fault } from "../fault-registry.ts";
import { ids } from "./ids.ts";
import type { ApplicationRow, CoolifyState, TokenRow, VariableRow } from "./rows.ts";
import { commits } from "./seed.ts";
import type { CoolifyServer } from "./server.ts";

export type CoolifyFaultName =
  | "coolify-down"
  | "coolify-hangs"
  | "coolify-outdated"
  | "coolify-token-revoked"
  | "coolify-token-too-powerful"
  | "api-app-exited"
  | "api-app-unhealthy"
  | "worker-app-exited"
  | "worker-has-a-domain"
  | "worker-publishes-a-port"
  | "worker-from-the-wrong-dockerfile"
  | "rollback-image-gone"
  | "variable-missing"
  | "services-disagree"
  | "staging-shares-the-database"
  | "staging-shares-the-webhook-secret";

type CoolifyFault = Fault<CoolifyFaultName>;

/** What can be wrong with Coolify, or with what somebody has set in it. */
export function coolifyFaults(coolify: CoolifyServer): readonly CoolifyFault[] {
  const { state } = coolify;
  const api = applicationOf(state, ids.api);
  const worker = applicationOf(state, ids.worker);
  return [
    {
      name: "coolify-down",
      title: "Coolify is down",
      insteadOf: ["coolify-hangs"],
      break: () => coolify.stop(),
      heal: () => coolify.start(),
    },
    {
      name: "coolify-hangs",
      title: "Coolify hangs",
      insteadOf: ["coolify-down"],
      break: () => coolify.freeze(),
      heal: () => coolify.thaw(),
    },
    {
      name: "coolify-outdated",
      title: "Coolify is of an old version",
      ...changing(() => [state], { version: "4.2.1" }),
    },
    {
      name: "coolify-token-revoked",
      title: "Coolify's tokens are revoked",
      ...changing<TokenRow>(() => state.tokens, { revoked: true }),
    },
    {
      name: "coolify-token-too-powerful",
      title: "The bot's Coolify token may deploy",
      ...changing<TokenRow>(() => state.tokens.slice(0, 1), { abilities: ["read", "deploy"] }),
    },
    {
      name: "api-app-exited",
      title: "Coolify says that the API has exited",
      insteadOf: ["api-app-unhealthy"],
      ...changing(() => [api], { status: "exited:unhealthy" }),
    },
    {
      name: "api-app-unhealthy",
      title: "Coolify says that the API is unhealthy",
      insteadOf: ["api-app-exited"],
      ...changing(() => [api], { status: "running:unhealthy" }),
    },
    {
      name: "worker-app-exited",
      title: "Coolify says that the worker has exited",
      ...changing(() => [worker], { status: "exited:unhealthy" }),
    },
    {
      name: "worker-has-a-domain",
      title: "The worker has a public domain",
      ...changing(() => [worker], { fqdn: "https://worker.example.com" }),
    },
    {
      name: "worker-publishes-a-port",
      title: "The worker publishes a port",
      ...changing(() => [worker], { ports_mappings: "8001:8000" }),
    },
    {
      name: "worker-from-the-wrong-dockerfile",
      title: "The worker is built from the API's Dockerfile",
      ...changing(() => [worker], { dockerfile_location: "/backend/Dockerfile" }),
    },
    {
      name: "rollback-image-gone",
      title: "A clean-up took the image to roll back to",
      ...changing(
        () => [state],
        () => ({
          images: state.images.filter(
            ({ application, tag }) => application !== ids.api || tag !== commits.previous,
          ),
        }),
      ),
    },
    {
      name: "variable-missing",
      title: "The worker misses a variable",
      ...changing(
        () => [state],
        () => ({
          variables: state.variables.filter(
            (row) => row !== variableOf(state, ids.worker, "LLM_MODEL_SUMMARIZE"),
          ),
        }),
      ),
    },
    {
      name: "services-disagree",
      title: "API and worker have different xAI keys",
      ...changing(() => [variableOf(state, ids.worker, "LLM_API_KEY")], {
        value: "xai-of-last-month",
      }),
    },
    {
      name: "staging-shares-the-database",
      title: "Staging uses production's database",
      ...changing(
        () =>
          [ids.stagingApi, ids.stagingWorker].map((id) => variableOf(state, id, "DATABASE_URL")),
        () => ({ value: variableOf(state, ids.api, "DATABASE_URL").value }),
      ),
    },
    {
      name: "staging-shares-the-webhook-secret",
      title: "Staging has production's webhook secret",
      ...changing(
        () => [variableOf(state, ids.stagingApi, "TELEGRAM_WEBHOOK_SECRET")],
        () => ({ value: variableOf(state, ids.api, "TELEGRAM_WEBHOOK_SECRET").value }),
      ),
    },
  ];
}

/** Other values in some rows for as long as the fault is on. */
function changing<Row extends object>(
  rows: () => readonly Row[],
  values: Partial<Row> | (() => Partial<Row>),
): Pick<CoolifyFault, "break" | "heal"> {
  const undo: (() => void)[] = [];
  return {
    break() {
      const wanted = typeof values === "function" ? values() : values;
      for (const row of rows()) {
        const names = Object.keys(wanted) as (keyof Row)[];
        const before = Object.fromEntries(names.map((name) => [name, row[name]]));
        undo.push(() => Object.assign(row, before));
        Object.assign(row, wanted);
      }
    },
    heal() {
      for (const restore of undo.splice(0)) restore();
    },
  };
}

export function applicationOf(state: CoolifyState, uuid: string): ApplicationRow {
  const found = state.applications.find((row) => row.uuid === uuid);
  if (found === undefined) throw new Error(`The sandbox's Coolify has no application ${uuid}.`);
  return found;
}

/** Production's row, not its twin for previews. */
export function variableOf(state: CoolifyState, application: string, key: string): VariableRow {
  const found = state.variables.find(
    (row) => row.application === application && row.key === key && !row.is_preview,
  );
  if (found === undefined)
    throw new Error(`The sandbox's Coolify has no ${key} in ${application}.`);
  return found;
}
