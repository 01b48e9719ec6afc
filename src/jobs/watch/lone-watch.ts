import { alertPhrase } from "../../core/alert-card.ts";
import { decideAlert, type Alert, type AlertNews } from "../../core/alert.ts";
import { troubleOf } from "../../core/trouble.ts";
import { pause } from "../../core/waiting.ts";
import { ruleOf, type Standing } from "./alert-desk.ts";
import type { AlertScene } from "./alert-view.ts";
import type { TakenLook } from "./look-desk.ts";
import { watch, type WatchedTarget } from "./watch.ts";

/** Says something at once, by whatever way there is; keeps nothing and never throws. */
export type SayNow = (
  target: string,
  scene: AlertScene,
  said: { readonly once: string; readonly what: string; readonly isOver: boolean },
  signal: AbortSignal,
) => Promise<void>;

export type LoneWatchParts = {
  readonly targets: readonly WatchedTarget[];
  readonly concurrency: number;
  /** How the alerts stood when the database was last heard of: what was told need not be told again. */
  readonly standing: Standing;
  readonly say: SayNow;
  /** How long the database may be away before anybody is told; a restart takes some seconds. */
  readonly patienceMs?: number;
};

const PATIENCE_MS = 15_000;

/**
 * Goes on watching without a database: alerts live in memory, and what sounds is said at once, also by the second path.
 * Nothing is kept of it; when the database is back the watch decides anew from what it sees then.
 */
export async function watchAlone(parts: LoneWatchParts, signal: AbortSignal): Promise<void> {
  await pause(parts.patienceMs ?? PATIENCE_MS, signal);
  if (signal.aborted) return;
  const alerts = new Map(parts.standing);
  const since = new Date();
  for (const { target, scene } of parts.targets) {
    const what = "Flightdeck's own database is away: it watches on, but takes no commands";
    await parts.say(
      target,
      scene,
      { once: `alone:${since.getTime()}`, what, isOver: false },
      signal,
    );
  }
  const keep = async (looks: readonly TakenLook[]): Promise<void> => {
    for (const look of looks) await takeAlone(parts, alerts, look, signal);
  };
  await watch({ ...parts, keep, onError: () => undefined }, signal);
}

async function takeAlone(
  { targets, say }: LoneWatchParts,
  alerts: Map<string, Alert>,
  { target, check, result }: TakenLook,
  signal: AbortSignal,
): Promise<void> {
  const now = new Date();
  // What would be silent in the chat can wait for the database.
  if (check.severity !== "page") return;
  const scene = targets.find((one) => one.target === target)?.scene;
  if (!scene) return;
  const key = `${target}:${check.name}`;
  const behind = check.dependsOn.find((cause) => isOpen(alerts.get(`${target}:${cause}`)));
  const { alert, news } = decideAlert(
    ruleOf(check),
    alerts.get(key),
    { at: now, trouble: troubleOf(result) },
    { behind, isSilenced: isQuiet(scene, check.name, now), disturbedUntil: undefined },
  );
  if (alert === undefined) {
    alerts.delete(key);
    return;
  }
  alerts.set(key, alert);
  if (!news.some(isWorthSaying) || (alert.state !== "pending" && !alert.toldAt)) return;
  const what = alertPhrase({ check: check.name, alert, now, timeZone: scene.timeZone });
  const once = `alone:${key}:${alert.state}:${now.getTime()}`;
  await say(target, scene, { once, what, isOver: alert.state === "resolved" }, signal);
}

function isWorthSaying(news: AlertNews): boolean {
  return news !== "changed";
}

function isOpen(alert: Alert | undefined): boolean {
  return alert !== undefined && alert.state !== "resolved";
}

function isQuiet({ maintenanceOf }: AlertScene, check: string, now: Date): boolean {
  return maintenanceOf(check, now) !== undefined;
}
