import { alertName } from "./alert-name.ts";
import { ACKNOWLEDGED_FOR_MS, isFlapping, type Alert, type AlertNews } from "./alert.ts";
import { line, type Card, type CardAction, type CardPart, type CardWord } from "./card.ts";
import { formatDuration } from "./duration.ts";
import { clockMinute, clockTime } from "./moment.ts";
import { shortCommit } from "./release.ts";
import { shortened } from "./visible-text.ts";

/** An alert as its card draws it. */
export type AlertView = {
  readonly id: string;
  readonly target: string;
  readonly check: string;
  readonly severity: "page" | "warn";
  readonly alert: Alert;
  readonly runbook: string | undefined;
  /** What stands behind this alert and is listed here instead of speaking for itself. */
  readonly behindIt: readonly { readonly check: string; readonly alert: Alert }[];
  /** Why it is not spoken of now: a person's will, or a maintenance window. Without an end it holds until the alert is over. */
  readonly silence: { readonly until: Date | undefined; readonly setBy: string } | undefined;
  /** Whether the target has a smoke flow, which then can be run from here. */
  readonly hasSmokeFlow: boolean;
  /** What may be asked for from here because of what the check is about. */
  readonly remedies: readonly Remedy[];
  /** The rule that asks for a rollback because of this alert. */
  readonly rollback: AskedRollback | undefined;
  readonly now: Date;
  readonly timeZone: string;
};

export type Remedy = "restart-worker" | "requeue";

/** A rule's wish to go back, and whither; nobody knows that yet where `to` is undefined. */
export type AskedRollback = {
  readonly rule: string;
  /** The whole hash of a commit. */
  readonly to: string | undefined;
  /** The run that the rule has begun by itself. */
  readonly run: string | undefined;
};

/** Whom a word calls; the name rings the phone of whoever has the number. */
export type Called = { readonly name: string; readonly telegram: number };

const SEEN_LIMIT = 120;
/** As many as leave room for all else that a card of twelve lines has to say. */
const FOLDED_LIMIT = 3;

/** One message an alert, edited as it goes: target, severity, what and since when first, for that is what a phone shows. */
export function alertCard(view: AlertView): Card {
  const { alert, runbook } = view;
  const parts = [
    line(shortened(alert.trouble.seen, SEEN_LIMIT)),
    ...courseLines(view),
    ...rollbackLines(view),
    ...silenceLines(view),
    ...foldedLines(view),
    ...(runbook === undefined ? [] : [line("Runbook ", { code: runbook })]),
    footer(view),
  ];
  return { title: titleOf(view), parts, actions: actionsOf(view) };
}

/** The short reply to the card that sounds, because an edit does not. */
export function alertWord(
  view: AlertView,
  news: Exclude<AlertNews, "changed">,
  called: readonly Called[],
): Card {
  const said = wordLine(view, news);
  const names = called.flatMap(({ name, telegram }, index): readonly CardWord[] => [
    ...(index === 0 ? [] : [", "]),
    { mention: name, telegram },
  ]);
  const separator = names.length > 0 && said !== "" ? [" · "] : [];
  const words = [...names, ...separator, ...(said === "" ? [] : [said])];
  return {
    title: wordTitle(view, news),
    parts: words.length > 0 ? [line(...words)] : [],
    actions: [],
  };
}

/** What is the matter and since when, without a mark: `api-is-ready fails since 03:04`. */
export function alertPhrase({
  check,
  alert,
  now,
  timeZone,
}: Pick<AlertView, "check" | "alert" | "now" | "timeZone">): string {
  if (alert.state === "resolved") return `${check} · over after ${lasted(alert)}`;
  return `${check} ${matter(alert)} since ${clockMinute(alert.since, now, timeZone)}`;
}

/** One sign for how an alert stands; colours alone would say it only to some. */
export function alertMark({
  severity,
  alert,
  silence,
}: Pick<AlertView, "severity" | "alert" | "silence">): string {
  switch (alert.state) {
    case "pending":
      return "⏳";
    case "acknowledged":
      return "👤";
    case "resolved":
      return "✅";
    case "firing":
      if (alert.behind !== undefined) return "↳";
      if (silence !== undefined) return "🔕";
      return severityMark({ severity, alert });
  }
}

function severityMark({ severity, alert }: Pick<AlertView, "severity" | "alert">): string {
  if (alert.trouble.kind === "blind") return "🟡";
  return severity === "page" ? "🔴" : "🟠";
}

function titleOf(view: AlertView): string {
  const { alert } = view;
  const suffixes = [
    ...(alert.state === "acknowledged" ? [`${alert.acknowledgedBy} has it`] : []),
    ...(alert.state === "pending" ? ["not an alert yet"] : []),
    ...(alert.behind !== undefined && isOpen(alert) ? [`behind ${alert.behind}`] : []),
    ...(isFlapping(alert) ? [`flapping ×${alert.relapses}`] : []),
  ];
  return [`${alertMark(view)} ${about(view)}${alertPhrase(view)}`, ...suffixes].join(" · ");
}

/** Where it is, and how bad: what pages needs no word for that beside its mark. */
function about({ target, severity }: Pick<AlertView, "target" | "severity">): string {
  return severity === "warn" ? `${target} · warning · ` : `${target} · `;
}

function matter({ trouble }: Pick<Alert, "trouble">): string {
  return trouble.kind === "down" ? "fails" : "cannot be seen";
}

/** From the first bad look to the last; how long it then had to stay well is no part of the trouble. */
function lasted(alert: Alert & { readonly state: "resolved" }): string {
  const end = alert.goodSince ?? alert.resolvedAt;
  return formatDuration(end.getTime() - alert.since.getTime());
}

