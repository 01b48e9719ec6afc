import type { Actor } from "../core/actor.ts";
import type { ApprovalKeys } from "../core/approval-bond.ts";
import { addressedTo, line, type Card, type CardPart } from "../core/card.ts";
import { Interruption } from "../core/interruption.ts";
import type { Json } from "../core/json.ts";
import { runName } from "../core/run-name.ts";
import { pass } from "../core/trace.ts";
import type { Database, Transaction } from "../storage/database.ts";
import { fileOf } from "../storage/evidence-file.ts";
import { openSubject, stateChanged, type Place } from "../storage/outbox.ts";
import { clearStep, endStep, stepsOf, type JournalledStep } from "../storage/run-step.ts";
import {
  admitRun,
  claimRun,
  endRun,
  findRun,
  holdsLease,
  holdsTarget,
  releaseLease,
  resumeRun,
  type Run,
  type RunAdmission,
  type RunOutcome,
} from "../storage/run.ts";
import { SystemError } from "../systems/system-error.ts";
import { stopRun } from "./approval-cancel.ts";
import { createQuestionDesk } from "./approval-desk.ts";
import { endQuestion, type QuestionEnd } from "./approval-end.ts";
import { whyNotGoneOn } from "./approval-proof.ts";
import { approvalViewOf } from "./approval-view.ts";
import { hear, type Ballot, type Heard } from "./approval-vote.ts";
import type { AskedTarget } from "./asking.ts";
import { whatStopMeans, type Stopping } from "./cancel-words.ts";
import { evidenceStanding, type EvidenceStanding } from "./evidence-standing.ts";
import { holdLease } from "./lease.ts";
import type { Operation, RunView, Step } from "./operation.ts";
import { record, recordCommand, subjectOf, type RecordOrigin } from "./run-record.ts";
import type { EngineSettings } from "./settings.ts";
import { Refusal, StepFailure, Suspension } from "./step-end.ts";
import { performStep, suspend, type StepRunner } from "./step-runner.ts";
import { seizeTarget, waitingWords } from "./target-taking.ts";

/** A run that was claimed this often and never ended is beyond help by more tries. */
const CLAIM_LIMIT = 50;

/** What the engine needs to know of a target to execute its runs. */
export type EngineTarget = AskedTarget & {
  readonly operations: readonly Operation[];
  readonly timeZone: string;
  /** Where it is talked about. */
  readonly place: Place;
};

export type EngineParts = {
  readonly database: Database;
  readonly targets: ReadonlyMap<string, EngineTarget>;
  readonly settings: EngineSettings;
  readonly origin: RecordOrigin;
  /** What answers to questions are known by. */
  readonly approvals: { readonly botId: number; readonly keys: () => Promise<ApprovalKeys> };
  readonly onError: (error: unknown, during: string) => void;
};

export type RunOrder = {
  readonly target: string;
  readonly operation: string;
  readonly input: Json;
  readonly cause: string;
  readonly actor: Actor;
  /** Where its card goes; none for a run that is watched elsewhere. */
  readonly place?: Place | undefined;
};

/** What became of an order; a refused one made no run. */
export type Admission = RunAdmission | { readonly kind: "refused"; readonly message: string };

/** What a person says of an effect that is in doubt. */
export type Decision = "happened" | "retry" | "abort";

export type Engine = ReturnType<typeof createEngine>;

/**
 * Executes runs. Anybody may call `execute` for any run at any time, as often as they like: the journal in the database
 * decides who really does, and what is left to do.
 */
