import type { CommandLine } from "../core/command-line.ts";
import type { MaintenanceWindow } from "../core/maintenance.ts";
import { nearest } from "../core/nearest.ts";
import type { Operator } from "../core/operator.ts";
import type { Schedule } from "../core/schedule.ts";
import type { BoardCheck } from "../core/status-board.ts";
import type { BackupSettings } from "../jobs/backup/backup-settings.ts";
import type { Checklist } from "../jobs/checklist/checklist-settings.ts";
import type { SecretsSettings } from "../jobs/rotation/rotations.ts";
import type { SmokePlan } from "../jobs/smoke/flow-plan.ts";
import type { Caller } from "../jobs/watch/calling.ts";

/** What commands need to know of the target that they mean. */
export type TargetContext = {
  readonly target: string;
  readonly timeZone: string;
  /** The names of all checks. */
  readonly checks: readonly string[];
  /** What a board needs to know of each of them. */
  readonly board: readonly BoardCheck[];
  /** The flows that prove the target, and the one that is meant when none is named. */
  readonly smoke: SmokePlan;
  readonly checklists: readonly Checklist[];
  readonly schedules: readonly Schedule[];
  readonly operators: readonly Operator[];
  /** Times that come again, in which alerts are kept but not spoken of. */
  readonly maintenance: readonly MaintenanceWindow[];
  /** Who can be called at a moment, whoever is on call first. */
  readonly rosterAt: (now: Date) => readonly Operator[];
  readonly caller: Caller;
  /** Undefined when none is configured. */
  readonly backup: BackupSettings | undefined;
  /** The names of what can be done with it; what is not configured is not among them. */
  readonly operations: readonly string[];
  /** The applications of Coolify that the configuration names. */
  readonly applications: readonly string[];
  /** The secrets that can be rotated. */
  readonly rotated: SecretsSettings;
  /** Those of them that a person makes and hands over. */
  readonly handedOver: readonly string[];
  /** For whom people seal secrets that they hand over in private. */
  readonly recipient?: () => Promise<string>;
};

/** A target and where in the chat it is talked about. Without a topic it has all of the chat that no other target has. */
export type ServedTarget = {
  readonly context: TargetContext;
  readonly chatId: number;
  readonly topicId: number | undefined;
};

export type TargetMeant =
  | { readonly ok: true; readonly context: TargetContext; readonly line: CommandLine }
  | { readonly ok: false; readonly message: string };

/**
 * Which target a command means: `@staging` as its first word says so; else the topic or chat where it was said does;
 * else, in private and on the command line, it is the first. Where only other topics are somebody's, it must be said.
 */
export function targetMeant(
  targets: readonly [ServedTarget, ...ServedTarget[]],
  line: CommandLine,
  place: { readonly chatId?: number | undefined; readonly topicId?: number | undefined },
): TargetMeant {
  const [first = "", ...words] = line.words;
  if (first.startsWith("@")) {
    const name = first.slice(1);
    const named = targets.find(({ context }) => context.target === name);
    if (named) return { ok: true, context: named.context, line: { ...line, words } };
    const meant = nearest(
      name,
      targets.map(({ context }) => context.target),
    );
    const hint = meant === undefined ? "" : ` Did you mean @${meant}?`;
    return { ok: false, message: `There is no target @${name}.${hint}` };
  }
  const here = targets.filter((target) => target.chatId === place.chatId);
  const meant =
    here.find((target) => target.topicId === place.topicId) ??
    here.find((target) => target.topicId === undefined) ??
    // In a chat that is shared by topics, a place between them means nobody; it must not mean production.
    (here.length > 0 ? undefined : targets[0]);
  if (meant) return { ok: true, context: meant.context, line };
  const names = here.map(({ context }) => `@${context.target}`).join(" or ");
  return { ok: false, message: `Which target? Put ${names} behind the command.` };
}
