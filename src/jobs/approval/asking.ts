import { randomBytes, randomUUID } from "node:crypto";

import { bondMac, type ApprovalKeys, type Bond } from "../../core/approval-bond.ts";
import { isRequester } from "../../core/approval-rule.ts";
import { NONCE_BYTES } from "../../core/approval-token.ts";
import type { Facts } from "../../core/approval.ts";
import { Interruption } from "../../core/interruption.ts";
import type { Json } from "../../core/json.ts";
import type { Operator } from "../../core/operator.ts";
import { runName } from "../../core/run-name.ts";
import { pass } from "../../core/trace.ts";
import { untilAborted } from "../../core/waiting.ts";
import { votesOf } from "../../storage/approval-vote.ts";
import {
  approvalOfStep,
  consume,
  openApproval,
  openQuestionsAbout,
  openQuestionsIn,
  questionsAskedBy,
  type Approval,
} from "../../storage/approval.ts";
import type { Transaction } from "../../storage/database.ts";
import { fileOf } from "../../storage/evidence-file.ts";
import { standingOf, stateChanged } from "../../storage/outbox.ts";
import { endStep, startStep } from "../../storage/run-step.ts";
import { askPeople, findRun } from "../../storage/run.ts";
import { storableJson } from "../../storage/storable.ts";
import { SystemError } from "../../systems/system-error.ts";
import { fencedOnTarget } from "../engine/fenced.ts";
import { record, subjectOf } from "../engine/run-record.ts";
import { Refusal, StepFailure, Suspension } from "../engine/step-end.ts";
import type { StepPlace, StepRunner } from "../engine/step-runner.ts";
import { freeTarget, isInTheWay, takeTarget } from "../engine/target-taking.ts";
import { evidenceStanding } from "../evidence/evidence-standing.ts";
import type { AskStep, Operation } from "../operation.ts";
import { callApprovers, placeQuestion } from "./approval-call.ts";
import { endAsking } from "./approval-end.ts";
import { factsOf } from "./approval-facts.ts";
import { basisOf, whyNotUsable } from "./approval-proof.ts";

/** ASVS 6.5.5: whoever is asked out of band has ten minutes. */
const EXPIRES_AFTER_MS = 10 * 60_000;
const HOUR_MS = 60 * 60_000;
/** More than so many questions at a time are answered without being read. */
const OPEN_IN_CHAT_AT_MOST = 3;
const ASKED_PER_HOUR_AT_MOST = 5;
const LOOKS_AT_MOST = 3;

/** What asking needs to know beside the run. */
export type Asking = {
  readonly operation: Operation;
  readonly keys: () => Promise<ApprovalKeys>;
  readonly target: AskedTarget;
};

/** Who may say yes about a target, and by which configuration. */
export type AskedTarget = {
  readonly operators: readonly Operator[];
  /** Who can be called at a moment, whoever is on call first. */
  readonly rosterAt: (now: Date) => readonly Operator[];
  readonly configHash: string;
  readonly logOrigin: string;
};

/**
 * Asks people, or uses their yes. Between the two the run waits and no process executes it.
 *
 * @throws {Suspension} when people are asked
 * @throws {Refusal} when their yes does not hold any more
 */
export async function performAsk(
  runner: StepRunner,
  step: AskStep,
  place: StepPlace,
): Promise<Json> {
  const { database, run } = runner;
  const asked = await database.transaction(async (tx) => approvalOfStep(tx, run.id, place.n));
  if (!asked) {
    await ask(runner, step, place);
    throw new Suspension("people are asked");
  }
  if (asked.state !== "approved") throw new StepFailure(`Its question is ${asked.state}.`);
  return use(runner, step, place);
}

