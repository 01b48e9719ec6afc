import { z } from "zod";

import { formatDuration } from "../../core/duration.ts";
import { runningCommit } from "../../core/release.ts";
import type { Secret } from "../../core/secret.ts";
import { growingPauses, pause } from "../../core/waiting.ts";
import type { Coolify, CoolifyDeployment } from "../../systems/coolify.ts";
import { isActiveDeployment } from "../../systems/coolify.ts";
import { SystemError } from "../../systems/system-error.ts";
import { deploymentsBeforeSchema, deploymentSince } from "../deploy/deployment-sight.ts";
import { deploymentEndsStep, deploymentIn, deployStep } from "../deploy/deployment-step.ts";
import type {
  Deed,
  DeedContext,
  RotationContext,
  RotationVault,
  Standing,
} from "./rotation-procedure.ts";

/** The deeds that most procedures consist of. */

const PATIENCE_MS = 45_000;
const PATIENCE_EVERY_MS = 1_500;
const EACH_LOOK_MS = 10_000;
const VARIABLES_TIMEOUT_MS = 3 * 60_000;

/** Looks again while nobody answers, for as long as a short outage lasts: a rotation should not end at one lost request. */
export async function patiently<Seen>(
  look: (signal: AbortSignal) => Promise<Seen>,
  signal: AbortSignal,
  { withinMs = PATIENCE_MS, everyMs = PATIENCE_EVERY_MS, eachMs = EACH_LOOK_MS } = {},
): Promise<Seen> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
  for (;;) {
    try {
      return await look(AbortSignal.any([signal, AbortSignal.timeout(eachMs)]));
    } catch (error) {
      if (!isPassing(error) || patience.aborted) throw error;
    }
    await pause(everyMs, patience);
    signal.throwIfAborted();
  }
}

function isPassing(error: unknown): boolean {
  return (
    error instanceof SystemError && ["unreachable", "timeout", "rate-limited"].includes(error.kind)
  );
}

/** A deed that changes nothing. */
type Proof = Deed & { readonly readsOnly: true };

/** What only patience and courtesy ask for, left out where the old one may be known to others. */
export function unlessExposed(
  { isExposed }: Pick<RotationContext<unknown>, "isExposed">,
  deed: Proof,
): Deed {
  return {
    ...deed,
    probe: async (context) => ((await isExposed()) ? "holds" : deed.probe(context)),
    apply: async (context) => ((await isExposed()) ? {} : deed.apply(context)),
  };
}

/** By what is in the way, if anything. */
export function standingBy(problem: string | undefined): Standing {
  return problem === undefined ? "holds" : { absent: problem };
}

/** Environment variables that have these values in all of the applications, for production and previews. */
export function variablesDeed(of: {
  readonly name: string;
  readonly coolify: Pick<Coolify, "hasVariable" | "setVariable">;
  readonly applications: readonly string[];
  values(signal: AbortSignal): Promise<Readonly<Record<string, Secret>>>;
}): Deed {
  const { coolify, applications } = of;
  const wanted = async (signal: AbortSignal) => {
    const values = Object.entries(await patiently(of.values.bind(of), signal));
    return applications.flatMap((application) =>
      values.map(([key, value]) => ({ application, key, value })),
    );
  };
  let isWritten = false;
  return {
    name: of.name,
    timeoutMs: VARIABLES_TIMEOUT_MS,
    async probe({ signal }) {
      for (const { application, ...variable } of await wanted(signal)) {
        const has = await patiently(
          async (each) => coolify.hasVariable(application, variable, each),
          signal,
        );
        // What nobody can see is set again by whoever goes on with it, which does no harm.
        if (has === undefined && isWritten) continue;
        if (has !== true) return { absent: `${variable.key} of ${application} is another` };
      }
      return "holds";
    },
    async apply({ signal }) {
      const all = await wanted(signal);
      for (const { application, ...variable } of all) {
        // Unlike most effects it may be repeated: the same value, set again, is the same.
        await patiently(async (each) => coolify.setVariable(application, variable, each), signal);
      }
      isWritten = true;
      return {};
    },
  };
}

