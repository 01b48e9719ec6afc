import { alertPhrase } from "../core/alert-card.ts";
import { checksText } from "../core/alert-list-card.ts";
import { alertName } from "../core/alert-name.ts";
import { addressedTo, line, type Card, type CardAction, type CardPart } from "../core/card.ts";
import { formatDuration, parseDuration } from "../core/duration.ts";
import { clockMinute } from "../core/moment.ts";
import { alertSubject } from "../jobs/watch/alert-subject.ts";
import type { KeptAlert } from "../storage/alert.ts";
import { stateChanged } from "../storage/outbox.ts";
import { hides, setSilence, silencesOf, type Silence } from "../storage/silence.ts";
import { firedAlerts, lockAlert, understandAlert, type AlertMeant } from "./alert-meant.ts";
import { defineCommand, type Answer, type CommandContext, type Understood } from "./command.ts";

type Lasts = number | "until-resolved";

type Asked = {
  /** What is to be silent; not said yet, or everything. */
  readonly scope: "ask" | "all" | readonly AlertMeant[];
  readonly lasts: Lasts | undefined;
  readonly reason: string;
  /** The second tap: what it hides was shown. */
  readonly sets: boolean;
};

const CHOICES: readonly Lasts[] = [60 * 60_000, 4 * 60 * 60_000, "until-resolved"];
const ALERT_CHOICES = 5;
const HIDDEN_SHOWN = 4;
const SHORTEST_MS = 60_000;
/** For longer than this a check is not silenced but taken out of the file, where everybody sees it. */
const LONGEST_MS = 7 * 24 * 60 * 60_000;
/** The longest command line that a button can carry. */
const BUTTON_COMMAND_BYTES = 62;
/** Silences whose ends lie this close to each other are the same. */
const SAME_WITHIN_MS = 60_000;

export const silence = defineCommand<Asked>({
  name: "silence",
  summary: "Keep alerts quiet for a while; shows first what that hides",
  role: "operator",
  usage: "[check…|ALERT|all] [1h|4h|2d|until-resolved] [reason…] [--set]",
  effect: "mutate",
  flags: ["set"],
  words: { atMost: 100 },
  understand({ words, flags }, { checks }) {
    const sets = flags["set"] !== undefined;
    if (sets && flags["set"] !== "") return { ok: false, message: "--set stands last." };
    const count = words.findIndex((word) => word !== "all" && !understandAlert(word, checks).ok);
    const named = words.slice(0, count < 0 ? words.length : count);
    const [length, ...reason] = words.slice(named.length);
    const lasts = length === undefined ? undefined : understandLength(length, checks, named);
    if (lasts?.ok === false) return lasts;
    if (named.length > 1 && named.includes("all")) {
      return { ok: false, message: "Name checks, or all, not both." };
    }
    if (sets && (lasts === undefined || named.length === 0)) {
      return { ok: false, message: "--set needs to know what is to be silent, and for how long." };
    }
    const meant = named.flatMap((word) => {
      const understood = understandAlert(word, checks);
      return understood.ok ? [understood.args] : [];
    });
    const scope = named[0] === "all" ? "all" : named.length === 0 ? "ask" : meant;
    return { ok: true, args: { scope, lasts: lasts?.args, reason: reason.join(" "), sets } };
  },
  async run(context, asked) {
    const open = await firedAlerts(context.tx, context.target);
    if (asked.scope === "ask") return whichOne(context, open);
    const scope = await checksMeant(context, asked.scope);
    if (!scope.ok) return { kind: "refused", message: scope.message };
    const checks = scope.args;
    const hidden = open.filter(({ check }) => checks.length === 0 || checks.includes(check));
    return asked.sets && asked.lasts !== undefined
      ? set(context, { ...asked, lasts: asked.lasts, checks, hidden })
      : preview(context, { ...asked, checks, hidden });
  },
});

