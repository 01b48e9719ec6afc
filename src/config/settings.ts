import { z } from "zod";

import { httpSetting } from "../bot/health-settings.ts";
import { placeSetting, telegramSettings } from "../bot/settings.ts";
import { checksSetting } from "../checks/settings.ts";
import type { ChecksSettings } from "../checks/settings.ts";
import { commands } from "../commands/index.ts";
import { scheduleProblem } from "../commands/scheduled-command.ts";
import { escalationSetting } from "../core/escalation.ts";
import { onCallSetting } from "../core/on-call.ts";
import { operatorsSetting } from "../core/operator.ts";
import { textSetting } from "../core/setting.ts";
import { approvalsSetting } from "../jobs/approval/approval-settings.ts";
import { backupSetting, type BackupSettings } from "../jobs/backup/backup-settings.ts";
import {
  checklistProblems,
  checklistsSetting,
  type ChecklistsSettings,
} from "../jobs/checklist/checklist-settings.ts";
import { rolloutProblems } from "../jobs/deploy/rollout-problems.ts";
import { rolloutSetting, type RolloutSettings } from "../jobs/deploy/rollout-settings.ts";
import { drillSetting } from "../jobs/drill/drill-settings.ts";
import {
  rollbackRuleProblems,
  rollbackWhenSetting,
  type RollbackWhenSettings,
} from "../jobs/rollback/rollback-trigger-settings.ts";
import {
  secretProblems,
  secretsSetting,
  type SecretsSettings,
} from "../jobs/rotation/rotations.ts";
import {
  variableProblems,
  variablesSetting,
  type VariablesSettings,
} from "../jobs/rotation/secrets-init-settings.ts";
import { schedulesSetting, type SchedulesSettings } from "../jobs/schedule/schedule-settings.ts";
import { engineSettings, redisSetting, watchSettings } from "../jobs/settings.ts";
import { smokeSetting, type SmokeSettings } from "../jobs/smoke/flow-settings.ts";
import { heartbeatSetting } from "../jobs/watch/heartbeat-settings.ts";
import {
  maintenanceProblems,
  maintenanceSetting,
  type MaintenanceSettings,
} from "../jobs/watch/maintenance-settings.ts";
import {
  deadLetterProblems,
  deadLettersSetting,
  type DeadLettersSettings,
} from "../jobs/worker/dead-letter-settings.ts";
import { evidenceSetting, storageSettings } from "../storage/settings.ts";
import { secondPathSetting } from "../systems/second-path-settings.ts";
import { systemsSetting } from "../systems/settings.ts";
import type { SystemsSettings } from "../systems/settings.ts";
import { peopleExist, watcherIsWatched } from "./calling-rules.ts";

/** What describes one target: one line a layer. */
const targetSettings = {
  target: textSetting({
    // A button of 64 bytes carries it beside a command.
    pattern: /^[a-z0-9][a-z0-9-]{0,19}$/,
    expected: "a name of at most 20 small letters, digits and dashes",
  }).meta({ description: "The name of what is operated", examples: ["production"] }),
  timeZone: textSetting()
    .refine(isTimeZone, "expected the name of a time zone such as Europe/Berlin")
    .default("UTC")
    .meta({ description: "The time zone that the team reads", examples: ["Europe/Berlin"] }),
  place: placeSetting,
  operators: operatorsSetting,
  onCall: onCallSetting.optional(),
  escalation: escalationSetting,
  evidence: evidenceSetting,
  systems: systemsSetting,
  checks: checksSetting,
  smoke: smokeSetting,
  maintenance: maintenanceSetting,
  deadLetters: deadLettersSetting,
  checklists: checklistsSetting,
  schedules: schedulesSetting,
  backup: backupSetting,
  drill: drillSetting,
  approvals: approvalsSetting,
  rollout: rolloutSetting,
  rollbackWhen: rollbackWhenSetting,
  variables: variablesSetting,
  secrets: secretsSetting,
};

/** The first file: its target, and what the process itself runs on. */
export const settingsSchema = z
  .strictObject({
    ...targetSettings,
    telegram: telegramSettings,
    ...storageSettings,
    redis: redisSetting,
    engine: engineSettings,
    watch: watchSettings,
    secondPath: secondPathSetting,
    http: httpSetting.optional(),
    heartbeat: heartbeatSetting.optional(),
    runsBesideProduction: z.boolean().default(false).meta({
      description: "This runs on the server that it watches, so a heartbeat is demanded",
    }),
  })
  .superRefine(checksFitSystems)
  .superRefine(namesExist)
  .superRefine(variablesFitSystems)
  .superRefine(backupHasBucket)
  .superRefine(peopleExist)
  .superRefine(watcherIsWatched);

