import { alertListCard } from "../core/alert-list-card.ts";
import { alertName } from "../core/alert-name.ts";
import { addressedTo, line } from "../core/card.ts";
import type { Drawing } from "../core/chart.ts";
import { openWindows, quietWindow } from "../core/maintenance.ts";
import { chartCard, checkChart } from "../core/status-board-chart.ts";
import { findAlert, openAlerts } from "../storage/alert.ts";
import type { Transaction } from "../storage/database.ts";
import { peaks, troubles } from "../storage/sample.ts";
import { hides, silencesOf } from "../storage/silence.ts";
import { understandAlert, type AlertMeant } from "./alert-meant.ts";
import { defineCommand, type Answer, type CommandContext } from "./command.ts";
import type { TargetContext } from "./served-target.ts";
import { lastDay } from "./status.ts";

/** The subjects whose picture is a check's last day: `check-chart:<target>:<check>:<cause>`. */
export const CHECK_CHART = "check-chart";

type Asked =
  | { readonly kind: "list" }
  | { readonly kind: "details" | "chart"; readonly meant: AlertMeant };

export const alerts = defineCommand<Asked>({
  name: "alerts",
  summary: "What fires and who has it, or one alert in detail",
  role: "viewer",
  usage: "[ALERT|check] [--chart]",
  effect: "read",
  flags: ["chart"],
  words: { atMost: 1 },
  understand({ words: [word], flags: { chart } }, { checks }) {
    // A flag takes what stands behind it, which here can only be the alert.
    const named = word ?? (chart === "" ? undefined : chart);
    if (word !== undefined && chart !== undefined && chart !== "") {
      return { ok: false, message: `"${chart}" is one word too many.` };
    }
    if (named === undefined) {
      return chart === undefined
        ? { ok: true, args: { kind: "list" } }
        : { ok: false, message: "Of which alert? /status --chart shows what has a limit." };
    }
    const understood = understandAlert(named, checks);
    if (!understood.ok) return understood;
    const kind = chart === undefined ? "details" : "chart";
    return { ok: true, args: { kind, meant: understood.args } };
  },
  async run(context, asked) {
    if (asked.kind === "list") return list(context);
    const check = await checkOf(context, asked.meant);
    if (check === undefined) return refusal(context, asked.meant);
    if (asked.kind === "chart") {
      const { target, cause } = context;
      return { kind: "subject", subject: `${CHECK_CHART}:${target}:${check}:${cause}` };
    }
    return { kind: "run", admission: await context.start("alert-details", { check }) };
  },
});

/** The check that is meant, as long as the configuration has it. */
async function checkOf(
  { tx, target, checks }: CommandContext,
  meant: AlertMeant,
): Promise<string | undefined> {
  if (meant.kind === "check") return meant.check;
  const kept = await findAlert(tx, meant.id);
  return kept?.target === target && checks.includes(kept.check) ? kept.check : undefined;
}

function refusal({ target }: CommandContext, meant: AlertMeant): Answer {
  const name = meant.kind === "alert" ? alertName(meant.id) : meant.check;
  const message = `There is no alert ${name} of a check that ${target} still has.`;
  return { kind: "refused", message };
}

/** All that a check measured over the last day, and when it was in trouble. */
export async function drawCheckChart(
  tx: Transaction,
  now: Date,
  { target, timeZone, board }: Pick<TargetContext, "target" | "timeZone" | "board">,
  name: string,
): Promise<Drawing | undefined> {
  const check = board.find((one) => one.name === name);
  if (!check) return undefined;
  const window = lastDay(now);
  const bad = await troubles(tx, target, [name], window);
  const seen = await peaks(tx, target, [name], window);
  const chart = checkChart(target, timeZone, check, { ...window, peaks: seen, troubles: bad });
  if (chart.panels.length > 0) return { card: chartCard(chart), chart };
  const words = "It measured nothing in that time, so there is nothing to draw.";
  return { card: { title: chart.title, parts: [line(words)], actions: [] } };
}

async function list(context: CommandContext): Promise<Answer> {
  const { tx, now, target, timeZone, maintenance } = context;
  const silences = await silencesOf(tx, now, target);
  const isSilenced = (check: string): boolean =>
    silences.some((silence) => hides(silence, check)) ||
    quietWindow(maintenance, check, now) !== undefined;
  const open = await openAlerts(tx, target);
  const shown = alertListCard({
    target,
    alerts: open.map((kept) => ({ ...kept, isSilenced: isSilenced(kept.check) })),
    silences,
    windows: openWindows(maintenance, now),
    now,
    timeZone,
  });
  return { kind: "card", card: addressedTo(target, shown) };
}