async function ask(runner: StepRunner, step: AskStep, place: StepPlace): Promise<void> {
  const { run, origin, asking } = runner;
  const keys = await asking.keys();
  await fencedOnTarget(runner, async (tx, now) => {
    const question = storable(step.question(place.results));
    await supersede(tx, now, runner);
    await placeQuestion(tx, now, runner, question.policy);
    // Who breaks the glass has no time for manners.
    if (question.policy !== "break-glass") await refuseTooMany(tx, now, runner);
    const { n } = place;
    await openStep(tx, now, runner, step, place);
    await askPeople(tx, run.id);
    await stateChanged(tx, now, subjectOf(run));
    const bond: Bond = {
      ...question,
      runId: run.id,
      n,
      target: run.target,
      operation: run.operation,
      requester: run.actor,
      basis: await basisOf(tx, run, n),
      configHash: asking.target.configHash,
      logOrigin: asking.target.logOrigin,
      nonce: randomBytes(NONCE_BYTES),
      askedAt: now,
      expiresAt: new Date(now.getTime() + EXPIRES_AFTER_MS),
    };
    const cardVersion = (await standingOf(tx, subjectOf(run)))?.wantedVersion ?? 0;
    await openApproval(tx, { ...bond, mac: bondMac(keys, bond), cardVersion });
    await callApprovers(tx, now, runner, bond);
    await record(tx, now, origin, run, {
      kind: "approval.asked",
      step: step.name,
      result: "asked",
      facts: factsOf(bond),
    });
  });
  pass("approval.asked", `${run.id}:${step.name}`);
}

/** Opens the step, or takes it up again under the epoch of now. */
async function openStep(
  tx: Transaction,
  now: Date,
  { run }: StepRunner,
  { name }: AskStep,
  { n }: StepPlace,
): Promise<void> {
  const { id: runId, epoch } = run;
  const key = randomUUID();
  await startStep(tx, now, { runId, epoch, n, name, kind: "ask", key, baseline: null });
}

/** As it will be read back, so that what is bound is what is stored. */
function storable<Value>(value: Value): Value {
  return JSON.parse(storableJson(value)) as Value;
}

/** Of the same thing only the newest question stands; two of them would be answered by one glance. */
async function supersede(tx: Transaction, now: Date, { run, origin }: StepRunner): Promise<void> {
  const about = { target: run.target, operation: run.operation, otherThan: run.id };
  for (const { runId } of await openQuestionsAbout(tx, about)) {
    const older = await findRun(tx, runId, "for update");
    if (!older) continue;
    await endAsking(tx, now, origin, older, {
      approval: "superseded",
      run: "refused",
      actor: run.actor,
      changed: [`${runName(run.id)} asks for the same, newer.`],
    });
  }
}

async function refuseTooMany(tx: Transaction, now: Date, { run }: StepRunner): Promise<void> {
  const place = await standingOf(tx, subjectOf(run));
  const open = place ? await openQuestionsIn(tx, place.chatId) : 0;
  if (open >= OPEN_IN_CHAT_AT_MOST) {
    throw new Refusal("stale", [
      `${open} questions stand open in this chat already; answer or withdraw one of them first.`,
    ]);
  }
  // A rule asks as often as people tap on its alert, so it has the measure of a person.
  const since = new Date(now.getTime() - HOUR_MS);
  const asked = await questionsAskedBy(tx, run.actor, since);
  if (asked >= ASKED_PER_HOUR_AT_MOST) {
    throw new Refusal("stale", [
      `${run.actor.name} has asked ${asked} times within the hour, which is as often as people can be asked.`,
    ]);
  }
}

