import { CHECK_CHART, drawCheckChart } from "../commands/alerts.ts";
import type { TargetContext } from "../commands/served-target.ts";
import { drawChart, drawStatus } from "../commands/status.ts";
import { alertCard } from "../core/alert-card.ts";
import { addressedTo } from "../core/card.ts";
import type { Drawing } from "../core/chart.ts";
import type { Engine } from "../jobs/engine/engine.ts";
import { drawLogExport, EXPORT_SUBJECT } from "../jobs/evidence/log-export.ts";
import type { TargetLog } from "../jobs/evidence/target-log.ts";
import { ALERT_SUBJECT } from "../jobs/watch/alert-subject.ts";
import { alertViewOf } from "../jobs/watch/alert-view.ts";
import type { WatchedTarget } from "../jobs/watch/watch.ts";
import { findAlert } from "../storage/alert.ts";
import type { Transaction } from "../storage/database.ts";
import { drawRoundup } from "./roundup-drawing.ts";
import { roundupMessageOf, type RoundupMessage } from "./roundup-subject.ts";
import type { DrawSubject } from "./sender.ts";

/** What of a target is drawn from. */
export type DrawnTarget = {
  readonly context: TargetContext;
  readonly watched: Pick<WatchedTarget, "scene">;
  readonly log: TargetLog;
};

/** Draws what the outbox keeps no card for. A new subject is a line here. */
export function createSubjects(
  engine: Pick<Engine, "cardOf">,
  targets: readonly DrawnTarget[],
): DrawSubject {
  return async (tx, now, subject) => {
    const [kind = "", name = "", id = ""] = subject.split(":");
    if (kind === "run") {
      const card = await engine.cardOf(tx, now, name);
      return card && { card };
    }
    if (kind === ALERT_SUBJECT) return drawAlert(tx, now, name, targets);
    const told = roundupMessageOf(subject);
    if (told) return drawRoundupCard(tx, now, told, targets);
    const meant = targets.find((one) => one.context.target === name);
    if (!meant) return undefined;
    const { context, log } = meant;
    if (kind === EXPORT_SUBJECT) return drawLogExport(tx, now, log);
    const drawing = await drawBoard(kind, tx, now, context, id);
    if (!drawing || targets.length === 1) return drawing;
    return { ...drawing, card: addressedTo(name, drawing.card) };
  };
}

async function drawAlert(
  tx: Transaction,
  now: Date,
  id: string,
  targets: readonly DrawnTarget[],
): Promise<Drawing | undefined> {
  const about = await findAlert(tx, id);
  const scene = targets.find(({ context }) => context.target === about?.target)?.watched.scene;
  if (!about || !scene) return undefined;
  const card = alertCard(await alertViewOf(tx, now, about, scene));
  return { card: targets.length > 1 ? addressedTo(about.target, card) : card };
}

async function drawRoundupCard(
  tx: Transaction,
  now: Date,
  message: RoundupMessage,
  targets: readonly DrawnTarget[],
): Promise<Drawing | undefined> {
  const drawn = await drawRoundup(
    tx,
    now,
    message,
    (target) => targets.find(({ context }) => context.target === target)?.watched.scene,
  );
  if (!drawn) return undefined;
  return { card: targets.length > 1 ? addressedTo(drawn.target, drawn.card) : drawn.card };
}

async function drawBoard(
  kind: string,
  tx: Transaction,
  now: Date,
  context: TargetContext,
  id: string,
): Promise<Drawing | undefined> {
  switch (kind) {
    case "status":
      return drawStatus(tx, now, context, id);
    case "chart":
      return drawChart(tx, now, context);
    case CHECK_CHART:
      return drawCheckChart(tx, now, context, id);
    default:
      return undefined;
  }
}
