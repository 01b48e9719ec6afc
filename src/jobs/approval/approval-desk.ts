import { line, type Card } from "../../core/card.ts";
import { clockTime } from "../../core/moment.ts";
import { runName } from "../../core/run-name.ts";
import { pause } from "../../core/waiting.ts";
import {
  markAllPosted,
  markReminded,
  newestApproval,
  questionsDue,
  type Approval,
} from "../../storage/approval.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { answer } from "../../storage/outbox.ts";
import { findRun, isAsking } from "../../storage/run.ts";
import type { RecordOrigin } from "../engine/run-record.ts";
import { approversOf, isOwnAffair } from "./approval-call.ts";
import { endAsking, endQuestion } from "./approval-end.ts";
import { spokenText } from "./approval-facts.ts";
import type { AskedTarget } from "./asking.ts";

const LOOK_EVERY_MS = 1_000;
/** Whom the group does not reach within this time is told in private. */
const REMINDS_AFTER_MS = 2 * 60_000;

export type QuestionDesk = {
  /** The runs whose questions nobody answered in time, or nobody seems to have seen. */
  due(tx: Transaction, now: Date): Promise<readonly string[]>;
  /** Ends such a question, or tells those in private who may answer it. */
  tend(tx: Transaction, now: Date, runId: string): Promise<void>;
};

/** Looks after questions that stand open, until the signal. */
export async function keepQuestions(
  parts: {
    readonly database: Database;
    readonly questions: QuestionDesk;
    readonly onError: (error: unknown, during: string) => void;
  },
  signal: AbortSignal,
): Promise<void> {
  const { database, questions, onError } = parts;
  while (!signal.aborted) {
    try {
      await database.transaction(markAllPosted);
      for (const runId of await database.transaction(questions.due)) {
        await database
          .transaction(async (tx, now) => questions.tend(tx, now, runId))
          .catch((error: unknown) => onError(error, `tending what ${runName(runId)} asks`));
      }
    } catch (error) {
      onError(error, "tending questions");
    }
    await pause(LOOK_EVERY_MS, signal);
  }
}

export function createQuestionDesk({
  origin,
  targetOf,
}: {
  readonly origin: RecordOrigin;
  readonly targetOf: (name: string) => DeskTarget | undefined;
}): QuestionDesk {
  return {
    due: async (tx, now) => questionsDue(tx, now, new Date(now.getTime() - REMINDS_AFTER_MS)),
    async tend(tx, now, runId) {
      const run = await findRun(tx, runId, "for update");
      const approval = await newestApproval(tx, runId, "for update");
      if (!run || (approval?.state !== "draft" && approval?.state !== "posted")) return;
      // Ended past its question, as when an older database was restored under it.
      if (!(await isAsking(tx, runId))) {
        const changed = [`${runName(runId)} has ended: ${run.reason ?? run.state}.`];
        return endQuestion(tx, now, origin, run, { approval: "stale", changed });
      }
      if (now >= approval.expiresAt) {
        const changed = ["Nobody answered in time."];
        const end = { approval: "expired", run: "expired", changed } as const;
        return endAsking(tx, now, origin, run, end);
      }
      const target = targetOf(run.target);
      if (!target || !(await markReminded(tx, now, approval.id))) return;
      if (!isOwnAffair(approval)) await remind(tx, now, target, approval);
    },
  };
}

type DeskTarget = Pick<AskedTarget, "operators" | "rosterAt"> & { readonly timeZone: string };

/** A word in private reaches who has muted the group; it has no buttons, so that nobody answers past the card. */
async function remind(
  tx: Transaction,
  now: Date,
  target: DeskTarget,
  approval: Approval,
): Promise<void> {
  const card = reminder(approval, now, target.timeZone);
  for (const { telegram } of await approversOf(tx, now, target, approval)) {
    const subject = `word:run:${approval.runId}:${approval.n}:private:${telegram}`;
    await answer(
      tx,
      now,
      subject,
      { chatId: telegram, topicId: undefined, replyTo: undefined },
      card,
    );
  }
}

function reminder(approval: Approval, now: Date, timeZone: string): Card {
  const { target, operation, requester, parameters, runId, expiresAt } = approval;
  return {
    title: `🔐 ${target} · ${operation} needs a yes`,
    parts: [
      line(`${requester.name} asks: ${spokenText(parameters)}`),
      line(`The card of ${runName(runId)} in the ops group has the buttons.`),
      line({ faint: `until ${clockTime(expiresAt, now, timeZone)}` }),
    ],
    actions: [],
  };
}