/** Uses a yes: everything that it rests on is looked at again, and it and the step end in one transaction. */
async function use(runner: StepRunner, step: AskStep, place: StepPlace): Promise<Json> {
  const { run, origin, lease, stop, asking } = runner;
  const keys = await asking.keys();
  const signal = AbortSignal.any([stop, lease.lost, lease.cancelled]);
  // Nothing is taken from anybody before the yes is known to be one, and to hold by what stands there now.
  const { observed: asked } = await fencedOnTarget(runner, async (tx, now) => {
    const approval = await demandYes(tx, now, runner, place, keys);
    await openStep(tx, now, runner, step, place);
    return approval;
  });
  if (await isInTheWay(runner)) demandSame(asked, await observeAgain(runner, step, place, signal));
  await freeTarget(runner, place.n, signal);
  const observed = await observeAgain(runner, step, place, signal);
  const result = await fencedOnTarget(runner, async (tx, now) => {
    const approval = await demandYes(tx, now, runner, place, keys);
    demandSame(approval.observed, observed);
    await takeTarget(tx, run);
    if (!(await consume(tx, now, approval.id))) throw new Refusal("expired", [TOO_LATE]);
    const votes = await votesOf(tx, approval.id);
    const approvedBy = votes.map(({ name }) => name);
    await endStep(
      tx,
      now,
      { runId: run.id, n: place.n },
      { state: "done", result: { approvedBy } },
    );
    await stateChanged(tx, now, subjectOf(run));
    const isOwn = votes.some((vote) => isRequester(run.actor, vote));
    await record(tx, now, origin, run, {
      kind: "approval.used",
      step: step.name,
      result: "used",
      facts: {
        ...factsOf(approval),
        "approved-by": approvedBy.join(", "),
        ...(isOwn ? { "self-approved": "yes" } : {}),
      },
    });
    return { approvedBy };
  });
  pass("approval.used", `${run.id}:${step.name}`);
  pass("step.closed", `${run.id}:${step.name}`);
  return result;
}

const TOO_LATE = "The yes was not used within its time.";

/**
 * The yes, proved, while what is done by it can be shown in the evidence.
 *
 * @throws {Refusal} when it does not hold any more
 */
async function demandYes(
  tx: Transaction,
  now: Date,
  { run, asking }: StepRunner,
  place: StepPlace,
  keys: ApprovalKeys,
): Promise<Approval> {
  const approval = await approvalOfStep(tx, run.id, place.n, "for update");
  if (approval?.state !== "approved") throw new StepFailure("There is no yes to use.");
  if (now >= approval.expiresAt) throw new Refusal("expired", [TOO_LATE]);
  const why = await whyNotUsable(tx, { approval, run, target: asking.target, keys });
  if (why !== undefined) throw new Refusal("stale", [why]);
  const standing = evidenceStanding(await fileOf(tx, run.target), now);
  if (standing.kind === "stuck" && !asking.operation.urgent) {
    throw new Refusal("stale", [
      `What it does could not be shown in the evidence file. ${standing.words}`,
    ]);
  }
  return approval;
}

/** Says what is no longer as it was when it was asked. */
function demandSame(before: Facts, after: Facts): void {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const [first, ...others] = names
    .filter((name) => before[name] !== after[name])
    .map(
      (name) =>
        `${name} was ${before[name] ?? "not there"} and is now ${after[name] ?? "not there"}.`,
    );
  if (first !== undefined) throw new Refusal("stale", [first, ...others]);
}

async function observeAgain(
  runner: StepRunner,
  step: AskStep,
  place: StepPlace,
  signal: AbortSignal,
): Promise<Facts> {
  const deadline = AbortSignal.timeout(step.timeoutMs);
  const context = {
    signal: AbortSignal.any([signal, deadline]),
    run: runName(runner.run.id),
    key: place.journalled?.key ?? "",
    results: place.results,
    report: () => {},
  };
  for (let look = 1; ; look += 1) {
    try {
      return storable(await untilAborted(step.observe(context), context.signal));
    } catch (error) {
      if (signal.aborted || error instanceof Interruption) throw error;
      const mayPass = error instanceof SystemError && error.kind === "unreachable";
      if (mayPass && look < LOOKS_AT_MOST && !deadline.aborted) continue;
      const why = runner.origin.scrub(error instanceof Error ? error.message : String(error));
      throw new Refusal("stale", [`What it rests on could not be looked at again: ${why}`]);
    }
  }
}