function isOpen(alert: Alert): boolean {
  return alert.state !== "resolved";
}

function courseLines({ alert, now, timeZone }: AlertView): readonly CardPart[] {
  const lines: CardPart[] = [];
  if (isOpen(alert) && alert.goodSince !== undefined) {
    const since = clockTime(alert.goodSince, now, timeZone);
    lines.push(line(`Looks well since ${since}; over when it stays so.`));
  }
  if (alert.state === "acknowledged") {
    const lapsesAt = new Date(alert.acknowledgedAt.getTime() + ACKNOWLEDGED_FOR_MS);
    const since = clockMinute(alert.acknowledgedAt, now, timeZone);
    const until = clockMinute(lapsesAt, now, timeZone);
    lines.push(
      line({ bold: alert.acknowledgedBy }, ` has it since ${since}; it speaks again at ${until}.`),
    );
  }
  if (alert.relapses > 0 && !isFlapping(alert)) {
    lines.push(
      line(alert.relapses === 1 ? "It came back once." : `It came back ${alert.relapses} times.`),
    );
  }
  return lines;
}

function rollbackLines({ alert, rollback }: AlertView): readonly CardPart[] {
  if (rollback === undefined || !isOpen(alert)) return [];
  const { rule, run } = rollback;
  return [
    run === undefined
      ? line("⏪ ", { bold: rule }, " asks for a rollback.")
      : line("⏪ ", { bold: rule }, ` rolls back by itself: ${run}.`),
  ];
}

function silenceLines({ alert, silence, now, timeZone }: AlertView): readonly CardPart[] {
  if (silence === undefined || !isOpen(alert)) return [];
  const { until, setBy } = silence;
  const end = until === undefined ? "it is over" : clockMinute(until, now, timeZone);
  return [line(`🔕 Silenced until ${end} by ${setBy}.`)];
}

function foldedLines({ behindIt, now, timeZone }: AlertView): readonly CardPart[] {
  if (behindIt.length === 0) return [];
  const shown = behindIt.length > FOLDED_LIMIT ? behindIt.slice(0, FOLDED_LIMIT - 1) : behindIt;
  const rest = behindIt.length - shown.length;
  const lines = shown.map(({ check, alert }) => alertPhrase({ check, alert, now, timeZone }));
  return [
    line(behindIt.length === 1 ? "Explains 1 more:" : `Explains ${behindIt.length} more:`),
    { kind: "folded", lines: rest > 0 ? [...lines, `… and ${rest} more in /alerts`] : lines },
  ];
}

function footer({ id, severity, alert, now, timeZone }: AlertView): CardPart {
  const at = alert.state === "resolved" ? alert.resolvedAt : now;
  const word = alert.state === "resolved" ? "over" : "as of";
  return line({
    faint: `${alertName(id)} · ${severity} · ${word} ${clockTime(at, now, timeZone)}`,
  });
}

/** Named by the alert, because a check's name may be longer than what a button carries. */
function actionsOf(view: AlertView): Card["actions"] {
  const { id, alert, hasSmokeFlow } = view;
  if (!isOpen(alert)) return [];
  const name = alertName(id);
  const deciding: readonly CardAction[] = [
    ...(alert.state === "firing"
      ? [{ label: "Ack", command: `ack ${name}`, style: "primary" } as const]
      : []),
    { label: "Silence…", command: `silence ${name}` },
  ];
  const looking: readonly CardAction[] = [
    { label: "Details", command: `alerts ${name}` },
    { label: "Chart", command: `alerts ${name} --chart` },
    ...(hasSmokeFlow ? [{ label: "Smoke", command: "smoke" }] : []),
  ];
  return [deciding, looking, remedyActions(view), rollbackActions(view)].filter(
    (row) => row.length > 0,
  );
}

const REMEDIES: Readonly<Record<Remedy, CardAction>> = {
  "restart-worker": { label: "Restart worker", command: "restart worker" },
  requeue: { label: "Requeue dead letter", command: "requeue" },
};

function remedyActions({ remedies, alert }: AlertView): readonly CardAction[] {
  return alert.state === "pending" ? [] : remedies.map((remedy) => REMEDIES[remedy]);
}

/** The rule is the one who asks; whoever taps only says that it may. */
function rollbackActions({ id, rollback }: AlertView): readonly CardAction[] {
  if (rollback === undefined || rollback.run !== undefined) return [];
  const { to } = rollback;
  if (to === undefined) return [{ label: "Roll back…", command: "rollback", style: "danger" }];
  // A rule's name may be longer than a button carries; the alert stands for it.
  const command = `rollback ${shortCommit(to)} --rule ${alertName(id)}`;
  return [{ label: `Roll back to ${shortCommit(to)}`, command, style: "danger" }];
}

function wordTitle(view: AlertView, news: Exclude<AlertNews, "changed">): string {
  const head = `${news === "resolved" ? "✅" : severityMark(view)} ${about(view)}`;
  switch (news) {
    case "fired":
    case "resolved":
      return `${head}${alertPhrase(view)}`;
    case "relapsed":
      return `${head}${view.check} ${matter(view.alert)} again${timesText(view.alert)}`;
    case "lapsed":
      return `${head}${view.check} still ${matter(view.alert)}`;
  }
}

function timesText(alert: Alert): string {
  return isFlapping(alert) ? ` · flapping ×${alert.relapses}` : "";
}

function wordLine({ alert }: AlertView, news: Exclude<AlertNews, "changed">): string {
  switch (news) {
    case "fired":
    case "relapsed":
      return shortened(alert.trouble.seen, SEEN_LIMIT);
    case "lapsed":
      return `Whoever had it took it on ${formatDuration(ACKNOWLEDGED_FOR_MS)} ago.`;
    case "resolved":
      return "";
  }
}
