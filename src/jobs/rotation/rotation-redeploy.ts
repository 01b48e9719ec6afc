import { drainStep } from "../worker/drain-step.ts";
import { redeployDeed, unlessExposed } from "./rotation-deeds.ts";
import type { Deed, RotationContext, Standing } from "./rotation-procedure.ts";

export const JOBS_END = "the jobs that are known have ended";

const DEPLOYMENT_WITHIN_MS = 20 * 60_000;

type Context = Pick<RotationContext<unknown>, "systems" | "rollout" | "checks" | "isExposed">;

/** An application made anew, by what the target says of deployments. */
export function madeAnewDeed(
  { systems, rollout, checks }: Context,
  of: {
    readonly application: string;
    readonly name: string;
    inForce?(signal: AbortSignal): Promise<Standing>;
  },
): Deed {
  return redeployDeed({
    ...of,
    coolify: systems.coolify,
    withinMs: rollout?.deploymentWithin ?? DEPLOYMENT_WITHIN_MS,
    disturbs: checks
      .filter(({ application }) => application === of.application)
      .map(({ name }) => name),
  });
}

/** Several of them, one after the other. */
export function madeAnewDeeds(
  context: Context,
  of: {
    readonly applications: readonly string[];
    /** What is so then, by the name of the application. */
    name(application: string): string;
    /** The name of the deed that lets the jobs in the worker's hands end first; on the way back nobody waits for them. */
    readonly jobsEnd?: string;
    inForce?(signal: AbortSignal): Promise<Standing>;
  },
): readonly Deed[] {
  const { applications, inForce } = of;
  return applications.flatMap((application) => [
    ...(application === context.rollout?.worker && of.jobsEnd !== undefined
      ? jobsEnd(context, of.jobsEnd)
      : []),
    madeAnewDeed(context, {
      application,
      name: of.name(application),
      ...(inForce === undefined ? {} : { inForce }),
    }),
  ]);
}

/** A worker that is replaced loses the job in its hands, which an exposed secret cannot wait for. */
function jobsEnd(context: Context, name: string): readonly Deed[] {
  const { systems, rollout } = context;
  const jobs = rollout?.jobs;
  if (jobs === undefined) return [];
  const step = drainStep({ name, systems, jobs });
  return [
    unlessExposed(context, {
      name,
      timeoutMs: step.timeoutMs,
      readsOnly: true,
      probe: async () => "absent",
      async apply(deedContext) {
        await step.look(deedContext);
        return {};
      },
    }),
  ];
}