function understandLength(
  word: string,
  checks: readonly string[],
  named: readonly string[],
): Understood<Lasts> {
  if (word === "until-resolved") return { ok: true, args: word };
  const lastsMs = parseDuration(word);
  if (lastsMs !== undefined && lastsMs >= SHORTEST_MS && lastsMs <= LONGEST_MS) {
    return { ok: true, args: lastsMs };
  }
  const range = `${formatDuration(SHORTEST_MS)} to ${formatDuration(LONGEST_MS)}`;
  if (lastsMs !== undefined) {
    return { ok: false, message: `"${word}" is not from ${range}.` };
  }
  const understood = understandAlert(word, checks);
  if (named.length === 0 && !understood.ok) return understood;
  return { ok: false, message: `"${word}" is no length of time from ${range}.` };
}

/** The names of the checks; of an alert, the check that it is about. None means all of them. */
async function checksMeant(
  { tx, target }: CommandContext,
  scope: "all" | readonly AlertMeant[],
): Promise<Understood<readonly string[]>> {
  if (scope === "all") return { ok: true, args: [] };
  const checks: string[] = [];
  for (const meant of scope) {
    if (meant.kind === "check") {
      checks.push(meant.check);
      continue;
    }
    const found = await lockAlert(tx, target, meant);
    if (!found.ok) return found;
    checks.push(found.args.check);
  }
  return { ok: true, args: [...new Set(checks)] };
}

async function whichOne(
  { target, now, timeZone }: CommandContext,
  open: readonly KeptAlert[],
): Promise<Answer> {
  const shown = open.slice(0, ALERT_CHOICES);
  const card: Card = {
    title: `🔕 ${target} · what is to be silent?`,
    parts: hiddenLines(open, { now, timeZone }, "Nothing fires now."),
    actions: [
      ...shown.map(({ id, check }) => [
        { label: `${alertName(id)} ${check}`, command: `silence ${alertName(id)}` },
      ]),
      [{ label: "All checks", command: "silence all" }],
    ],
  };
  return { kind: "card", card: addressedTo(target, card) };
}

type Meant = Asked & {
  readonly checks: readonly string[];
  /** What fires now and would not be heard of. */
  readonly hidden: readonly KeptAlert[];
};

/** What it would hide now, and the choices; nothing is silent before the second tap. */
function preview(context: CommandContext, meant: Meant): Answer {
  const { target } = context;
  const { checks, hidden, lasts, reason } = meant;
  const possible = CHOICES.filter((each) => each !== "until-resolved" || hidden.length > 0);
  const buttons = (lasts === undefined ? possible : [lasts]).map((each): CardAction => ({
    label: lengthText(each),
    command: [`silence ${scopeText(meant)} ${lengthWord(each)}`, reason, "--set"]
      .filter((part) => part !== "")
      .join(" "),
  }));
  const card = addressedTo(target, {
    title: `🔕 ${target} · silence ${checksText(checks)}?`,
    parts: [
      ...hiddenLines(hidden, context, "It would hide nothing that fires now."),
      line("What begins to fail meanwhile stands in /alerts and is not spoken of."),
      ...(reason === "" ? [] : [line("Reason: ", reason)]),
    ],
    actions: [buttons],
  });
  const doesFit = buttonsOf(card).every(
    ({ command }) => Buffer.byteLength(command) <= BUTTON_COMMAND_BYTES,
  );
  if (doesFit) return { kind: "card", card };
  const typed = `/${buttons[0]?.command ?? ""}`;
  const hint = line("That is too long for a button; type it: ", { code: typed });
  return { kind: "card", card: { ...card, parts: [...card.parts, hint], actions: [] } };
}

function buttonsOf({ actions }: Card): readonly CardAction[] {
  return actions.flat();
}

/** By the name of its alert where that says the same, because a check's name may be long. */
function scopeText({ checks, hidden }: Meant): string {
  if (checks.length === 0) return "all";
  return checks
    .map((check) => {
      const alert = hidden.find((one) => one.check === check);
      return alert ? alertName(alert.id) : check;
    })
    .join(" ");
}

function hiddenLines(
  hidden: readonly KeptAlert[],
  { now, timeZone }: Pick<CommandContext, "now" | "timeZone">,
  none: string,
): readonly CardPart[] {
  if (hidden.length === 0) return [line(none)];
  const shown = hidden.slice(0, HIDDEN_SHOWN);
  const rest = hidden.length - shown.length;
  return [
    line(hidden.length === 1 ? "Fires now:" : `${hidden.length} fire now:`),
    ...shown.map(({ id, check, alert }) =>
      line({ bold: alertName(id) }, ` ${alertPhrase({ check, alert, now, timeZone })}`),
    ),
    ...(rest > 0 ? [line(`… and ${rest} more`)] : []),
  ];
}

