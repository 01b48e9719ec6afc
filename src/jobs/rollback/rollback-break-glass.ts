import { line, type Card } from "../../core/card.ts";
import type { Json } from "../../core/json.ts";
import { slotTime } from "../../core/moment.ts";
import type { Operator } from "../../core/operator.ts";
import { shortCommit } from "../../core/release.ts";
import { parseRunName } from "../../core/run-name.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { answer, type Place } from "../../storage/outbox.ts";
import { askReview } from "../../storage/review.ts";
import { findRun, type Run } from "../../storage/run.ts";
import { subjectOf, type RecordEvent } from "../engine/run-record.ts";
import type { Checkpointer } from "../evidence/checkpointer.ts";
import type { Caller } from "../watch/calling.ts";

const HOUR_MS = 3_600_000;
/** So long may it take until somebody else has looked at it. */
const REVIEWED_WITHIN_MS = 24 * HOUR_MS;

export type BreakGlassParts = {
  readonly database: Database;
  readonly target: string;
  readonly timeZone: string;
  /** Where the target is talked about. */
  readonly place: Place;
  readonly operators: readonly Operator[];
  readonly caller: Pick<Caller, "call">;
  readonly checkpointer: Pick<Checkpointer, "sign">;
  readonly record: RecordEvent;
  readonly onError: (error: unknown, during: string) => void;
};

/** Tells everybody that somebody acts alone, and has it signed, before anything is done. */
export type TellOfBrokenGlass = (about: {
  readonly run: string;
  readonly to: string;
  readonly why: string;
}) => Promise<Json>;

/**
 * The word in the group, a message to every operator, a call where there is a second path, and the review that somebody
 * else owes: one transaction, so that whoever goes on after a crash tells nobody twice and leaves nobody out.
 */
export function createBreakGlassWord(parts: BreakGlassParts): TellOfBrokenGlass {
  return async ({ run: name, to, why }) => {
    const runId = parseRunName(name);
    if (runId === undefined) throw new Error(`${name} is no name of a run.`);
    const told = await parts.database.transaction(async (tx, now) => {
      const run = await findRun(tx, runId);
      if (!run) throw new Error(`There is no ${name}.`);
      const dueAt = new Date(now.getTime() + REVIEWED_WITHIN_MS);
      const { target, record } = parts;
      const actedBy = run.actor;
      if (!(await askReview(tx, now, { runId, target, actedBy, reason: why, dueAt }))) return false;
      await tellAll(
        tx,
        now,
        parts,
        run,
        wordOf(parts, { name, to, why, by: actedBy.name, now, dueAt }),
      );
      await record(tx, now, {
        operation: run.operation,
        cause: name,
        actor: actedBy,
        event: {
          kind: "review.asked",
          result: "asked",
          facts: { run: name, why, until: dueAt.toISOString() },
        },
      });
      return true;
    });
    // A signature that cannot be made now is made as soon as it can be; a rollback in the night does not wait for it.
    const signing = await parts.checkpointer.sign().catch((error: unknown) => {
      parts.onError(error, `signing the log for ${name}`);
      return { kind: "failed" };
    });
    return { told, signing: signing.kind };
  };
}

async function tellAll(
  tx: Transaction,
  now: Date,
  { operators, place, caller, target }: BreakGlassParts,
  run: Run,
  card: Card,
): Promise<void> {
  const about = `broken-glass:${run.id}`;
  await answer(tx, now, `word:${about}`, place, card, { replyToSubject: subjectOf(run) });
  for (const { telegram } of operators) {
    const alone = { chatId: telegram, topicId: undefined, replyTo: undefined };
    await answer(tx, now, `word:${about}:private:${telegram}`, alone, card);
  }
  await caller.call(tx, now, {
    once: about,
    about,
    kind: "fired",
    target,
    severity: "page",
    what: `${run.actor.name} broke the glass: ${run.operation} without a second person`,
    people: operators,
  });
}

function wordOf(
  { target, timeZone }: BreakGlassParts,
  given: {
    readonly name: string;
    readonly to: string;
    readonly why: string;
    readonly by: string;
    readonly now: Date;
    readonly dueAt: Date;
  },
): Card {
  const { name, to, why, by, now, dueAt } = given;
  return {
    title: `🚨 ${target} · ${by} broke the glass`,
    parts: [
      line(`Rolling back to ${shortCommit(to)} without a second person.`),
      line(`Why: ${why}`),
      line(`Somebody else looks at it until ${slotTime(dueAt, now, timeZone)}: `, {
        code: `/review ${name} "what you found"`,
      }),
    ],
    actions: [[{ label: "Details", command: `runs ${name}` }]],
  };
}
