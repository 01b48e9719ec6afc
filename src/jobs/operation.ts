import type { z } from "zod";

import type { ApprovalView, Facts, Question } from "../core/approval.ts";
import type { Card, CardPart } from "../core/card.ts";
import type { Json } from "../core/json.ts";
import type { Transaction } from "../storage/database.ts";
import type { JournalledStep } from "../storage/run-step.ts";
import type { Run } from "../storage/run.ts";

export type StepContext = {
  /** Aborts on cancel, on a lost lease, at the step's deadline and when the process stops. */
  readonly signal: AbortSignal;
  /** The run's name, such as R-7. */
  readonly run: string;
  /** The same for every attempt of this step, for outside systems that take an idempotency key. */
  readonly key: string;
  /** The results of the steps before, by name. */
  readonly results: Results;
  /** Brings the step's row, and with it the card, up to date; calls in quick succession are merged. */
  report(progress: Json): void;
};

export type Results = Readonly<Record<string, Json>>;

/** What a look finds out about an effect: it is there, it is surely not there, or nobody can tell. */
export type Occurrence =
  | { readonly kind: "happened"; readonly result: Json }
  | { readonly kind: "absent" }
  | { readonly kind: "unclear"; readonly reason: string };

type StepParts = {
  readonly name: string;
  readonly timeoutMs: number;
  /** Whether there is anything to do after what came before; left out, neither journalled nor recorded, when not. */
  applies?(results: Results): boolean;
  /** The checks that this step may well upset: until its deadline they are no alerts. */
  readonly disturbs?: readonly string[];
  /** What goes on outside although the run is cancelled while this step is under way; left out when nothing does. */
  readonly whenCancelled?: string;
  /**
   * Done also after the run has failed or was cancelled, as far as it applies: it leads back from what is half done. A
   * question that ends without a yes ends the run at once, so what stands before one has to be fit to stay.
   */
  readonly leadsBack?: boolean;
};

/** Reads only: may be repeated at will. */
export type LookStep = StepParts & {
  readonly kind: "look";
  look(context: StepContext): Promise<Json>;
};

/** Has an effect outside: is done once, and after any doubt looked for before it is done again. */
export type ActStep = StepParts & {
  readonly kind: "act";
  /** What `observe` needs to tell the effect from what was there before; journalled before the act. */
  baseline?(context: StepContext): Promise<Json>;
  observe(context: StepContext & { readonly baseline: Json }): Promise<Occurrence>;
  act(context: StepContext & { readonly baseline: Json }): Promise<Json>;
  /** The word that the evidence keeps of a result: `ok`, unless an act may end and not have gone well. */
  outcomeOf?(result: Json): string;
};

/**
 * Waits until people have said yes to exactly what is asked. Nothing that comes behind it is done before, and what was
 * seen when they were asked must still be so when their yes is used. Its result says who approved.
 */
export type AskStep = StepParts & {
  readonly kind: "ask";
  /** What is asked, by what was seen before; the same answer for everybody who reads the same journal. */
  question(results: Results): Question;
  /** Looks again at all that the question's `observed` tells, by the same names. */
  observe(context: StepContext): Promise<Facts>;
};

export type Step = LookStep | ActStep | AskStep;

/** What all steps together came to. The run's state speaks of the run; the verdict speaks of the target. */
export type Conclusion = {
  readonly verdict: string;
  /** What the evidence keeps; an allow-list, so nothing else gets in. */
  readonly facts: Readonly<Record<string, string>>;
};

/** A run as a card draws it. */
export type RunView<Input> = {
  readonly run: Run;
  readonly input: Input;
  readonly steps: readonly JournalledStep[];
  /** What the operation keeps of the run in rows of its own; null where it keeps nothing. */
  readonly kept?: Json;
  /** The newest question that the run has asked, however it ended; undefined before it asked any. */
  readonly approval?: ApprovalView | undefined;
  readonly now: Date;
  readonly timeZone: string;
};

type OperationParts<Schema extends z.ZodType> = {
  readonly name: string;
  readonly summary: string;
  readonly effect: "read" | "mutate";
  /**
   * Cannot wait until the evidence can be written to its file again, nor for a change that is under way, which it cancels
   * once it is approved: a rollback in the night.
   */
  readonly urgent?: boolean;
  readonly input: Schema;
  steps(input: z.output<Schema>): readonly Step[];
  conclude(input: z.output<Schema>, results: Results): Conclusion;
  /** The command line that asks for the same once more, for the button of a question that ended without an answer. */
  again?(input: z.output<Schema>): string;
  /** Reads what its card shows beside the journal, such as who ticked what. */
  keeps?(tx: Transaction, runId: string): Promise<Json>;
  /** The live card, twelve lines at most before its folded part. */
  card(view: RunView<z.output<Schema>>): Card;
  /** Everything that the run saw, for whoever opens the details. */
  details(view: RunView<z.output<Schema>>): readonly CardPart[];
};

/** Something Flightdeck does, with its input already understood by whoever calls. */
export type Operation = {
  readonly name: string;
  readonly summary: string;
  readonly effect: "read" | "mutate";
  readonly urgent: boolean;
  steps(input: Json): readonly Step[];
  conclude(input: Json, results: Results): Conclusion;
  again(input: Json): string | undefined;
  keeps(tx: Transaction, runId: string): Promise<Json>;
  card(view: RunView<Json>): Card;
  details(view: RunView<Json>): readonly CardPart[];
};

/** Closes over the schema of the input: handlers are typed, the list of operations is homogeneous. */
export function defineOperation<Schema extends z.ZodType>(
  parts: OperationParts<Schema>,
): Operation {
  const typed = (view: RunView<Json>): RunView<z.output<Schema>> => ({
    ...view,
    input: parts.input.parse(view.input),
  });
  return {
    name: parts.name,
    summary: parts.summary,
    effect: parts.effect,
    urgent: parts.urgent ?? false,
    steps: (input) => parts.steps(parts.input.parse(input)),
    conclude: (input, results) => parts.conclude(parts.input.parse(input), results),
    again: (input) => parts.again?.(parts.input.parse(input)),
    keeps: async (tx, runId) => (await parts.keeps?.(tx, runId)) ?? null,
    card: (view) => parts.card(typed(view)),
    details: (view) => parts.details(typed(view)),
  };
}