async function set(
  context: CommandContext,
  meant: Meant & { readonly lasts: Lasts },
): Promise<Answer> {
  const { tx, now, target, actor, timeZone, record } = context;
  const { checks, hidden, lasts, reason } = meant;
  const until = lasts === "until-resolved" ? undefined : new Date(now.getTime() + lasts);
  if (until === undefined && hidden.length === 0) {
    const message = "None of that fires, so there is no end to wait for; name a length such as 1h.";
    return { kind: "refused", message };
  }
  const holding = await silencesOf(tx, now, target);
  const wanted = silencesWanted(meant, until, holding);
  if (wanted.length === 0) return alreadySilent(context, meant, holding);
  const ids: string[] = [];
  for (const each of wanted) {
    ids.push(await setSilence(tx, now, { ...each, target, reason, setBy: actor.name }));
  }
  const end = until === undefined ? "it is over" : clockMinute(until, now, timeZone);
  await record({
    kind: "silence.set",
    result: "silenced",
    facts: {
      silence: ids.join(" "),
      checks: checks.length === 0 ? "all" : checks.join(" "),
      until: until?.toISOString() ?? "resolved",
      ...(hidden.length === 0 ? {} : { hides: hidden.map(({ id }) => alertName(id)).join(" ") }),
      ...(reason === "" ? {} : { reason }),
    },
  });
  for (const { id } of hidden) await stateChanged(tx, now, alertSubject(id));
  const card: Card = {
    title: `🔕 ${target} · ${checksText(checks)} silent until ${end}`,
    parts: [line(`Set by ${actor.name}${reason === "" ? "." : `: ${reason}`}`)],
    actions: [ids.slice(0, ALERT_CHOICES).map(unsilenceButton)],
  };
  return { kind: "card", card: addressedTo(target, card) };
}

type Wanted = Pick<Parameters<typeof setSilence>[2], "checks" | "until">;

/** What is not hidden for as long already: two taps in a row are one will. Each alert ends a silence of its own. */
function silencesWanted(
  { checks, hidden }: Meant,
  until: Date | undefined,
  holding: readonly Silence[],
): readonly Wanted[] {
  if (until === undefined) {
    return hidden
      .filter(({ id }) => !holding.some(({ alertId }) => alertId === id))
      .map(({ id, check }) => ({ checks: [check], until: { alertId: id } }));
  }
  const isHidden = holding.some(
    (silence) => covers(silence, checks) && endMs(silence) >= until.getTime() - SAME_WITHIN_MS,
  );
  return isHidden ? [] : [{ checks, until }];
}

/** What names no check hides also what comes to the file later, so no list of names covers it. */
function covers(silence: Silence, checks: readonly string[]): boolean {
  return checks.length === 0
    ? silence.checks.length === 0
    : checks.every((check) => hides(silence, check));
}

/** That an alert will be over is no promise of when. */
function endMs({ until }: Silence): number {
  return until?.getTime() ?? Number.NEGATIVE_INFINITY;
}

function alreadySilent(
  { now, timeZone }: CommandContext,
  { checks, hidden, lasts }: Meant,
  holding: readonly Silence[],
): Answer {
  const same =
    lasts === "until-resolved"
      ? holding.find(({ alertId }) => hidden.some(({ id }) => id === alertId))
      : holding.find((one) => covers(one, checks) && one.until !== undefined);
  const end = same?.until === undefined ? "it is over" : clockMinute(same.until, now, timeZone);
  const by = same === undefined ? "" : `, set by ${same.setBy} (${same.id})`;
  return { kind: "refused", message: `${checksText(checks)}: silent until ${end} already${by}.` };
}

function unsilenceButton(id: string): CardAction {
  return { label: `Unsilence ${id}`, command: `unsilence ${id}` };
}

function lengthText(lasts: Lasts): string {
  return lasts === "until-resolved" ? "Until resolved" : formatDuration(lasts);
}

function lengthWord(lasts: Lasts): string {
  return lasts === "until-resolved" ? lasts : formatDuration(lasts).replaceAll(" ", "");
}
