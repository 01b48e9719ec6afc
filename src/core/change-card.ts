import type { ApprovalView } from "./approval.ts";
import { line, type Card, type CardAction, type CardPart, type CardWord } from "./card.ts";
import { formatDuration } from "./duration.ts";
import { clockMinute, clockTime } from "./moment.ts";
import { shortened } from "./visible-text.ts";

/** A part of a change as people speak of it: `api`, `ready`, `smoke`. */
export type ChangeStep = {
  readonly name: string;
  readonly state: "to-come" | "under-way" | "done" | "failed" | "in-doubt" | "skipped";
  /** How long it takes on most days; undefined when it was never seen. */
  readonly usualMs: number | undefined;
  /** How long it took, or has been under way. */
  readonly tookMs: number | undefined;
  /** What there is to say of it while it is under way. */
  readonly progress: string | undefined;
};

/** A change of the target from the question until its end, as one card shows it: a deploy, a rollback, a rotation. */
export type Change = {
  readonly target: string;
  /** What people call it: `rollback`. */
  readonly operation: string;
  /** The same when all went well, for the first line: `rolled back to 5c1f0b7`. */
  readonly done: string;
  readonly run: {
    readonly name: string;
    readonly state:
      | "waiting"
      | "running"
      | "unknown"
      | "ok"
      | "failed"
      | "refused"
      | "expired"
      | "cancelled";
    readonly reason: string | null;
    readonly by: string;
    readonly createdAt: Date;
    readonly startedAt: Date | null;
    readonly endedAt: Date | null;
    readonly isCancelling: boolean;
  };
  readonly approval: ApprovalView | undefined;
  /** From what to what, the first line alone in short; three at most. */
  readonly change: readonly (readonly CardWord[])[];
  readonly why: string | undefined;
  readonly steps: readonly ChangeStep[];
  /** What else to know before saying yes, such as that it has to be built anew; two at most. */
  readonly cautions: readonly string[];
  /** What stays as it is, whatever comes of this; undefined when nothing does. */
  readonly notUndone: string | undefined;
  /** Where the target stands as last seen, for an end that was not meant; three at most. */
  readonly standing: readonly string[];
  /** What to do about such an end, or what is left to do after a good one; two at most. */
  readonly advice: readonly string[];
  /** What asks the same once more. */
  readonly again: CardAction;
  readonly now: Date;
  readonly timeZone: string;
};

const LINE_LIMIT = 160;
const REASON_LIMIT = 300;

/** One card from the request to the end: what a second person has to know, then how far it is, then what came of it. */
export function changeCard(change: Change): Card {
  const { run, approval } = change;
  switch (run.state) {
    case "waiting":
    case "running":
      if (approval?.state === "draft" || approval?.state === "posted") {
        return askedCard(change, approval);
      }
      return underWayCard(change);
    case "ok":
      return doneCard(change);
    case "unknown":
    case "failed":
    case "cancelled":
      return brokenOffCard(change);
    case "refused":
    case "expired":
      return notDoneCard(change);
  }
}

function askedCard(change: Change, approval: ApprovalView): Card {
  const { target, operation, steps } = change;
  const isBreakGlass = approval.question.policy === "break-glass";
  return {
    title: isBreakGlass
      ? `🚨 ${target} · break-glass ${operation}?`
      : `✋ ${target} · ${operation}?`,
    parts: [
      ...change.change.slice(0, 3).map((words) => line(...words)),
      ...whyLine(change),
      ...(steps.length > 0 ? [line(planText(steps))] : []),
      ...shortLines(change.cautions.slice(0, 2)),
      ...notUndoneLine(change),
      yesWantedLine(change, approval),
      footer(change),
    ],
    actions: withButtons([[detailsAction(change)]], change),
  };
}