/** A further file is a further target alone; the process runs on what the first file says. */
export const furtherSchema = z
  .strictObject(targetSettings)
  .superRefine(checksFitSystems)
  .superRefine(namesExist)
  .superRefine(variablesFitSystems)
  .superRefine(backupHasBucket)
  .superRefine(peopleExist);

export type Settings = z.output<typeof settingsSchema>;
export type TargetSettings = z.output<typeof furtherSchema>;

/** What only the whole file shows: that a check names something which no system of the file has. */
function checksFitSystems(
  { systems, checks }: { readonly systems: SystemsSettings; readonly checks: ChecksSettings },
  context: z.RefinementCtx,
): void {
  // A check with a mistake of its own was not built; it is told first, and this afterwards.
  if (context.issues.length > 0) return;
  for (const [name, check] of Object.entries(checks)) {
    for (const { path, message } of check.problems(systems)) {
      context.addIssue({ code: "custom", path: ["checks", name, ...path], message });
    }
  }
}

/** What only the whole file shows: that a variable or secret names an application or check that is none. */
function variablesFitSystems(
  {
    systems,
    checks,
    variables,
    secrets,
  }: {
    readonly systems: SystemsSettings;
    readonly checks: ChecksSettings;
    readonly variables: VariablesSettings;
    readonly secrets: SecretsSettings;
  },
  context: z.RefinementCtx,
): void {
  if (context.issues.length > 0) return;
  const applications = Object.keys(systems.coolify?.applications ?? {});
  for (const { path, message } of variableProblems(variables, applications)) {
    context.addIssue({ code: "custom", path: ["variables", ...path], message });
  }
  for (const { path, message } of secretProblems(secrets, {
    applications,
    checks: Object.keys(checks),
  })) {
    context.addIssue({ code: "custom", path: ["secrets", ...path], message });
  }
}

/** What lies beside the database dies with it, so a backup that goes nowhere else is not configured but refused. */
function backupHasBucket(
  {
    backup,
    systems,
  }: { readonly backup?: BackupSettings | undefined; readonly systems: SystemsSettings },
  context: z.RefinementCtx,
): void {
  if (context.issues.length > 0 || backup === undefined || systems.bucket !== undefined) return;
  const message = "needs systems.bucket: a backup that stays on this machine is lost with it";
  context.addIssue({ code: "custom", path: ["backup"], message });
}

/** What only the whole file shows: that a schedule gives a command that is none, or a list or window names a check that is none. */
function namesExist(
  {
    checks,
    checklists,
    schedules,
    maintenance,
    deadLetters,
    rollout,
    rollbackWhen,
    smoke,
    systems,
  }: {
    readonly checks: ChecksSettings;
    readonly checklists: ChecklistsSettings;
    readonly schedules: SchedulesSettings;
    readonly maintenance: MaintenanceSettings;
    readonly deadLetters?: DeadLettersSettings;
    readonly rollout?: RolloutSettings | undefined;
    readonly rollbackWhen: RollbackWhenSettings;
    readonly smoke?: SmokeSettings;
    readonly systems: SystemsSettings;
  },
  context: z.RefinementCtx,
): void {
  if (context.issues.length > 0) return;
  const refuse = (path: (string | number)[], message: string): void =>
    context.addIssue({ code: "custom", path, message });
  for (const [name, { run }] of Object.entries(schedules)) {
    const problem = scheduleProblem(run, commands, Object.keys(checklists));
    if (problem !== undefined) refuse(["schedules", name, "run"], problem);
  }
  for (const { path, message } of maintenanceProblems(maintenance, Object.keys(checks))) {
    refuse(["maintenance", ...path], message);
  }
  const known = { checks: Object.keys(checks), commands: commands.map(({ name }) => name) };
  for (const { path, message } of checklistProblems(checklists, known)) {
    refuse(["checklists", ...path], message);
  }
  for (const { path, message } of rolloutProblems(rollout, { ...known, smoke, systems })) {
    refuse(["rollout", ...path], message);
  }
  const rolled = { checks: known.checks, hasRollout: rollout !== undefined };
  for (const { path, message } of rollbackRuleProblems(rollbackWhen, rolled)) {
    refuse(["rollbackWhen", ...path], message);
  }
  for (const { path, message } of deadLetterProblems(deadLetters, known.checks)) {
    refuse(["deadLetters", ...path], message);
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name }).format();
    return true;
  } catch {
    return false;
  }
}
