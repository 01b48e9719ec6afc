import type { ApprovalKeys } from "../../core/approval-bond.ts";
import { addressedTo, line, type Card, type CardPart } from "../../core/card.ts";
import type { Json } from "../../core/json.ts";
import { runName } from "../../core/run-name.ts";
import type { Transaction } from "../../storage/database.ts";
import { fileOf } from "../../storage/evidence-file.ts";
import { stepsOf } from "../../storage/run-step.ts";
import { findRun, type Run } from "../../storage/run.ts";
import { approvalViewOf } from "../approval/approval-view.ts";
import { evidenceStanding, type EvidenceStanding } from "../evidence/evidence-standing.ts";
import type { Operation, RunView } from "../operation.ts";
import { waitingWords } from "./target-taking.ts";

type RunCardParts = {
  readonly targets: ReadonlyMap<
    string,
    { readonly operations: readonly Operation[]; readonly timeZone: string }
  >;
  readonly approvals: { readonly botId: number; readonly keys: () => Promise<ApprovalKeys> };
};

/** How runs are shown, whatever their operation. */
export function createRunCards(parts: RunCardParts) {
  return {
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