function underWayCard(change: Change): Card {
  const { target, operation, steps, run, approval } = change;
  const done = steps.filter(({ state }) => state === "done");
  const current = steps.find(({ state }) => state === "under-way");
  const toCome = steps.filter(({ state }) => state === "to-come");
  const isBegun = approval === undefined ? done.length > 0 : approval.state === "consumed";
  const stage = isBegun
    ? `${done.length} of ${steps.filter(({ state }) => state !== "skipped").length}`
    : approval?.state === "approved"
      ? "approved, about to begin"
      : "looking";
  const title = `⏳ ${target} · ${operation}${isBegun ? " " : ": "}${stage}`;
  return {
    title: run.isCancelling ? `${title} · stopping` : title,
    parts: [
      ...headLine(change),
      ...(isBegun ? doneLine(steps) : []),
      ...(current && isBegun ? currentLines(current) : []),
      ...(toCome.length > 0 ? [line(`${isBegun ? "then " : ""}${planText(toCome)}`)] : []),
      ...(isBegun ? [] : whyLine(change)),
      ...votesLine(change),
      footer(change),
    ],
    actions: withButtons(
      run.isCancelling
        ? []
        : [[{ label: "Cancel", command: `cancel ${run.name}` }, detailsAction(change)]],
      change,
    ),
  };
}

function doneCard(change: Change): Card {
  const { target, done, steps } = change;
  return {
    title: `🟢 ${target} · ${done}`,
    parts: [
      ...headLine(change),
      ...doneLine(steps),
      ...shortLines(change.advice.slice(0, 2)),
      ...notUndoneLine(change),
      ...whyLine(change),
      ...votesLine(change),
      footer(change),
    ],
    actions: withButtons([[detailsAction(change)]], change),
  };
}

/** It was begun and did not come to its end: first why, then where the target stands, then what to do. */
function brokenOffCard(change: Change): Card {
  const { target, operation, run, steps } = change;
  const mark = run.state === "cancelled" ? "⚪️" : "🔴";
  const stuckAt = steps.find(({ state }) => state === "failed" || state === "in-doubt");
  return {
    title: `${mark} ${target} · ${operation} ${run.state}${stuckAt ? ` at ${stuckAt.name}` : ""}`,
    parts: [
      line(shortened(run.reason ?? "No reason was recorded.", REASON_LIMIT)),
      ...headLine(change),
      ...doneLine(steps),
      ...shortLines(change.standing.slice(0, 3)),
      ...shortLines(change.advice.slice(0, 2)),
      ...votesLine(change),
      footer(change),
    ],
    actions: withButtons([[change.again, detailsAction(change)]], change),
  };
}

/** People, or the time, or the world said no before anything was done. */
function notDoneCard(change: Change): Card {
  const { target, run, approval, operation } = change;
  const isStale = approval?.state === "stale";
  const word = notDoneWord(approval);
  return {
    title: `${isStale ? "🟡" : "⚪️"} ${target} · ${operation} ${word ?? run.state}`,
    parts: [
      ...headLine(change),
      ...(isStale ? shortLines(approval.changed.slice(0, 4)) : []),
      ...(word === undefined && run.reason !== null
        ? [line(shortened(run.reason, REASON_LIMIT))]
        : []),
      ...whyLine(change),
      ...votesLine(change),
      line("Nothing was done."),
      footer(change),
    ],
    // A question that ended without an answer brings its own way to ask again.
    actions: withButtons(
      [[...(approval?.buttons.length ? [] : [change.again]), detailsAction(change)]],
      change,
    ),
  };
}

/** What became of the question; undefined when that is not why it was not done. */
function notDoneWord(approval: ApprovalView | undefined): string | undefined {
  switch (approval?.state) {
    case "denied":
      return "denied";
    case "expired":
      return "expired: nobody answered";
    case "stale":
      return "not begun: things changed";
    case "revoked":
      return "withdrawn";
    case "superseded":
      return "asked anew";
    case "draft":
    case "posted":
    case "approved":
    case "consumed":
    case undefined:
      return undefined;
  }
}

