import type { Actor } from "../../core/actor.ts";
import type { EntryDraft } from "../../core/entry.ts";
import { runName } from "../../core/run-name.ts";
import type { Transaction } from "../../storage/database.ts";
import { append } from "../../storage/evidence.ts";
import type { Run } from "../../storage/run.ts";

/** Where and by what entries are written: the same for all entries of a process. */
export type RecordOrigin = {
  readonly build: string;
  readonly instance: string;
  /** Knows the very secrets of this process; the last net of storage knows only their shapes. */
  readonly scrub: (text: string) => string;
};

type RunEvent = {
  readonly kind: EntryDraft["kind"];
  readonly step?: string | undefined;
  readonly result?: string | undefined;
  readonly actor?: Actor | undefined;
  readonly facts?: Readonly<Record<string, string>> | undefined;
  /** Tells events apart that the same step may have several of, such as the votes of several people. */
  readonly one?: string | undefined;
};

/** Writes down one event of a run's life; the same event of the same run is written once. */
export async function record(
  tx: Transaction,
  now: Date,
  origin: RecordOrigin,
  run: Run,
  event: RunEvent,
): Promise<void> {
  // A decision may be asked for more than once in a run's life, each time under another epoch.
  const turn = event.kind === "run.unknown" || event.kind === "run.decision" ? run.epoch : 0;
  const once = `run-${run.id}:${event.step ?? ""}:${event.kind}:${event.one ?? turn}`;
  await append(tx, now, run.target, once, {
    kind: event.kind,
    target: run.target,
    actor: event.actor ?? run.actor,
    operation: run.operation,
    run: runName(run.id),
    ...(event.step === undefined ? {} : { step: event.step }),
    ...(event.result === undefined ? {} : { result: event.result }),
    config: run.configHash,
    build: origin.build,
    instance: origin.instance,
    facts: scrubbed(event.facts ?? {}, origin),
  });
}

/** What a command did or showed that is no run and is worth keeping all the same. */
export type CommandEvent = {
  readonly kind:
    | "status.read"
    | "secret.supplied"
    | "operator.locked"
    | "operator.unlocked"
    | "config.changed"
    | "slot.missed"
    | "log.repaired"
    | "log.adopted"
    | "key.rotated"
    | "checkpoint.posted"
    | "alert.acknowledged"
    | "silence.set"
    | "silence.ended"
    | "backup.deleted"
    | "review.asked"
    | "review.given";
  readonly result: string;
  readonly facts: Readonly<Record<string, string>>;
};

/** Writes down what a command did; the same cause writes the same kind once. */
export async function recordCommand(
  tx: Transaction,
  now: Date,
  origin: RecordOrigin,
  command: {
    readonly target: string;
    readonly config: string;
    readonly operation: string;
    readonly cause: string;
    readonly actor: Actor;
    readonly event: CommandEvent;
  },
): Promise<void> {
  const { target, config, operation, cause, actor, event } = command;
  await append(tx, now, target, `${event.kind}:${cause}`, {
    kind: event.kind,
    target,
    actor,
    operation,
    cause,
    result: event.result,
    config,
    build: origin.build,
    instance: origin.instance,
    facts: scrubbed(event.facts, origin),
  });
}

/** How a part of one target writes down what it did; who wrote it, and by which configuration, is added. */
export type RecordEvent = (
  tx: Transaction,
  now: Date,
  done: {
    readonly operation: string;
    readonly cause: string;
    readonly actor: Actor;
    readonly event: CommandEvent;
  },
) => Promise<void>;

function scrubbed(
  facts: Readonly<Record<string, string>>,
  { scrub }: RecordOrigin,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(facts).map(([name, fact]) => [name, scrub(fact)]));
}

/** The subject under which a run's card stands in the outbox. */
export function subjectOf(run: { readonly id: string }): string {
  return `run:${run.id}`;
}
