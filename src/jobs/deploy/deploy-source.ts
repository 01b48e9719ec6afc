import type { Systems } from "../../systems/index.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { RolloutSettings } from "./rollout-settings.ts";

export type SourceParts = {
  readonly systems: {
    readonly git: Pick<Systems["git"], "headOf">;
    readonly coolify: Pick<Systems["coolify"], "application" | "deployments" | "rollbackImages">;
  };
  readonly rollout: Pick<RolloutSettings, "api" | "source">;
};

/** What is to be deployed, in full, and how it was meant. */
export type DeployedSource = { readonly commit: string; readonly meant: string };

const FULL = /^[0-9a-f]{40}$/;
export const COMMIT_PREFIX = /^[0-9a-f]{7,40}$/;

/**
 * The commit that somebody means by the beginning of its hash, or by nothing: then it is where the branch stands now.
 * From here on only its full hash counts; where the branch goes meanwhile changes nothing.
 */
export async function resolveSource(
  parts: SourceParts,
  asked: string | undefined,
  signal: AbortSignal,
): Promise<DeployedSource> {
  if (asked === undefined) {
    const { commit, branch } = await headOfBranch(parts, signal);
    return { commit, meant: `the head of ${branch}` };
  }
  if (FULL.test(asked)) return { commit: asked, meant: "as asked" };
  return { commit: await completed(parts, asked, signal), meant: `${asked}… as asked` };
}

type Head = { readonly commit: string; readonly branch: string };

async function headOfBranch(
  { systems: { git, coolify }, rollout: { api, source } }: SourceParts,
  signal: AbortSignal,
): Promise<Head> {
  const { remote, branch } = source ?? (await sourceByCoolify(coolify, api, signal));
  const commit = await git.headOf(remote, branch, signal);
  if (commit !== undefined) return { commit, branch };
  throw new Error(`${remote} has no branch ${branch}`);
}

async function sourceByCoolify(
  coolify: Pick<Systems["coolify"], "application">,
  api: string,
  signal: AbortSignal,
): Promise<NonNullable<RolloutSettings["source"]>> {
  const { repository, branch } = await coolify.application(api, signal);
  const remote = remoteOf(repository);
  if (remote !== undefined) return { remote, branch };
  throw new Error(
    `the repository of ${api} cannot be asked without a key; give /deploy the commit, or configure rollout.source`,
  );
}

/** Coolify calls a repository of GitHub by its owner and name, and others by their address. */
function remoteOf(repository: string): string | undefined {
  if (/^[\w.-]+\/[\w.-]+$/.test(repository)) return `https://github.com/${repository}`;
  // An address with a user in it holds a password too, as a rule.
  return /^https?:\/\/[^\s@]+$/.test(repository) ? repository : undefined;
}

/** Among what could be meant there has to be exactly one that begins so. */
async function completed(parts: SourceParts, prefix: string, signal: AbortSignal): Promise<string> {
  const { coolify } = parts.systems;
  const { api } = parts.rollout;
  const [head, deployments, images] = await Promise.all([
    headOfBranch(parts, signal)
      .then(({ commit }) => [commit])
      // Whoever names a commit need not be able to ask for the branch.
      .catch((): string[] => []),
    coolify.deployments(api, signal),
    coolify.rollbackImages(api, signal).catch((error: unknown): readonly string[] => {
      if (error instanceof SystemError) return [];
      throw error;
    }),
  ]);
  signal.throwIfAborted();
  const known = [...head, ...deployments.map(({ commit }) => commit), ...images];
  const meant = new Set(known.filter((commit) => FULL.test(commit) && commit.startsWith(prefix)));
  const [commit, ...others] = meant;
  if (commit === undefined) {
    throw new Error(`${prefix} is the beginning of no commit that is known; give all 40 digits`);
  }
  if (others.length > 0) {
    throw new Error(`${prefix} is the beginning of ${meant.size} commits; give more digits`);
  }
  return commit;
}