export function createEngine(parts: EngineParts) {
  const { database, origin, settings } = parts;
  const targetNamed = (name: string): EngineTarget => {
    const target = parts.targets.get(name);
    if (!target) throw new Error(`This process does not serve the target "${name}".`);
    return target;
  };
  const knows = (of: { readonly target: string; readonly operation: string }): boolean =>
    parts.targets.get(of.target)?.operations.some((one) => one.name === of.operation) ?? false;
  const operationOf = (of: { readonly target: string; readonly operation: string }): Operation => {
    const operation = targetNamed(of.target).operations.find((one) => one.name === of.operation);
    if (!operation) throw new Error(`This version knows no operation "${of.operation}".`);
    return operation;
  };

  return {
    /** Commits a run, and the intent of one that will have effects; whoever is first to see it executes it. */
    async admit(tx: Transaction, now: Date, order: RunOrder): Promise<Admission> {
      const operation = operationOf(order);
      const standing = evidenceStanding(await fileOf(tx, order.target), now);
      if (standing.kind === "stuck" && operation.effect === "mutate" && !operation.urgent) {
        return { kind: "refused", message: refusalOf(operation, standing) };
      }
      const admission = await admitRun(tx, now, {
        target: order.target,
        operation: operation.name,
        input: order.input,
        mutating: operation.effect === "mutate",
        holds: operation.effect === "mutate" && !asksFirst(operation.steps(order.input)),
        cause: order.cause,
        actor: order.actor,
        configHash: targetNamed(order.target).configHash,
      });
      if (admission.kind !== "created") return admission;
      if (order.place) await openSubject(tx, now, subjectOf(admission.run), order.place);
      if (operation.effect === "mutate") {
        await record(tx, now, origin, admission.run, { kind: "run.intent" });
      }
      return admission;
    },

    /** Executes a run as far as it can be; returns without a word when it is somebody else's or has ended. */
    async execute(runId: string, stop: AbortSignal): Promise<void> {
      if (stop.aborted) return;
      const run = await database.transaction(async (tx, now) => {
        const waiting = await findRun(tx, runId);
        // A process of another version or configuration leaves what it does not know to those who do.
        if (!waiting || !knows(waiting)) return undefined;
        return claimRun(tx, now, { runId, owner: origin.instance, leaseMs: settings.lease });
      });
      if (!run) return;
      pass("run.claimed", run.id);
      const claim = { runId: run.id, epoch: run.epoch };
      await using lease = holdLease(database, claim, settings.lease, (error) =>
        parts.onError(error, `renewing the lease of ${runName(run.id)}`),
      );
      using stopping = stoppingWith(stop);
      const target = targetNamed(run.target);
      const asking = { operation: operationOf(run), keys: parts.approvals.keys, target };
      const { place } = target;
      const { signal } = stopping;
      const runner: StepRunner = { database, origin, run, lease, place, asking, stop: signal };
      try {
        await finish(run, await performAll(runner));
      } catch (error) {
        if (error instanceof Suspension) return;
        if (error instanceof Interruption && error.because === "fenced") return;
        if (error instanceof Interruption && error.because === "stopping") {
          await database.transaction(async (tx, now) => releaseLease(tx, now, claim));
          return;
        }
        parts.onError(error, `executing ${runName(run.id)}`);
        // Without the database nothing can be said; the lease runs out and somebody tries again.
        if (error instanceof SystemError && error.system === "storage") return;
        await giveUp(runner, `Flightdeck itself failed: ${origin.scrub(String(error))}`);
      }
    },

    /** Asks a run to stop where it can; one that waits for people ends. False: it had ended already. */
    async cancel(tx: Transaction, now: Date, runId: string, actor?: Actor): Promise<boolean> {
      return stopRun(tx, now, origin, { id: runId }, actor);
    },

    /** Looks after the questions that stand open. */
    questions: createQuestionDesk({ origin, targetOf: (name) => parts.targets.get(name) }),

    /** What cancelling a run would mean now; undefined when this version does not know its operation. */
    async stopMeaning(tx: Transaction, run: Run): Promise<Stopping | undefined> {
      if (!knows(run)) return undefined;
      return whatStopMeans(run, operationOf(run).steps(run.input), await stepsOf(tx, run.id));
    },

    /** What somebody says to the question of a run. */
    async hear(tx: Transaction, now: Date, ballot: Ballot): Promise<Heard> {
      const targetOf = (name: string): EngineTarget | undefined => parts.targets.get(name);
      return hear(tx, now, { ...parts.approvals, origin, targetOf }, ballot);
    },

    /** A person's word on an effect in doubt, an entry of its own. False: nothing is in doubt any more. */
    async decide(
      tx: Transaction,
      now: Date,
      runId: string,
      decision: Decision,
      actor: Actor,
      turn: number | undefined,
    ): Promise<boolean> {
      const run = await findRun(tx, runId, "for update");
      const doubtful = (await stepsOf(tx, runId)).find((step) => step.state === "unknown");
      if (run?.state !== "unknown" || !doubtful) return false;
      // A button of an earlier doubt must not decide a later one.
      if (turn !== undefined && turn !== run.epoch) return false;
      if (decision === "happened") {
        const end = { state: "done", result: { decidedBy: actor.name } } as const;
        await endStep(tx, now, { runId, n: doubtful.n }, end);
      }
      if (decision === "retry") await clearStep(tx, runId);
      if (decision === "abort") {
        const reason = `given up by ${actor.name} with an effect in doubt`;
        await endRun(tx, now, runId, { state: "failed", reason });
      } else {
        await resumeRun(tx, runId);
      }
      await stateChanged(tx, now, subjectOf(run));
      await record(tx, now, origin, run, { kind: "run.decision", result: decision, actor });
      if (decision !== "retry") {
        const result = decision === "happened" ? "ok" : "unknown";
        const step = doubtful.name;
        await record(tx, now, origin, run, { kind: "step.outcome", step, result, actor });
      }
      if (decision === "abort") {
        await record(tx, now, origin, run, { kind: "run.result", result: "failed", actor });
      }
      return true;
    },

    /** Writes down what a command did that is no run. */
    async recordCommand(
      tx: Transaction,
      now: Date,
      command: Omit<Parameters<typeof recordCommand>[3], "config">,
    ): Promise<void> {
      const config = targetNamed(command.target).configHash;
      await recordCommand(tx, now, origin, { ...command, config });
    },

    /** Writes down what became of a run after its end, as when people have ticked what it left to them. */
    async recordAfterwards(
      tx: Transaction,
      now: Date,
      run: Run,
      event: Parameters<typeof record>[4],
    ): Promise<void> {
      await record(tx, now, origin, run, event);
    },

    /** The card of a run as it stands; undefined when this version does not know its operation. */
    async cardOf(tx: Transaction, now: Date, runId: string): Promise<Card | undefined> {
      const known = await viewOf(tx, now, runId);
      if (!known) return undefined;
      const { operation, view } = known;
      const drawn = view.run.state === "unknown" ? doubtCard(view.run) : operation.card(view);
      const standing = evidenceStanding(await fileOf(tx, view.run.target), now);
      const card = withBanner(withBanner(drawn, waitingWords(view.steps)), evidenceWords(standing));
      return parts.targets.size > 1 ? addressedTo(view.run.target, card) : card;
    },

    /** All that a run saw, as its operation tells it. */
    async detailsOf(tx: Transaction, now: Date, runId: string): Promise<readonly CardPart[]> {
      const known = await viewOf(tx, now, runId);
      return known?.operation.details(known.view) ?? [];
    },
  };

  async function viewOf(
    tx: Transaction,
    now: Date,
    runId: string,
  ): Promise<{ readonly operation: Operation; readonly view: RunView<Json> } | undefined> {
    const run = await findRun(tx, runId);
    const target = run && parts.targets.get(run.target);
    const operation = target?.operations.find((one) => one.name === run?.operation);
    if (!run || !target || !operation) return undefined;
    const steps = await stepsOf(tx, runId);
    const kept = await operation.keeps(tx, runId);
    const again = operation.again(run.input);
    const approval = await approvalViewOf(tx, runId, { ...parts.approvals, again });
    const { timeZone } = target;
    const view = { run, input: run.input, steps, kept, approval, now, timeZone };
    return { operation, view };
  }

  async function performAll(runner: StepRunner): Promise<Ending> {
    const { run } = runner;
    const operation = operationOf(run);
    const steps = operation.steps(run.input);
    const { journal, holds } = await database.transaction(async (tx) => ({
      journal: await stepsOf(tx, run.id),
      holds: await holdsTarget(tx, run.id),
    }));
    const obstacle = obstacleTo(run, steps, journal, holds) ?? (await missingYes(runner, journal));
    if (obstacle !== undefined) {
      await giveUp(runner, obstacle);
      throw new Suspension(obstacle);
    }
    const results: Record<string, Json> = {};
    let mayChange = holds || !run.mutating;
    let ending = steps.some(leadsBack) ? endedBefore(steps, journal) : undefined;
    for (const [n, step] of steps.entries()) {
      const journalled = journal.find((earlier) => earlier.n === n);
      if (journalled?.state === "done") {
        results[step.name] = journalled.result;
        continue;
      }
      // What is in doubt is looked for even when the run is to stop: a stop must not hide an effect.
      if (run.cancelRequestedAt && !isOpenAct(journalled)) ending ??= cancelled();
      if (ending && !leadsBack(step)) continue;
      // A pure question to the results before, so whoever resumes the run comes to the same answer.
      if (!journalled && step.applies?.(results) === false) continue;
      try {
        if (!isOpenAct(journalled) && !ending) runner.lease.cancelled.throwIfAborted();
        runner.stop.throwIfAborted();
        // Where a question did not apply nobody has taken the target yet.
        if (step.kind === "act" && !mayChange) await seizeTarget(runner, n);
        mayChange ||= step.kind !== "look";
        results[step.name] = await performStep(runner, step, { n, journalled, results });
      } catch (error) {
        ending = withAnother(ending, endingBy(error));
        // A yes that does not hold was not used, and is not asked for again behind its back.
        if (error instanceof Refusal) return ending;
      }
    }
    return ending ?? { state: "ok", ...operation.conclude(run.input, results) };
  }

  /** Why a run must not be gone on with as it stands. */
  function obstacleTo(
    run: Run,
    steps: readonly Step[],
    journal: readonly JournalledStep[],
    holds: boolean,
  ): string | undefined {
    if (run.epoch > CLAIM_LIMIT) return `given up after ${CLAIM_LIMIT} attempts`;
    if (journal.some(({ n, name }) => steps[n]?.name !== name)) {
      return "its steps are not those of this version; ask again";
    }
    if (run.mutating && run.configHash !== targetNamed(run.target).configHash) {
      return "the configuration changed since it was asked; ask again";
    }
    const hadTarget = !asksFirst(steps) || journal.some(tookTarget);
    if (run.mutating && hadTarget && !holds) {
      return "another run has taken the target over";
    }
    return undefined;
  }

  /** Why what stands in the journal behind a question is not covered by a yes. */
  async function missingYes(
    { run, asking }: StepRunner,
    journal: readonly JournalledStep[],
  ): Promise<string | undefined> {
    if (!journal.some(({ kind }) => kind === "ask")) return undefined;
    const keys = await asking.keys();
    return database.transaction(async (tx, now) => whyNotGoneOn(tx, now, { run, journal, keys }));
  }

  /** Ends a run as failed, unless an effect is in doubt: then a person decides. */
  async function giveUp(runner: StepRunner, reason: string): Promise<void> {
    const { run } = runner;
    const journal = await database.transaction(async (tx) => stepsOf(tx, run.id));
    const open = journal.find(isOpenAct);
    if (open) return suspend(runner, open, open, reason);
    // Whose yes was not used yet has changed nothing, so nothing failed.
    const asks = journal.some(({ kind, state }) => kind === "ask" && state === "started");
    return finish(run, { state: asks ? "refused" : "failed", reason });
  }

  async function finish(run: Run, ending: Ending): Promise<void> {
    await database.transaction(async (tx, now) => {
      if (!(await holdsLease(tx, { runId: run.id, epoch: run.epoch }))) return;
      await endQuestion(tx, now, origin, run, ending.question ?? questionLeft(ending));
      await endRun(tx, now, run.id, ending);
      await stateChanged(tx, now, subjectOf(run));
      // What was intended and surely not done ends with that, so that no intent stays open.
      for (const { name: step } of (await stepsOf(tx, run.id)).filter(isCleared)) {
        await record(tx, now, origin, run, { kind: "step.outcome", step, result: "not done" });
      }
      const reason = ending.reason === undefined ? {} : { reason: ending.reason };
      await record(tx, now, origin, run, {
        kind: "run.result",
        result: ending.verdict ?? ending.state,
        facts: { ...ending.facts, ...reason },
      });
    });
    pass("run.ended", run.id);
  }
}

