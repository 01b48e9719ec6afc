import { alertName, parseAlertName } from "../core/alert-name.ts";
import { shortCommit } from "../core/release.ts";
import { runName } from "../core/run-name.ts";
import { ROLLBACK } from "../jobs/rollback/rollback.ts";
import { openTriggers } from "../storage/rollback-trigger.ts";
import { openRun } from "../storage/run.ts";
import type { CommandContext, Understood } from "./command.ts";

/** What a rule asks for now, and why, in words for the card of the rollback. */
export type RuleAsking = { readonly rule: string; readonly to: string; readonly why: string };

/**
 * The rule that somebody lends a finger to, by its own name or by that of its alert. It must ask now, and for this very
 * release: who asks decides who may say yes, so nobody may put a rule before their own wish.
 */
export async function ruleAsking(
  { tx, target, actor }: Pick<CommandContext, "tx" | "target" | "actor">,
  word: string,
  to: string | undefined,
): Promise<Understood<RuleAsking>> {
  const alertId = parseAlertName(word);
  const trigger = (await openTriggers(tx, target)).find((one) =>
    alertId === undefined ? one.rule === word : one.alertId === alertId,
  );
  if (!trigger) {
    const message = `No rule asks for a rollback because of ${word} any more. Without --rule you ask for it yourself.`;
    return { ok: false, message };
  }
  const { rule } = trigger;
  if (trigger.to === undefined) {
    const message = `${rule} asks for a rollback, and no earlier release is known good. /rollback shows what there is to choose from.`;
    return { ok: false, message };
  }
  if (to !== undefined && !trigger.to.startsWith(to)) {
    const message = `${rule} asks for ${shortCommit(trigger.to)} by now, not for ${to}. Without --rule you ask for it yourself.`;
    return { ok: false, message };
  }
  const open = await openRun(tx, target, ROLLBACK);
  if (open) {
    return { ok: false, message: `${runName(open.id)} is a rollback that is under way already.` };
  }
  const why = `${rule}, because of ${alertName(trigger.alertId)}; tapped by ${actor.name}`;
  return { ok: true, args: { rule, to: trigger.to, why } };
}