/** `worker → api → ready → smoke, about 3m 20s`; how long only when each of them was seen before. */
function planText(steps: readonly ChangeStep[]): string {
  const planned = steps.filter(({ state }) => state !== "skipped");
  const plan = planned.map(({ name }) => name).join(" → ");
  const usual = planned.map(({ usualMs }) => usualMs).filter((usualMs) => usualMs !== undefined);
  if (usual.length < planned.length) return plan;
  const inAllMs = usual.reduce((sum, usualMs) => sum + usualMs, 0);
  return `${plan}, about ${formatDuration(roundedMs(inAllMs))}`;
}

/** What is said with "about" pretends to no tenths. */
function roundedMs(durationMs: number): number {
  return Math.max(1_000, Math.round(durationMs / 1_000) * 1_000);
}

function doneLine(steps: readonly ChangeStep[]): readonly CardPart[] {
  const done = steps.filter(({ state }) => state === "done");
  if (done.length === 0) return [];
  const told = done.map(({ name, tookMs }) =>
    tookMs === undefined ? name : `${name} (${formatDuration(roundedMs(tookMs))})`,
  );
  return [line(`✓ ${told.join(", ")}`)];
}

function currentLines({ name, tookMs, usualMs, progress }: ChangeStep): readonly CardPart[] {
  const so = tookMs === undefined ? "" : ` · for ${formatDuration(roundedMs(tookMs))}`;
  const of = usualMs === undefined ? "" : ` of about ${formatDuration(roundedMs(usualMs))}`;
  return [
    line("⏳ ", { bold: name }, `${so}${so === "" ? "" : of}`),
    ...(progress === undefined ? [] : [line(shortened(progress, LINE_LIMIT))]),
  ];
}

function headLine({ change: [first] }: Change): readonly CardPart[] {
  return first === undefined ? [] : [line(...first)];
}

function whyLine({ why }: Change): readonly CardPart[] {
  return why === undefined ? [] : [line(shortened(`Why: ${why}`, LINE_LIMIT))];
}

function notUndoneLine({ notUndone }: Change): readonly CardPart[] {
  return notUndone === undefined ? [] : [line(`Not undone: ${notUndone}`)];
}

/** Who has to say yes, until when, and by which code; an absolute time, for a card is read whenever it is. */
function yesWantedLine({ now, timeZone, run }: Change, approval: ApprovalView): CardPart {
  const until = clockMinute(approval.expiresAt, now, timeZone);
  const who = {
    "second-person": `A yes of another approver than ${run.by}`,
    confirm: `${run.by} confirms`,
    "break-glass": `${run.by} alone, to be reviewed by somebody else`,
  }[approval.question.policy];
  return line(`${who}, until ${until} · code `, { code: approval.code });
}

function votesLine({ approval, now, timeZone }: Change): readonly CardPart[] {
  if (approval === undefined || approval.votes.length === 0) return [];
  const told = approval.votes.map(
    ({ by, vote, at }) => `${vote} by ${by} ${clockMinute(at, now, timeZone)}`,
  );
  return [line(told.join(", "))];
}

function shortLines(texts: readonly string[]): readonly CardPart[] {
  return texts.map((text) => line(shortened(text, LINE_LIMIT)));
}

function detailsAction({ run }: Change): CardAction {
  return { label: "Details", command: `runs ${run.name}` };
}

/** What decides about a change stands lowest, where a thumb is. */
function withButtons(own: Card["actions"], { approval }: Change): Card["actions"] {
  return [...own, ...(approval?.buttons ?? [])];
}

function footer({ run, now, timeZone }: Change): CardPart {
  const at = clockTime(run.endedAt ?? run.createdAt, now, timeZone);
  const took =
    run.endedAt && run.startedAt
      ? ` · took ${formatDuration(run.endedAt.getTime() - run.startedAt.getTime())}`
      : "";
  return line({ faint: `${run.name} · asked by ${run.by} · ${at}${took}` });
}
