import { z } from "zod";

import type { CheckMoment } from "../../checks/common-settings.ts";
import {
  decideGates,
  GATES,
  passedGates,
  shutGates,
  type GateFacts,
  type Override,
} from "../../core/deploy-gate.ts";
import { runName } from "../../core/run-name.ts";
import type { Status } from "../../core/status.ts";
import { openAlerts } from "../../storage/alert.ts";
import { knownBackups } from "../../storage/backup.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { preflightsSince } from "../../storage/rollout-gate.ts";
import { holderOf } from "../../storage/run.ts";
import { reportSchema } from "../preflight/preflight-verdict.ts";
import type { ReleaseSight } from "../rollback/release-sight.ts";
import type { RolloutSettings } from "./rollout-settings.ts";

/** A check as the gates need to know it. */
type GateCheck = {
  readonly name: string;
  readonly severity: "page" | "warn";
  readonly appliesTo: readonly CheckMoment[];
};

export type GateParts = {
  readonly database: Database;
  readonly target: string;
  readonly checks: readonly GateCheck[];
  readonly rollout: Pick<RolloutSettings, "gates" | "backupFreshFor">;
  readonly hasBackups: boolean;
};

/** How the gates stood, as a look left it in the journal. */
export const gatesSchema = z.object({
  gates: z.array(
    z.object({
      name: z.enum(GATES),
      ok: z.boolean(),
      words: z.string(),
      overriddenBecause: z.string().optional(),
    }),
  ),
  /** The checks whose alerts sounded then: what was bad before says nothing about what comes. */
  pages: z.array(z.string()),
  isFirst: z.boolean(),
  backup: z.discriminatedUnion("kind", [
    z.object({ kind: z.enum(["not-configured", "none", "nothing-to-lose"]) }),
    z.object({ kind: z.literal("made"), at: z.coerce.date() }),
  ]),
  /** Whether the newest is too old to be the one to go back to. */
  needsBackup: z.boolean(),
});
export type SeenGates = z.output<typeof gatesSchema>;

/** Looks at all that the gates are decided by, at one moment. */
export async function seeGates(
  parts: GateParts,
  sight: ReleaseSight,
  overrides: readonly Override[],
): Promise<SeenGates> {
  const { rollout } = parts;
  const isFirst = isFirstRollout(sight);
  const moment: CheckMoment = isFirst ? "before-deploy" : "running";
  const checks = parts.checks.filter(({ appliesTo }) => appliesTo.includes(moment));
  return parts.database.transaction(async (tx, now) => {
    const pages = await firing(tx, parts.target, checks);
    const backup = await newestBackup(tx, parts, isFirst && isEmpty(sight));
    const facts: GateFacts = {
      checks,
      answers: await newestAnswers(tx, parts, now),
      backup,
      pages,
      underWay: await underWay(tx, parts.target, sight),
    };
    const gates = passedGates(decideGates(facts, rollout.gates, now), overrides);
    const isFresh =
      backup.kind === "made" && now.getTime() - backup.at.getTime() <= rollout.backupFreshFor;
    return {
      gates: [...gates],
      pages: [...pages],
      isFirst,
      backup,
      needsBackup: backup.kind === "none" || (backup.kind === "made" && !isFresh),
    };
  });
}

/** Whether it may be asked for as it stands. */
export function areOpen({ gates }: Pick<SeenGates, "gates">): boolean {
  return shutGates(gates).length === 0;
}

/** Nothing was ever deployed here, so nothing runs that could be asked. */
function isFirstRollout({ applications }: ReleaseSight): boolean {
  return applications.every(({ finished }) => finished.length === 0);
}

function isEmpty({ schema }: ReleaseSight): boolean {
  return schema.revision === "none";
}

async function firing(
  tx: Transaction,
  target: string,
  checks: readonly GateCheck[],
): Promise<readonly string[]> {
  const open = await openAlerts(tx, target);
  return open
    .filter(({ severity, alert }) => severity === "page" && alert.state !== "pending")
    .map(({ check }) => check)
    .filter((check) => checks.some(({ name }) => name === check));
}

/** The newest answer of each check to any preflight that counts: a second one may have asked only what had failed. */
async function newestAnswers(
  tx: Transaction,
  { target, rollout }: GateParts,
  now: Date,
): Promise<GateFacts["answers"]> {
  const since = new Date(now.getTime() - rollout.gates.preflightWithin);
  const answers = new Map<string, { check: string; status: Status; at: Date }>();
  for (const { at, result } of await preflightsSince(tx, target, since)) {
    for (const { check, status } of z.array(reportSchema).safeParse(result).data ?? []) {
      if (!answers.has(check)) answers.set(check, { check, status, at });
    }
  }
  return [...answers.values()];
}

async function newestBackup(
  tx: Transaction,
  { target, hasBackups }: GateParts,
  nothingToLose: boolean,
): Promise<GateFacts["backup"]> {
  if (!hasBackups) return { kind: "not-configured" };
  if (nothingToLose) return { kind: "nothing-to-lose" };
  const [newest] = (await knownBackups(tx, target)).filter(({ problem }) => problem === undefined);
  return newest ? { kind: "made", at: newest.snapshotAt } : { kind: "none" };
}

async function underWay(
  tx: Transaction,
  target: string,
  { applications }: ReleaseSight,
): Promise<readonly string[]> {
  const holder = await holderOf(tx, target);
  const deployed = applications.flatMap(({ name, active }) =>
    active.map((uuid) => `deployment ${uuid} of ${name} in Coolify`),
  );
  const run = holder ? [`${runName(holder.id)} ${holder.operation} by ${holder.actor.name}`] : [];
  return [...run, ...deployed];
}