type Ending = {
  readonly state: RunOutcome;
  readonly verdict?: string;
  readonly reason?: string;
  readonly facts?: Readonly<Record<string, string>>;
  /** What becomes of a question that is open at the end. */
  readonly question?: QuestionEnd;
};

function leadsBack(step: Step | undefined): boolean {
  return step?.leadsBack === true;
}

/** How a run had failed already when the process ended that went on with it; it must not go forward again. */
function endedBefore(
  steps: readonly Step[],
  journal: readonly JournalledStep[],
): Ending | undefined {
  const failure = journal.find(({ state, n }) => state === "failed" && !leadsBack(steps[n]));
  if (failure) return { state: "failed", reason: failure.error ?? "No reason was recorded." };
  const goesBack = journal.some(({ n }) => leadsBack(steps[n]));
  return goesBack ? { state: "failed", reason: "It was led back." } : undefined;
}

/** What an error means for the run; what is no end of it is thrown on. */
function endingBy(error: unknown): Ending {
  if (error instanceof StepFailure) return { state: "failed", reason: error.message };
  if (error instanceof Refusal) return refusedBy(error);
  if (error instanceof Interruption && error.because === "cancelled") return cancelled();
  throw error;
}

/** The first reason stays the reason; a way back that fails is told beside it. */
function withAnother(first: Ending | undefined, then: Ending): Ending {
  if (!first) return then;
  const reason = `${first.reason ?? "It had ended."} Leading back failed too: ${then.reason}`;
  return { ...first, reason };
}

