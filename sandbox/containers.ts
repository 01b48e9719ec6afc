import { containerVariables } from "./coolify/container-variables.ts";
import { ids } from "./coolify/ids.ts";
import type { ApplicationRow, CoolifyState } from "./coolify/rows.ts";
import { emptyRuntime, type Runtime } from "./coolify/runtime.ts";
import type { Effects } from "./effects.ts";
import { createAlembic } from "./product/alembic.ts";
import type { Revision } from "./product/revision.ts";
import { runShell } from "./product/shell.ts";
import type { RunningProduct, ServiceName } from "./product/start-product.ts";
import { releaseOf } from "./releases.ts";

/** What migrations meet in the database. */
export type MigrationMood = { isLockedOut: boolean };

/** Production's containers are the product that really runs; staging's are there by their names alone. */
export function createContainers(options: {
  readonly product: RunningProduct;
  readonly revision: Revision;
  readonly migrations: MigrationMood;
  readonly effects: Pick<Effects, "add">;
}): Runtime {
  const { product, revision, migrations, effects } = options;
  return {
    hasCommit: (commit) => releaseOf(commit, revision) !== undefined,
    async replace(application, { commit, variables }) {
      const service = serviceOf(application);
      const release = releaseOf(commit, revision);
      if (service === undefined || release === undefined) {
        return emptyRuntime.replace(application, { commit, variables });
      }
      const image = { release, variables };
      if (service === "worker") return product.replaceWorker(image);
      const { health_check_enabled, health_check_path } = application;
      return product.replaceApi(image, health_check_enabled ? health_check_path : undefined);
    },
    async stop(application) {
      const service = serviceOf(application);
      if (service !== undefined) await product.stop(service);
    },
    log(application) {
      const service = serviceOf(application);
      return service === undefined ? emptyRuntime.log(application) : product.log(service);
    },
    async execute(application, command) {
      const service = serviceOf(application);
      const running = service && product.running(service);
      if (running === undefined) return emptyRuntime.execute(application, command);
      const alembic = createAlembic({
        migrations: running.release.migrations,
        databaseUrl: running.settings.databaseUrl,
        isLockedOut: () => migrations.isLockedOut,
        onApplied: () => effects.add("migrationsApplied"),
      });
      return runShell(command, { alembic });
    },
  };
}

/** What runs when the world begins, with the variables that it has then. */
export async function startContainers(containers: Runtime, state: CoolifyState): Promise<void> {
  for (const application of state.applications) {
    const variables = containerVariables(state, application);
    const { ended, log } = await containers.replace(application, {
      commit: state.branchHead,
      variables,
    });
    if (ended !== "running") throw new Error(`${application.name} did not start: ${log.join(" ")}`);
  }
}

function serviceOf({ uuid }: ApplicationRow): ServiceName | undefined {
  if (uuid === ids.api) return "api";
  return uuid === ids.worker ? "worker" : undefined;
}
