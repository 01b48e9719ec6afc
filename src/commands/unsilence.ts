import { checksText } from "../core/alert-list-card.ts";
import { addressedTo, line } from "../core/card.ts";
import { clockMinute } from "../core/moment.ts";
import { alertSubject } from "../jobs/watch/alert-subject.ts";
import { stateChanged } from "../storage/outbox.ts";
import { endSilence, hides, silencesOf, type Silence } from "../storage/silence.ts";
import { firedAlerts } from "./alert-meant.ts";
import { card, defineCommand, type Answer, type CommandContext } from "./command.ts";

const CHOICES = 6;

export const unsilence = defineCommand<{ readonly id: string | undefined }>({
  name: "unsilence",
  summary: "End a silence before its time",
  role: "operator",
  usage: "[N]",
  effect: "mutate",
  words: { atMost: 1 },
  understand({ words: [word] }) {
    if (word !== undefined && !/^[1-9]\d{0,17}$/.test(word)) {
      return { ok: false, message: `"${word}" is not the number of a silence; /alerts shows it.` };
    }
    return { ok: true, args: { id: word } };
  },
  async run(context, { id }) {
    const silences = await silencesOf(context.tx, context.now, context.target);
    if (id === undefined) return choices(context, silences);
    const silence = silences.find((one) => one.id === id);
    if (silence !== undefined) return end(context, silence);
    return { kind: "refused", message: `No silence ${id} holds in ${context.target}.` };
  },
});

async function end(context: CommandContext, silence: Silence): Promise<Answer> {
  const { tx, now, target, actor, record } = context;
  const { id, checks, setBy } = silence;
  if (!(await endSilence(tx, now, id, actor.name))) {
    return { kind: "refused", message: `Silence ${id} has ended already.` };
  }
  await record({
    kind: "silence.ended",
    result: "ended",
    facts: { silence: id, checks: checks.length === 0 ? "all" : checks.join(" "), "set-by": setBy },
  });
  const heard = (await firedAlerts(tx, target)).filter(({ check }) => hides(silence, check));
  for (const { id: alertId } of heard) await stateChanged(tx, now, alertSubject(alertId));
  return card(
    `🔔 ${target} · ${checksText(checks)} may speak again`,
    heard.length === 0
      ? `Nothing fires there now. ${actor.name} ended what ${setBy} had set.`
      : `What fires there speaks at its next look. ${actor.name} ended what ${setBy} had set.`,
  );
}

async function choices(
  { target, now, timeZone }: CommandContext,
  silences: readonly Silence[],
): Promise<Answer> {
  if (silences.length === 0) return card(`🔔 ${target} · nothing is silenced`);
  const shown = silences.slice(0, CHOICES);
  const picked = {
    title: `🔕 ${target} · which silence ends?`,
    parts: shown.map(({ id, checks, until, setBy }) => {
      const end = until === undefined ? "its alert is over" : clockMinute(until, now, timeZone);
      return line({ bold: id }, ` ${checksText(checks)} until ${end} · ${setBy}`);
    }),
    actions: [shown.map(({ id }) => ({ label: id, command: `unsilence ${id}` }))],
  };
  return { kind: "card", card: addressedTo(target, picked) };
}