const redeployBaseline = z.object({ commit: z.string(), before: deploymentsBeforeSchema });

/**
 * An application made anew from the commit that runs, so that it reads its variables. A deployment that a killed process
 * has asked for is waited for; making it anew once too often costs a restart and nothing else.
 */
export function redeployDeed(of: {
  readonly name: string;
  readonly coolify: Pick<Coolify, "application" | "deployments" | "deployment" | "deployCommit">;
  readonly application: string;
  readonly withinMs: number;
  readonly disturbs?: readonly string[];
  /** Whether what it should read is in force, by its effect; without it a finished deployment is believed. */
  inForce?(signal: AbortSignal): Promise<Standing>;
}): Deed {
  const { name, coolify, application, withinMs } = of;
  const ends = (deployment: string, commit: string) =>
    deploymentEndsStep({
      name,
      coolify,
      application,
      deploymentOf: () => deployment,
      commitOf: () => commit,
      withinMs,
    });
  const deployedSince = async (
    { commit, before }: z.output<typeof redeployBaseline>,
    signal: AbortSignal,
  ): Promise<CoolifyDeployment | undefined> => {
    const rows = await patiently(async (each) => coolify.deployments(application, each), signal);
    return deploymentSince(before, rows, commit);
  };
  return {
    name,
    // Once for what is under way already, and once for ours.
    timeoutMs: 2 * withinMs + 3 * 60_000,
    whenCancelled: `Coolify goes on with the deployment of ${application} that was asked for.`,
    ...(of.disturbs === undefined ? {} : { disturbs: of.disturbs }),
    async baseline(context) {
      const rows = await whenQuiet(of, context.signal);
      const finished = rows.filter(({ status, isPreview }) => status === "finished" && !isPreview);
      const commit = runningCommit({
        finished: finished.map((row) => ({ ...row, at: row.finishedAt ?? row.createdAt })),
      });
      if (commit === undefined) {
        throw new Error(
          `Coolify lists no finished deployment of ${application}, so nobody knows what runs`,
        );
      }
      const step = deployStep({ ...deploying(of, commit) });
      return { commit, before: (await step.baseline?.(context)) ?? null };
    },
    async probe(context) {
      const { signal } = context;
      const known = redeployBaseline.safeParse(context.baseline).data;
      const since = known && (await deployedSince(known, signal));
      if (since && isActiveDeployment(since)) await ends(since.uuid, known.commit).look(context);
      if (of.inForce) return patiently(of.inForce.bind(of), signal);
      const hasFinished = since?.status === "finished" || (since && isActiveDeployment(since));
      return hasFinished ? "holds" : "absent";
    },
    async apply(context) {
      const { commit, before } = redeployBaseline.parse(context.baseline);
      const step = deployStep(deploying(of, commit));
      const accepted = await step.act({ ...context, baseline: before });
      const deployment = deploymentIn(accepted);
      if (deployment !== undefined) await ends(deployment, commit).look(context);
      return { [`${application}-deployment`]: deployment ?? "unknown" };
    },
  };
}

const QUIET_EVERY_MS = 3_000;

/**
 * What Coolify lists once nothing is being deployed. A release on its way would otherwise be undone: what still runs then is
 * asked for behind it.
 */
async function whenQuiet(
  { coolify, application, withinMs }: Parameters<typeof redeployDeed>[0],
  signal: AbortSignal,
): Promise<readonly CoolifyDeployment[]> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
  const nextPauseMs = growingPauses(QUIET_EVERY_MS);
  for (;;) {
    const rows = await patiently(async (each) => coolify.deployments(application, each), signal);
    const other = rows.find((row) => isActiveDeployment(row) && !row.isPreview);
    if (other === undefined) return rows;
    if (patience.aborted) {
      throw new Error(
        `deployment ${other.uuid} of ${application} was there before and has not ended after ${formatDuration(withinMs)}; ` +
          `end it in Coolify, and ask again`,
      );
    }
    await pause(nextPauseMs(), patience);
    signal.throwIfAborted();
  }
}

