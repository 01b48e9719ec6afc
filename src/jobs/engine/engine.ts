import type { Actor } from "../../core/actor.ts";
import type { ApprovalKeys } from "../../core/approval-bond.ts";
import { Interruption } from "../../core/interruption.ts";
import type { Json } from "../../core/json.ts";
import { runName } from "../../core/run-name.ts";
import { pass } from "../../core/trace.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { fileOf } from "../../storage/evidence-file.ts";
import { openSubject, type Place } from "../../storage/outbox.ts";
import { stepsOf } from "../../storage/run-step.ts";
import {
  admitRun,
  claimRun,
  findRun,
  releaseLease,
  type Run,
  type RunAdmission,
} from "../../storage/run.ts";
import { SystemError } from "../../systems/system-error.ts";
import { stopRun } from "../approval/approval-cancel.ts";
import { createQuestionDesk } from "../approval/approval-desk.ts";
import { hear, type Ballot } from "../approval/approval-vote.ts";
import type { Heard } from "../approval/approval-word.ts";
import type { AskedTarget } from "../approval/asking.ts";
import { whatStopMeans, type Stopping } from "../approval/cancel-words.ts";
import { evidenceStanding, type EvidenceStanding } from "../evidence/evidence-standing.ts";
import type { Operation } from "../operation.ts";
import type { EngineSettings } from "../settings.ts";
import { holdLease } from "./lease.ts";
import { asksFirst, performRun } from "./perform-run.ts";
import { createRunCards } from "./run-cards.ts";
import { decideDoubt, type Decision } from "./run-doubt.ts";
import { endPerformed, giveUp } from "./run-end.ts";
import { record, recordCommand, subjectOf, type RecordOrigin } from "./run-record.ts";
import { Suspension } from "./step-end.ts";
import type { StepRunner } from "./step-runner.ts";

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
        await endPerformed(runner, await performRun(runner));
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
      return decideDoubt(tx, now, origin, { runId, decision, actor, turn });
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

    ...createRunCards(parts),
  };
}

type Trouble = Exclude<EvidenceStanding, { readonly kind: "fine" }>;

function refusalOf({ name }: Operation, { words, wayOut }: Trouble): string {
  return `${name} is refused, because what it does could not be shown in the evidence file. ${words} ${wayOut}`;
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
