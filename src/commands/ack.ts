import { alertPhrase } from "../core/alert-card.ts";
import { alertName } from "../core/alert-name.ts";
import { acknowledge, ACKNOWLEDGED_FOR_MS, type Alert } from "../core/alert.ts";
import { addressedTo, line } from "../core/card.ts";
import { clockMinute } from "../core/moment.ts";
import { alertSubject } from "../jobs/watch/alert-subject.ts";
import { changeAlert, type KeptAlert } from "../storage/alert.ts";
import { stateChanged } from "../storage/outbox.ts";
import { firedAlerts, lockAlert, understandAlert, type AlertMeant } from "./alert-meant.ts";
import { card, defineCommand, type Answer, type CommandContext } from "./command.ts";

const CHOICES = 6;

export const ack = defineCommand<{ readonly meant: AlertMeant | undefined }>({
  name: "ack",
  summary: "Take an alert on, so that nobody else is called for it",
  role: "operator",
  usage: "[ALERT|check]",
  effect: "mutate",
  words: { atMost: 1 },
  understand({ words: [word] }, { checks }) {
    if (word === undefined) return { ok: true, args: { meant: undefined } };
    const understood = understandAlert(word, checks);
    return understood.ok ? { ok: true, args: { meant: understood.args } } : understood;
  },
  async run(context, { meant }) {
    if (meant === undefined) return choices(context);
    const found = await lockAlert(context.tx, context.target, meant);
    return found.ok ? take(context, found.args) : { kind: "refused", message: found.message };
  },
});

async function take(context: CommandContext, kept: KeptAlert): Promise<Answer> {
  const { tx, now, actor, cause, timeZone, caller, record } = context;
  const { id, check, severity } = kept;
  const taken = acknowledge(kept.alert, { acknowledgedBy: actor.name, acknowledgedAt: now });
  if (taken === undefined) {
    return { kind: "refused", message: `${alertName(id)} ${whyNot(context, check, kept.alert)}` };
  }
  await changeAlert(tx, id, taken, false);
  await caller.withdraw(tx, alertSubject(id));
  await record({
    kind: "alert.acknowledged",
    result: "acknowledged",
    facts: { alert: alertName(id), check, severity, since: taken.since.toISOString() },
  });
  // Whoever tapped sees the card under the finger change; a typed word is answered where it was typed.
  if (cause.startsWith("tap-")) return { kind: "subject", subject: alertSubject(id) };
  await stateChanged(tx, now, alertSubject(id));
  const lapsesAt = new Date(now.getTime() + ACKNOWLEDGED_FOR_MS);
  return card(
    `👤 ${actor.name} has ${alertName(id)}`,
    alertPhrase({ check, alert: taken, now, timeZone }),
    `Nobody else is called. It speaks again at ${clockMinute(lapsesAt, now, timeZone)} unless it is over.`,
  );
}

function whyNot(
  { actor, now, timeZone }: CommandContext,
  check: string,
  alert: Exclude<Alert, { readonly state: "firing" }> | Alert,
): string {
  const at = (moment: Date): string => clockMinute(moment, now, timeZone);
  switch (alert.state) {
    case "acknowledged": {
      const who = alert.acknowledgedBy === actor.name ? "you" : alert.acknowledgedBy;
      return `(${check}) was taken by ${who} at ${at(alert.acknowledgedAt)}.`;
    }
    case "resolved":
      return `(${check}) is over since ${at(alert.resolvedAt)}.`;
    case "pending":
    case "firing":
      return `(${check}) does not fire yet.`;
  }
}

async function choices({ tx, target, now, timeZone }: CommandContext): Promise<Answer> {
  const open = (await firedAlerts(tx, target)).filter(({ alert }) => alert.state === "firing");
  if (open.length === 0) return card(`🟢 ${target} · nothing fires that nobody has`);
  const shown = open.slice(0, CHOICES);
  const rest = open.length - shown.length;
  const lines = shown.map(({ id, check, alert }) =>
    line({ bold: alertName(id) }, ` ${alertPhrase({ check, alert, now, timeZone })}`),
  );
  const picked = {
    title: `${target} · which alert do you take on?`,
    parts: rest > 0 ? [...lines, line(`… and ${rest} more in /alerts`)] : lines,
    actions: shown.map(({ id, check }) => [
      { label: `${alertName(id)} ${check}`, command: `ack ${alertName(id)}` },
    ]),
  };
  return { kind: "card", card: addressedTo(target, picked) };
}