function deploying(
  of: Pick<Parameters<typeof redeployDeed>[0], "name" | "coolify" | "application">,
  commit: string,
) {
  const { name, coolify, application } = of;
  return { name, coolify, application, commitOf: () => commit, timeoutMs: 90_000 };
}

const PROOF_EVERY_MS = 1_000;

/** Something that shows, possibly only after a while: fails with what was last in the way. */
export function proofDeed(of: {
  readonly name: string;
  readonly withinMs: number;
  readonly everyMs?: number;
  /** So often without a break, for what a pool or one of several replicas may hide. */
  readonly inARow?: number;
  /** How long one look may take, where somebody has to think before he answers. */
  readonly eachMs?: number;
  readonly asksPerson?: string;
  /** What is in the way of it; undefined when nothing is. */
  problem(signal: AbortSignal): Promise<string | undefined>;
}): Proof {
  const { name, withinMs, inARow = 1, everyMs = PROOF_EVERY_MS, eachMs = EACH_LOOK_MS } = of;
  const look = async (signal: AbortSignal): Promise<string | undefined> => {
    for (let look = 0; look < inARow; look += 1) {
      const problem = await patiently(of.problem.bind(of), signal, { eachMs });
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
  return {
    name,
    readsOnly: true,
    timeoutMs: withinMs + PATIENCE_MS + eachMs,
    ...(of.asksPerson === undefined ? {} : { asksPerson: of.asksPerson }),
    probe: async ({ signal }) => standingBy(await look(signal)),
    async apply({ signal }) {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
      for (;;) {
        const problem = await look(signal);
        if (problem === undefined) return {};
        signal.throwIfAborted();
        if (patience.aborted) throw new Error(`${name}: ${problem}`);
        await pause(everyMs, patience);
      }
    },
  };
}

/** A new secret that only a person can make, who hands it over by `flightdeck rotate supply`. */
export function suppliedDeed(of: {
  readonly name: string;
  readonly vault: RotationVault;
  readonly withinMs: number;
  readonly asksPerson: string;
}): Deed {
  const { name, vault, withinMs, asksPerson } = of;
  const isThere = async (): Promise<boolean> => (await vault.mintedYet()) !== undefined;
  return {
    name,
    readsOnly: true,
    timeoutMs: withinMs + EACH_LOOK_MS,
    asksPerson,
    probe: async () => ((await isThere()) ? "holds" : "absent"),
    async apply({ signal }: DeedContext) {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
      while (!(await isThere())) {
        signal.throwIfAborted();
        if (patience.aborted) throw new Error("nobody has handed over the new one in time");
        await pause(PROOF_EVERY_MS, patience);
      }
      return {};
    },
  };
}

/** A time that others have for something which nobody can see; it runs from the first look on, whoever looks next. */
export function waitDeed(of: {
  readonly name: string;
  readonly vault: RotationVault;
  readonly durationMs: number;
  readonly asksPerson?: string;
}): Proof {
  const { name, vault, durationMs, asksPerson } = of;
  const note = `since: ${name}`;
  const leftMs = async (): Promise<number> => {
    const since = (await vault.notes())[note];
    if (since !== undefined) return new Date(since).getTime() + durationMs - Date.now();
    await vault.note({ [note]: new Date().toISOString() });
    return durationMs;
  };
  return {
    name,
    readsOnly: true,
    timeoutMs: durationMs + EACH_LOOK_MS,
    ...(asksPerson === undefined ? {} : { asksPerson }),
    probe: async () => ((await leftMs()) <= 0 ? "holds" : "absent"),
    async apply({ signal }) {
      await pause(Math.max(0, await leftMs()), signal);
      signal.throwIfAborted();
      return {};
    },
  };
}