type Trouble = Exclude<EvidenceStanding, { readonly kind: "fine" }>;

function refusalOf({ name }: Operation, { words, wayOut }: Trouble): string {
  return `${name} is refused, because what it does could not be shown in the evidence file. ${words} ${wayOut}`;
}

/** Whoever reads a result is told when the evidence of it is not in the file. */
function evidenceWords(standing: EvidenceStanding): string | undefined {
  return standing.kind === "fine" ? undefined : `⚠️ evidence: ${standing.words}`;
}

function withBanner(card: Card, words: string | undefined): Card {
  return words === undefined ? card : { ...card, parts: [line(words), ...card.parts] };
}

/** An effect in doubt looks the same for every operation: what is not known, and the three things to say about it. */
function doubtCard(run: Run): Card {
  const name = runName(run.id);
  return {
    title: `❓ ${run.target} · ${run.operation} · did it happen?`,
    parts: [
      line(run.reason ?? "Nobody can tell what became of its last step."),
      line("Look for yourself, then say what you found. Nothing goes on until you do."),
      line({ faint: `${name} · ${run.actor.name}` }),
    ],
    actions: [
      [
        { label: "It happened", command: `decide ${name} happened ${run.epoch}` },
        { label: "It did not: retry", command: `decide ${name} retry ${run.epoch}` },
      ],
      [
        { label: "Give up", command: `decide ${name} abort ${run.epoch}`, style: "danger" },
        { label: "Details", command: `runs ${name}` },
      ],
    ],
  };
}

