import { line, type Card, type CardAction, type CardPart } from "../core/card.ts";
import { isDone, type ItemStanding } from "../core/checklist.ts";
import { clockTime, slotTime } from "../core/moment.ts";
import { runName } from "../core/run-name.ts";
import { shortened } from "../core/visible-text.ts";
import { keptIn, standingsIn, type ChecklistInput } from "./checklist-view.ts";
import type { RunView } from "./operation.ts";

const LABEL_LIMIT = 40;
const SHOWN_LINES = 9;

/** What is wrong first, then what waits for a person, then what is done, folded away. */
export function checklistCard(view: RunView<ChecklistInput>): Card {
  const { run, input } = view;
  const standings = standingsIn(view);
  const open = standings.filter((one) => !isDone(one)).toSorted((a, b) => rank(a) - rank(b));
  const done = standings.filter(isDone);
  const shown = open.slice(0, SHOWN_LINES);
  const rest = open.length - shown.length;
  const lines = shown.map((standing) => line(itemText(standing, view)));
  return {
    title: `${mark(view, standings)} ${run.target} · ${input.name} checklist · ${summary(view, standings)}`,
    parts: [
      ...(rest > 0 ? [...lines, line(`… and ${rest} more`)] : lines),
      ...(done.length > 0
        ? [{ kind: "folded", lines: done.map((one) => itemText(one, view)) } as const]
        : []),
      footer(view),
    ],
    actions: actions(view, open),
  };
}

/** A list with a failure is red as long as it is open; one that nobody finished proves nothing. */
function mark(view: RunView<unknown>, standings: readonly ItemStanding[]): string {
  const state = keptIn(view)?.state ?? "open";
  if (state === "complete") return "🟢";
  if (state !== "open") return "⚪️";
  if (standings.some((one) => one.kind === "seen" && one.status === "fail")) return "🔴";
  return isUnderWay(view) ? "⏳" : "🟡";
}

function summary(view: RunView<unknown>, standings: readonly ItemStanding[]): string {
  const kept = keptIn(view);
  const open = standings.filter((one) => !isDone(one)).length;
  switch (kept?.state) {
    case "complete":
      return "complete";
    case "expired":
      return `expired with ${open} open`;
    case "superseded":
      return kept.supersededBy === null
        ? "superseded"
        : `superseded by ${runName(kept.supersededBy)}`;
    case "open":
    case undefined:
      return `${standings.length - open} of ${standings.length}`;
  }
}

function rank(standing: ItemStanding): number {
  if (standing.kind === "seen") return standing.status === "fail" ? 0 : 1;
  return standing.kind === "not-ticked" ? 2 : 3;
}

function itemText(standing: ItemStanding, view: RunView<unknown>): string {
  const { what } = standing.item;
  switch (standing.kind) {
    case "not-looked":
      return isUnderWay(view) ? `… ${what}` : `? ${what}: not looked at`;
    case "not-ticked":
      return `☐ ${what}`;
    case "ticked": {
      const { by, at } = standing.tick;
      return `☑ ${what} · ${by} ${clockTime(at, view.now, view.timeZone)}`;
    }
    case "seen": {
      const { status, item } = standing;
      const sign = { pass: "✓", fail: "✗", unknown: "?", "not-configured": "–" }[status];
      if (status === "pass") return `${sign} ${what}`;
      return `${sign} ${what}: ${status === "fail" ? "failed" : status.replace("-", " ")}, ${item.checks.join(", ")}`;
    }
  }
}

function footer(view: RunView<unknown>): CardPart {
  const { run, now, timeZone } = view;
  const kept = keptIn(view);
  const reason = run.reason === null ? "" : ` · ${run.reason}`;
  const until =
    kept?.state === "open" ? ` · open until ${slotTime(kept.endsAt, now, timeZone)}` : "";
  const at = clockTime(run.createdAt, now, timeZone);
  return line({ faint: `${runName(run.id)} · ${run.actor.name} · ${at}${until}${reason}` });
}

/** Every item that waits for a person has a button; what the bot sees it can only look at again. */
function actions(
  view: RunView<ChecklistInput>,
  open: readonly ItemStanding[],
): readonly (readonly CardAction[])[] {
  const { run, input } = view;
  if (keptIn(view)?.state !== "open") return [];
  const name = runName(run.id);
  const ticks = open
    .filter((one) => one.kind === "not-ticked")
    .map(({ item }): readonly CardAction[] => [
      {
        label: `☐ ${shortened(item.what, LABEL_LIMIT)}`,
        command: `checklist tick ${name} ${item.name}`,
      },
    ]);
  if (isUnderWay(view)) return ticks;
  const details = { label: "Details", command: `runs ${name}` };
  return [...ticks, [{ label: "Look again", command: `checklist ${input.name}` }, details]];
}

function isUnderWay({ run }: RunView<unknown>): boolean {
  return run.state === "waiting" || run.state === "running";
}
