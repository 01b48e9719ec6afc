import { alertName } from "../../core/alert-name.ts";
import { addressedTo, line, type Card, type CardWord } from "../../core/card.ts";
import type { Operator } from "../../core/operator.ts";
import { earlierReleases, isKnownGood, shortCommit } from "../../core/release.ts";
import { isRuleMet, mayAct, type RollbackRule, type RuleSight } from "../../core/rollback-rule.ts";
import { runName } from "../../core/run-name.ts";
import { pause } from "../../core/waiting.ts";
import { openAlertsOf, type KeptAlert } from "../../storage/alert.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { answer, stateChanged } from "../../storage/outbox.ts";
import {
  closeTrigger,
  lastActionOn,
  noteAction,
  noteRelease,
  openTrigger,
  openTriggers,
  type RollbackTrigger,
} from "../../storage/rollback-trigger.ts";
import { openRun, type Run } from "../../storage/run.ts";
import { newestStatuses } from "../../storage/sample.ts";
import { hides, silencesOf } from "../../storage/silence.ts";
import type { Engine } from "../engine/engine.ts";
import { alertSubject } from "../watch/alert-subject.ts";
import type { AlertScene } from "../watch/alert-view.ts";
import {
  deployedApplications,
  metInSight,
  seeReleases,
  type ReleaseParts,
} from "./release-sight.ts";
import { failingWords } from "./rollback-trigger-settings.ts";
import { ROLLBACK } from "./rollback.ts";

/** A target with rules; without any there is nothing to keep. */
export type TriggerTarget = {
  readonly target: string;
  readonly rules: readonly RollbackRule[];
  readonly scene: Pick<AlertScene, "place" | "maintenanceOf" | "rosterAt">;
  /** The newest release known good that does not run; undefined when there is none. */
  releaseBefore(signal: AbortSignal): Promise<string | undefined>;
};

export type TriggersParts = {
  readonly database: Database;
  readonly targets: readonly TriggerTarget[];
  readonly engine: Pick<Engine, "admit">;
  /** Called after the commit, to have the run executed without delay. */
  readonly dispatch: (run: Run, now: Date) => void;
  readonly onError: (error: unknown, during: string) => void;
};

const LOOK_EVERY_MS = 2_000;
const LOOK_TIMEOUT_MS = 30_000;
/** What one would go back to is looked up again after this long, and sooner while nobody knows it. */
const KNOWN_FOR_MS = 5 * 60_000;
const UNKNOWN_FOR_MS = 30_000;

/** The actor of what a rule asks for, and the name by which people know it. */
export function ruleActor(rule: string) {
  return { via: "flightdeck", name: `rule ${rule}` } as const;
}

/** Looks whether the rules of a target ask for a rollback, lets their alerts say so, and acts where one may, until the signal. */
export async function keepTriggers(parts: TriggersParts, signal: AbortSignal): Promise<void> {
  const ruled = parts.targets.filter(({ rules }) => rules.length > 0);
  while (!signal.aborted && ruled.length > 0) {
    for (const target of ruled) {
      await keepTarget(parts, target, signal).catch((error: unknown) => {
        if (!signal.aborted) parts.onError(error, `looking at the rules of ${target.target}`);
      });
    }
    await pause(LOOK_EVERY_MS, signal);
  }
}

/** One turn: which rules ask, what they would go back to, and which of them act. */
export async function keepTarget(
  parts: TriggersParts,
  target: TriggerTarget,
  signal: AbortSignal,
): Promise<void> {
  const { triggers, now } = await parts.database.transaction(async (tx, at) => ({
    triggers: await decide(tx, at, target),
    now: at,
  }));
  for (const trigger of triggers.filter((one) => isStale(one, now))) {
    await lookUp(parts, target, trigger, signal);
  }
  for (const rule of target.rules.filter(({ automatic }) => automatic)) {
    await act(parts, target, rule);
  }
}

/** Opens and closes triggers by how the alerts stand, and gives back those that are open. */
async function decide(
  tx: Transaction,
  now: Date,
  { target, rules, scene }: TriggerTarget,
): Promise<readonly RollbackTrigger[]> {
  const names = [...new Set(rules.flatMap(({ checks }) => checks))];
  const open = await openAlertsOf(tx, target, names);
  const before = await openTriggers(tx, target);
  if (open.length === 0 && before.length === 0) return [];
  const looks = Math.max(
    1,
    ...rules.map(({ failing }) => (failing.kind === "of" ? failing.looks : 1)),
  );
  const statuses = await newestStatuses(tx, target, names, looks);
  const silences = await silencesOf(tx, now, target);
  const sightOf = ({ check, alert }: KeptAlert): RuleSight => ({
    alert,
    newest: statuses.get(check) ?? [],
    isSilenced:
      silences.some((silence) => hides(silence, check)) ||
      scene.maintenanceOf(check, now) !== undefined,
  });
  const met = rules.flatMap((rule) =>
    open
      .filter(({ check }) => rule.checks.includes(check))
      .filter((kept) => isRuleMet(rule, sightOf(kept), now))
      .map(({ id }) => ({ target, rule: rule.name, alertId: id })),
  );
  const isMet = (trigger: RollbackTrigger): boolean =>
    met.some(({ rule, alertId }) => rule === trigger.rule && alertId === trigger.alertId);
  for (const trigger of before.filter((one) => !isMet(one))) {
    await closeTrigger(tx, now, trigger.id);
    await stateChanged(tx, now, alertSubject(trigger.alertId));
  }
  const opened: RollbackTrigger[] = [];
  for (const asked of met) {
    const trigger = await openTrigger(tx, now, asked);
    if (!trigger) continue;
    await stateChanged(tx, now, alertSubject(asked.alertId));
    opened.push(trigger);
  }
  return [...before.filter(isMet), ...opened];
}