/** Whether nothing is changed before people have said yes. */
function asksFirst(steps: readonly Step[]): boolean {
  const ask = steps.findIndex(isAsk);
  const act = steps.findIndex(({ kind }) => kind === "act");
  return ask >= 0 && (act < 0 || ask < act);
}

function isAsk({ kind }: Step): boolean {
  return kind === "ask";
}

/** Whether a run can only have come this far as the one that may change its target. */
function tookTarget({ kind, state }: JournalledStep): boolean {
  return kind === "act" || (kind === "ask" && state === "done");
}

function refusedBy({ end, changed, message }: Refusal) {
  const state = end === "expired" ? ("expired" as const) : ("refused" as const);
  return { state, reason: message, question: { approval: end, changed } };
}

/** A question that is open when its run ends otherwise: somebody stopped it, or it cannot go on. */
function questionLeft({
  state,
  reason = "",
}: {
  readonly state: RunOutcome;
  readonly reason?: string;
}): QuestionEnd {
  return { approval: state === "cancelled" ? "revoked" : "stale", changed: [reason] };
}

function isCleared(step: JournalledStep): boolean {
  return step.state === "cleared";
}

function isOpenAct(step: JournalledStep | undefined): boolean {
  return step?.kind === "act" && (step.state === "started" || step.state === "unknown");
}

/** Whatever the reason to stop was elsewhere, to a run it means the same: hand over, do not fail. */
function stoppingWith(stop: AbortSignal): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  const onAbort = (): void =>
    controller.abort(new Interruption("stopping", "the process is stopping"));
  stop.addEventListener("abort", onAbort, { once: true });
  if (stop.aborted) onAbort();
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => stop.removeEventListener("abort", onAbort),
  };
}

function cancelled(): { readonly state: "cancelled"; readonly reason: string } {
  return { state: "cancelled", reason: "cancelled by an operator" };
}
