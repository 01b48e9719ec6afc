import { alertMark, alertPhrase } from "./alert-card.ts";
import { alertName } from "./alert-name.ts";
import { isFlapping, type Alert } from "./alert.ts";
import { line, type Card, type CardPart } from "./card.ts";
import type { OpenWindow } from "./maintenance.ts";
import { clockMinute, clockTime } from "./moment.ts";
import { shortened } from "./visible-text.ts";

/** An alert as the list shows it. */
export type ListedAlert = {
  readonly id: string;
  readonly check: string;
  readonly severity: "page" | "warn";
  readonly alert: Alert;
  /** Whether somebody, or a maintenance window, does not want to hear of it now. */
  readonly isSilenced: boolean;
};

/** A silence as people are told of it. */
type ListedSilence = {
  readonly id: string;
  readonly checks: readonly string[];
  readonly until: Date | undefined;
  readonly setBy: string;
  readonly reason: string;
};

export type AlertListView = {
  readonly target: string;
  /** What is not over, the most urgent first. */
  readonly alerts: readonly ListedAlert[];
  readonly silences: readonly ListedSilence[];
  readonly windows: readonly OpenWindow[];
  readonly now: Date;
  readonly timeZone: string;
};

const SHOWN = 4;
const FOLDED_SHOWN = 20;
const SILENCES_SHOWN = 2;
const ACK_BUTTONS = 3;
const REASON_LIMIT = 60;
const NAMED_CHECKS = 2;

/** What fires, who has it, and what is kept quiet and why. */
export function alertListCard(view: AlertListView): Card {
  const { target, alerts, windows, silences, now, timeZone } = view;
  const loud = alerts.filter((one) => standing(one) === "fires" || standing(one) === "taken");
  const quiet = alerts.filter((one) => !loud.includes(one));
  return {
    title: `${markOf(loud)} ${target} · ${summary(alerts)}`,
    parts: [
      ...loud.slice(0, SHOWN).map((one) => loudLine(one, view)),
      ...restLine(loud.length - SHOWN),
      ...quietLines(quiet, view),
      ...silences.slice(0, SILENCES_SHOWN).map((one) => silenceLine(one, view)),
      ...restLine(silences.length - SILENCES_SHOWN, " silences"),
      ...windows.slice(0, 1).map((window) => windowLine(window, view)),
      line({ faint: `as of ${clockTime(now, now, timeZone)}` }),
    ],
    actions: [
      loud
        .filter(({ alert }) => alert.state === "firing")
        .slice(0, ACK_BUTTONS)
        .map(({ id }) => ({
          label: `Ack ${alertName(id)}`,
          command: `ack ${alertName(id)}`,
          style: "primary" as const,
        })),
      silences
        .slice(0, SILENCES_SHOWN)
        .map(({ id }) => ({ label: `Unsilence ${id}`, command: `unsilence ${id}` })),
    ].filter((row) => row.length > 0),
  };
}

/** Which checks are meant, as short as a first line: two by name, more by number. */
export function checksText(checks: readonly string[]): string {
  if (checks.length === 0) return "all checks";
  return checks.length <= NAMED_CHECKS ? checks.join(", ") : `${checks.length} checks`;
}

type Stand = "fires" | "taken" | "folded" | "silenced" | "pending";

function standing({ alert, isSilenced }: ListedAlert): Stand {
  if (alert.state === "pending") return "pending";
  if (alert.state === "acknowledged") return "taken";
  if (alert.behind !== undefined) return "folded";
  return isSilenced ? "silenced" : "fires";
}

function summary(alerts: readonly ListedAlert[]): string {
  const count = (stand: Stand): number => alerts.filter((one) => standing(one) === stand).length;
  const firing = count("fires");
  const said = [
    firing === 0 ? "nothing fires" : `${firing} ${firing === 1 ? "fires" : "fire"}`,
    ...(count("taken") > 0 ? [`${count("taken")} taken`] : []),
    ...(count("folded") > 0 ? [`${count("folded")} behind others`] : []),
    ...(count("silenced") > 0 ? [`${count("silenced")} silenced`] : []),
    ...(count("pending") > 0 ? [`${count("pending")} pending`] : []),
  ];
  return said.join(", ");
}

/** As urgent as the most urgent that nobody has. */
function markOf([first]: readonly ListedAlert[]): string {
  return first === undefined ? "🟢" : markOfOne(first);
}

function markOfOne(one: ListedAlert): string {
  const silence = one.isSilenced ? { until: undefined, setBy: "" } : undefined;
  return alertMark({ severity: one.severity, alert: one.alert, silence });
}

function loudLine(one: ListedAlert, view: AlertListView): CardPart {
  const { id, alert } = one;
  const taken = alert.state === "acknowledged" ? ` · ${alert.acknowledgedBy} has it` : "";
  const flapping = isFlapping(alert) ? ` · flapping ×${alert.relapses}` : "";
  return line(
    `${markOfOne(one)} `,
    { bold: alertName(id) },
    ` ${phraseOf(one, view)}${taken}${flapping}`,
  );
}

function phraseOf({ check, alert }: ListedAlert, { now, timeZone }: AlertListView): string {
  return alertPhrase({ check, alert, now, timeZone });
}

function quietLines(quiet: readonly ListedAlert[], view: AlertListView): readonly CardPart[] {
  if (quiet.length === 0) return [];
  const lines = quiet.slice(0, FOLDED_SHOWN).map((one) => {
    const behind = standing(one) === "folded" ? ` · behind ${one.alert.behind}` : "";
    return `${markOfOne(one)} ${alertName(one.id)} ${phraseOf(one, view)}${behind}`;
  });
  const rest = quiet.length - FOLDED_SHOWN;
  return [{ kind: "folded", lines: rest > 0 ? [...lines, `… and ${rest} more`] : lines }];
}

function silenceLine(
  { id, checks, until, setBy, reason }: ListedSilence,
  { now, timeZone }: AlertListView,
): CardPart {
  const end = until === undefined ? "its alert is over" : clockMinute(until, now, timeZone);
  const why = reason === "" ? "" : `: ${shortened(reason, REASON_LIMIT)}`;
  return line("🔕 ", { bold: id }, ` ${checksText(checks)} until ${end} · ${setBy}${why}`);
}

function windowLine(
  { name, checks, until }: OpenWindow,
  { windows, now, timeZone }: AlertListView,
): CardPart {
  const what = checksText(checks === "all" ? [] : checks);
  const more = windows.length > 1 ? ` and ${windows.length - 1} more` : "";
  return line(`🛠 ${name} until ${clockMinute(until, now, timeZone)} · ${what}${more}`);
}

function restLine(rest: number, of = ""): readonly CardPart[] {
  return rest > 0 ? [line(`… and ${rest} more${of}`)] : [];
}
