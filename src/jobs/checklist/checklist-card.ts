import { line, type Card, type CardAction, type CardPart } from "../../core/card.ts";
import { gatesOf, isDone, type Gate, type ItemStanding } from "../../core/checklist.ts";
import { clockTime, slotTime } from "../../core/moment.ts";
import { runName } from "../../core/run-name.ts";
import { shortened } from "../../core/visible-text.ts";
import type { RunView } from "../operation.ts";
import { keptIn, standingsIn, type ChecklistInput } from "./checklist-view.ts";

const LABEL_LIMIT = 40;
const SHOWN_LINES = 8;

/**
 * What is wrong first, then what waits for a person, then what is done, folded away. Of a list with gates only the one
 * where it stands is shown; what lies behind that one is nobody's business yet.
 */
export function checklistCard(view: RunView<ChecklistInput>): Card {
  const { run, input } = view;
  const standings = standingsIn(view);
  const { current, ahead } = gatesOf(standings);
  const open = (current?.standings ?? []).filter((one) => !isDone(one)).toSorted(byUrgency);
  const done = standings.filter(isDone).filter((one) => !isAhead(one, ahead));
  const shown = open.slice(0, SHOWN_LINES);
  const rest = open.length - shown.length;
  const lines = shown.map((standing) => line(itemText(standing, view)));
  return {
    title: `${mark(view, current)} ${run.target} · ${input.name} checklist · ${summary(view, standings)}`,
    parts: [
      ...(rest > 0 ? [...lines, line(`… and ${rest} more`)] : lines),
      ...(ahead.length > 0 ? [line({ faint: `then ${ahead.map(named).join(", ")}` })] : []),
      ...(done.length > 0
        ? [{ kind: "folded", lines: done.map((one) => itemText(one, view)) } as const]
        : []),
      footer(view),
    ],
    actions: actions(view, open),
  };
}

/** A list with a failure is red as long as it is open; one that nobody finished proves nothing. */
function mark(view: RunView<unknown>, current: Gate | undefined): string {
  const state = keptIn(view)?.state ?? "open";
  if (state === "complete") return "🟢";
  if (state !== "open") return "⚪️";
  const failed = current?.standings.some((one) => one.kind === "seen" && one.status === "fail");
  if (failed) return "🔴";
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
      return `${gateText(standings)}${standings.length - open} of ${standings.length}`;
  }
}

/** `gate 2 of 5: deploy · `, and nothing for a list without gates. */
function gateText(standings: readonly ItemStanding[]): string {
  const { passed, current, ahead } = gatesOf(standings);
  if (current?.name === undefined) return "";
  const count = passed.length + 1 + ahead.length;
  return `gate ${passed.length + 1} of ${count}: ${current.name} · `;
}

function named({ name }: Gate): string {
  return name ?? "";
}

function isAhead({ item }: ItemStanding, ahead: readonly Gate[]): boolean {
  return ahead.some(({ name }) => name === item.gate);
}

function byUrgency(one: ItemStanding, other: ItemStanding): number {
  return rank(one) - rank(other);
}

function rank(standing: ItemStanding): number {
  if (standing.kind === "seen") return standing.status === "fail" ? 0 : 1;
  return standing.kind === "not-ticked" ? 2 : 3;
}

function itemText(standing: ItemStanding, view: RunView<unknown>): string {
  const { what, proof } = standing.item;
  switch (standing.kind) {
    case "not-looked":
      return isUnderWay(view) ? `… ${what}` : `? ${what}: not looked at`;
    case "not-ticked":
      return proof.kind === "person" && proof.role === "approver"
        ? `☐ ${what} (an approver)`
        : `☐ ${what}`;
    case "ticked": {
      const { by, at } = standing.tick;
      return `☑ ${what} · ${by} ${clockTime(at, view.now, view.timeZone)}`;
    }
    case "seen": {
      const { status, told } = standing;
      const sign = { pass: "✓", fail: "✗", unknown: "?", "not-configured": "–" }[status];
      if (proof.kind === "run") return `${sign} ${what}: ${told}`;
      if (status === "pass") return `${sign} ${what}`;
      return `${sign} ${what}: ${status === "fail" ? "failed" : status.replace("-", " ")}, ${told}`;
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

/**
 * Every item that waits for a person has a button, and so has what brings one about. What the bot sees it can only look
 * at again.
 */
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
  const commands = open.flatMap(({ item }) => (item.command === undefined ? [] : [item.command]));
  const ways = [...new Set(commands)].map((command): readonly CardAction[] => [
    { label: `/${command}`, command },
  ]);
  if (isUnderWay(view)) return [...ticks, ...ways];
  const details = { label: "Details", command: `runs ${name}` };
  return [
    ...ticks,
    ...ways,
    [{ label: "Look again", command: `checklist ${input.name}` }, details],
  ];
}

function isUnderWay({ run }: RunView<unknown>): boolean {
  return run.state === "waiting" || run.state === "running";
}
