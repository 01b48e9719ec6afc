import type { SettingProblem } from "../../checks/check-kind.ts";
import { unknownApplications } from "../../checks/coolify-names.ts";
import { nearest } from "../../core/nearest.ts";
import type { CoolifySettings } from "../../systems/coolify-settings.ts";
import type { SystemsSettings } from "../../systems/settings.ts";
import type { SmokeSettings } from "../smoke/flow-settings.ts";
import type { RolloutSettings } from "./rollout-settings.ts";

/** What a rollout names and the rest of the file does not have, or has to have for it, by the path below it. */
export function rolloutProblems(
  rollout: RolloutSettings | undefined,
  known: {
    readonly checks: readonly string[];
    readonly smoke: SmokeSettings;
    readonly systems: SystemsSettings;
  },
): readonly SettingProblem[] {
  if (rollout === undefined) return [];
  const { api, worker, ready, jobFlow, flow, migration, schema } = rollout;
  const flows = Object.keys(known.smoke?.flows ?? {});
  const named = (path: string, name: string | undefined): readonly SettingProblem[] =>
    name === undefined || flows.includes(name)
      ? []
      : [{ path: [path], message: `smoke.flows has no ${name}${meant(name, flows)}` }];
  return [
    ...(known.systems.coolify === undefined
      ? [{ path: [], message: "needs systems.coolify: it is what deploys" }]
      : missingTokens(known.systems.coolify)),
    ...unknownApplications(known.systems, [
      [["api"], api],
      ...(worker === undefined ? [] : [[["worker"], worker] as const]),
    ]),
    ...ready.flatMap((check, index) =>
      known.checks.includes(check)
        ? []
        : [
            {
              path: ["ready", index],
              message: `there is no check "${check}"${meant(check, known.checks)}`,
            },
          ],
    ),
    ...named("jobFlow", jobFlow),
    ...named("flow", flow),
    ...(migration !== undefined && schema === undefined
      ? [
          {
            path: ["migration"],
            message: "needs rollout.schema: only the database says whether it went well",
          },
        ]
      : []),
  ];
}

/** Nobody should find out in the night that a token was never made. */
function missingTokens(coolify: CoolifySettings): readonly SettingProblem[] {
  const needed = {
    deployToken: "one with `read` and `deploy`, which puts releases in place",
    writeToken: "one with `read` and `write`, which switches auto-deploy off",
  } as const;
  return (["deployToken", "writeToken"] as const)
    .filter((name) => coolify[name] === undefined)
    .map((name) => ({ path: [], message: `needs systems.coolify.${name}: ${needed[name]}` }));
}

function meant(name: string, candidates: readonly string[]): string {
  const candidate = nearest(name, candidates);
  return candidate === undefined ? "" : `; did you mean ${candidate}?`;
}
