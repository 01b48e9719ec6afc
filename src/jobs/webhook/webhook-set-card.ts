import { z } from "zod";

import { line, type Card } from "../../core/card.ts";
import { changeCard } from "../../core/change-card.ts";
import { clockMinute } from "../../core/moment.ts";
import { changeRun, stagesOf, type Stage } from "../deploy/change-view.ts";
import type { RunView } from "../operation.ts";
import { webhookCard } from "./webhook-card.ts";
import { LOOK } from "./webhook-report.ts";

export const BEFORE = "look where it leads now";
export const SET = "set the webhook";

const STAGES: readonly Stage[] = [
  { name: "register", steps: [SET] },
  { name: "read back and probe", steps: [LOOK] },
];

const planSchema = z.object({ from: z.string(), to: z.string(), waiting: z.number() });

/** Where the webhook leads, and where it is to lead. */
export type WebhookPlan = z.output<typeof planSchema>;

export function webhookPlan(result: unknown): WebhookPlan {
  return planSchema.parse(result);
}

/** The question and what came of it; once it was done, what was found counts, and the card of every other look shows that. */
export function webhookSetCard(view: RunView<unknown>): Card {
  const { run, steps, approval, now, timeZone } = view;
  if (run.state === "ok") return withVotes(webhookCard(view), view);
  const plan = planSchema.safeParse(steps.find(({ name }) => name === BEFORE)?.result).data;
  return changeCard({
    target: run.target,
    operation: "webhook set",
    done: "the webhook is registered",
    run: changeRun(run),
    approval,
    change: plan ? changeWords(plan) : [],
    why: undefined,
    steps: stagesOf(STAGES, view),
    cautions:
      plan && plan.waiting > 0 ? [`${plan.waiting} updates wait; none of them is dropped.`] : [],
    notUndone: undefined,
    standing: [],
    advice: run.state === "failed" ? ["`/webhook` shows what Telegram says of it now."] : [],
    again: { label: "Ask again", command: "webhook set" },
    now,
    timeZone,
  });
}

/** Who said yes stands above the last line of the card. */
function withVotes(card: Card, { approval, now, timeZone }: RunView<unknown>): Card {
  const votes = approval?.votes.map(
    ({ by, vote, at }) => `${vote} by ${by} ${clockMinute(at, now, timeZone)}`,
  );
  if (votes === undefined || votes.length === 0) return card;
  return { ...card, parts: card.parts.toSpliced(-1, 0, line(votes.join(", "))) };
}

function changeWords({ from, to }: WebhookPlan): readonly (readonly string[])[] {
  if (from === to) return [[`Telegram is given the configured secret again, for ${to}`]];
  return [[`${from} → ${to}`], ["with the configured secret"]];
}
