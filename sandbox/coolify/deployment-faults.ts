import type { Fault } from "../fault-registry.ts";
import { type ReleaseName, releases } from "../releases.ts";
import { containerVariables } from "./container-variables.ts";
import { applicationOf } from "./faults.ts";
import { ids } from "./ids.ts";
import { type CoolifyMood, goodMood } from "./mood.ts";
import type { ApplicationRow } from "./rows.ts";
import type { Runtime } from "./runtime.ts";
import type { CoolifyServer } from "./server.ts";

const BAD_RELEASES = {
  "broken-release": { release: "broken", title: "A release was pushed whose API answers 500" },
  "never-ready-release": {
    release: "never-ready",
    title: "A release was pushed whose API is never ready",
  },
  "release-goes-bad": {
    release: "goes-bad",
    title: "A release was pushed that goes bad after a while",
  },
  "release-with-an-idle-worker": {
    release: "worker-idles",
    title: "A release was pushed whose worker completes no jobs",
  },
} as const satisfies Readonly<Record<string, { release: ReleaseName; title: string }>>;
type BadReleaseName = keyof typeof BAD_RELEASES;

export type DeploymentFaultName =
  | BadReleaseName
  | "coolify-is-slow"
  | "coolify-refuses-too-many-requests"
  | "coolify-answers-500-after-accepting"
  | "coolify-cuts-its-answers"
  | "deployment-queue-full"
  | "deployments-wait-in-the-queue"
  | "deployments-hang"
  | "deployments-fail"
  | "deployments-vanish"
  | "deployments-that-work-are-called-failed"
  | "deployments-are-overtaken"
  | "somebody-pushes-during-deployments"
  | "migrations-are-locked-out";

type DeploymentFault = Fault<DeploymentFaultName>;

type Breakable = {
  readonly coolify: CoolifyServer;
  readonly containers: Runtime;
  readonly migrations: { isLockedOut: boolean };
};

/** What can go wrong with a change: the release, Coolify's word about it, or what others do meanwhile. */
export function deploymentFaults(world: Breakable): readonly DeploymentFault[] {
  const { coolify, migrations } = world;
  const mood = <Name extends keyof CoolifyMood>(
    name: DeploymentFaultName,
    title: string,
    part: Name,
    value: CoolifyMood[Name],
    ...insteadOf: readonly DeploymentFaultName[]
  ): DeploymentFault => ({
    name,
    title,
    insteadOf,
    break: () => {
      coolify.mood[part] = value;
    },
    heal: () => {
      coolify.mood[part] = goodMood()[part];
    },
  });
  const bad = Object.keys(BAD_RELEASES) as readonly BadReleaseName[];
  return [
    ...bad.map((name) =>
      badRelease(
        world,
        name,
        bad.filter((other) => other !== name),
      ),
    ),
    mood(
      "coolify-is-slow",
      "Coolify takes seconds for every answer",
      "answers",
      "slowly",
      "coolify-refuses-too-many-requests",
    ),
    mood(
      "coolify-refuses-too-many-requests",
      "Coolify refuses: too many requests",
      "answers",
      "too-many-requests",
      "coolify-is-slow",
    ),
    mood(
      "coolify-answers-500-after-accepting",
      "Coolify does as told, and answers 500",
      "acceptances",
      "lost-in-an-error",
      "coolify-cuts-its-answers",
    ),
    mood(
      "coolify-cuts-its-answers",
      "Coolify does as told, but its answers are cut off",
      "acceptances",
      "cut",
      "coolify-answers-500-after-accepting",
    ),
    mood("deployment-queue-full", "Coolify's queue of deployments is full", "queue", "full"),
    ...(
      [
        ["deployments-wait-in-the-queue", "Deployments wait in the queue for ever", "wait"],
        ["deployments-hang", "Deployments begin and never end", "hang"],
        ["deployments-fail", "Deployments fail to build", "fail"],
        ["deployments-vanish", "Deployments vanish from Coolify", "vanish"],
        [
          "deployments-that-work-are-called-failed",
          "Coolify restarts while it deploys, and calls what worked failed",
          "restart",
        ],
      ] as const
    ).map(([name, title, value], _index, all) =>
      mood(
        name,
        title,
        "deployments",
        value,
        ...all.map(([other]) => other).filter((other) => other !== name),
      ),
    ),
    mood(
      "deployments-are-overtaken",
      "Somebody deploys the branch as soon as we deploy",
      "others",
      "overtake",
      "somebody-pushes-during-deployments",
    ),
    mood(
      "somebody-pushes-during-deployments",
      "Somebody pushes as soon as we deploy",
      "others",
      "push",
      "deployments-are-overtaken",
    ),
    {
      name: "migrations-are-locked-out",
      title: "Somebody holds a lock that every migration needs",
      break: () => {
        migrations.isLockedOut = true;
      },
      heal: () => {
        migrations.isLockedOut = false;
      },
    },
  ];
}

/**
 * Somebody has let production follow the branch and pushed to it. Healed, the world is as it was before, unless somebody
 * has deployed something else meanwhile: then what was done stays done.
 */
function badRelease(
  { coolify, containers }: Breakable,
  name: BadReleaseName,
  insteadOf: readonly BadReleaseName[],
): DeploymentFault {
  const { release, title } = BAD_RELEASES[name];
  const commit = releases[release];
  const { state } = coolify;
  const services = [ids.api, ids.worker].map((uuid) => applicationOf(state, uuid));
  const runs = ({ uuid }: ApplicationRow): string | undefined =>
    state.deployments.findLast((row) => row.application === uuid && row.status === "finished")
      ?.commit;
  let undo = async (): Promise<void> => undefined;
  return {
    name,
    title,
    insteadOf,
    async break() {
      const { branchHead, deployments, images } = state;
      const before = { deployments: [...deployments], images };
      const ran = services.map((row) => ({ row, commit: runs(row) ?? branchHead }));
      const followed = services.map(({ settings }) => settings.is_auto_deploy_enabled);
      undo = async () => {
        coolify.push(branchHead, []);
        services.forEach(({ settings }, index) => {
          settings.is_auto_deploy_enabled = followed[index]!;
        });
        if (!services.every((row) => runs(row) === commit)) return;
        for (const { row, commit } of ran) {
          await containers.replace(row, { commit, variables: containerVariables(state, row) });
        }
        Object.assign(state, before);
      };
      for (const { settings } of services) settings.is_auto_deploy_enabled = true;
      await Promise.all(coolify.push(commit, services).map((row) => coolify.ended(row)));
    },
    heal: async () => undo(),
  };
}