function isStale({ lookedAt, to }: RollbackTrigger, now: Date): boolean {
  if (lookedAt === undefined) return true;
  return now.getTime() - lookedAt.getTime() >= (to === undefined ? UNKNOWN_FOR_MS : KNOWN_FOR_MS);
}

/** While nobody can say what one would go back to, the alert leads to the choice instead. */
async function lookUp(
  { database, onError }: TriggersParts,
  { target, releaseBefore }: TriggerTarget,
  { id, to: before, alertId }: RollbackTrigger,
  signal: AbortSignal,
): Promise<void> {
  const each = AbortSignal.any([signal, AbortSignal.timeout(LOOK_TIMEOUT_MS)]);
  const to = await releaseBefore(each).catch((error: unknown) => {
    signal.throwIfAborted();
    onError(error, `looking what ${target} would go back to`);
    return before;
  });
  await database.transaction(async (tx, now) => {
    await noteRelease(tx, now, id, to);
    if (to !== before) await stateChanged(tx, now, alertSubject(alertId));
  });
}

/** Begins a rollback by itself, in a transaction of its own: a run is locked before the evidence's head. */
async function act(
  { database, engine, dispatch }: TriggersParts,
  { target, scene }: TriggerTarget,
  rule: RollbackRule,
): Promise<void> {
  const begun = await database.transaction(async (tx, now) => {
    const trigger = (await openTriggers(tx, target)).find(
      ({ rule: name, runId, to }) => name === rule.name && runId === undefined && to !== undefined,
    );
    if (!trigger?.to) return undefined;
    const lastActedAt = await lastActionOn(tx, target);
    const isUnderWay = (await openRun(tx, target, ROLLBACK)) !== undefined;
    if (!mayAct(rule, { lastActedAt, isUnderWay }, now)) return undefined;
    const because = `${rule.name}: ${alertName(trigger.alertId)} ${failingWords(rule.failing)}`;
    const admission = await engine.admit(tx, now, {
      target,
      operation: ROLLBACK,
      input: { to: trigger.to, why: because, rule: rule.name, automatic: true },
      cause: `rule-${trigger.id}`,
      actor: ruleActor(rule.name),
      place: scene.place,
    });
    if (admission.kind !== "created") return undefined;
    const { run } = admission;
    await noteAction(tx, now, trigger.id, run.id);
    await stateChanged(tx, now, alertSubject(trigger.alertId));
    const word = actingCard(target, rule, { to: trigger.to, run, people: scene.rosterAt(now) });
    await answer(tx, now, `word:rule-${trigger.id}`, scene.place, word, {
      replyToSubject: alertSubject(trigger.alertId),
    });
    return { run, now };
  });
  if (begun) dispatch(begun.run, begun.now);
}

/** What nobody was asked for is said loudly, and to everybody who can be called. */
function actingCard(
  target: string,
  rule: RollbackRule,
  {
    to,
    run,
    people,
  }: { readonly to: string; readonly run: Run; readonly people: readonly Operator[] },
): Card {
  const called = people.flatMap(({ name, telegram }, index): readonly CardWord[] => [
    ...(index === 0 ? [] : [", "]),
    { mention: name, telegram },
  ]);
  return addressedTo(target, {
    title: `⏪ ${target} · rolls back to ${shortCommit(to)} by itself`,
    parts: [
      line("Because of ", { bold: rule.name }, `, and nobody was asked: ${runName(run.id)}.`),
      ...(called.length > 0 ? [line(...called)] : []),
    ],
    actions: [[{ label: `Stop ${runName(run.id)}…`, command: `cancel ${runName(run.id)}` }]],
  });
}

/** The newest release known good that does not run everywhere, by what Coolify and our own rows know. */
export async function findReleaseBefore(
  parts: ReleaseParts,
  signal: AbortSignal,
): Promise<string | undefined> {
  const sight = await seeReleases(parts, signal);
  const [newest] = earlierReleases(deployedApplications(sight), metInSight(sight));
  return newest && isKnownGood(newest) ? newest.commit : undefined;
}
