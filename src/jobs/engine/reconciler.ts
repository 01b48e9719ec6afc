import { pause } from "../../core/waiting.ts";
import type { Database } from "../../storage/database.ts";
import { dueRuns, markEnqueued } from "../../storage/run.ts";
import type { EngineSettings } from "../settings.ts";
import type { Engine } from "./engine.ts";
import type { RunQueue } from "./queue.ts";

const BATCH = 100;

export type ReconcilerParts = {
  readonly database: Database;
  readonly queue: RunQueue;
  readonly engine: Engine;
  readonly settings: EngineSettings;
  readonly onError: (error: unknown, during: string) => void;
};

/**
 * The leader's safety net under the queue: runs that nobody executes are added again, and executed right here when Redis
 * is away.
 */
export async function reconcile(parts: ReconcilerParts, signal: AbortSignal): Promise<void> {
  const direct = new Map<string, Promise<void>>();
  while (!signal.aborted) {
    await reconcileOnce(parts, direct, signal).catch((error: unknown) =>
      parts.onError(error, "reconciling runs"),
    );
    await pause(parts.settings.reconcile, signal);
  }
  await Promise.all(direct.values());
}

async function reconcileOnce(
  parts: ReconcilerParts,
  direct: Map<string, Promise<void>>,
  signal: AbortSignal,
): Promise<void> {
  const { database, queue, engine, settings } = parts;
  const { due, now } = await database.transaction(async (tx, now) => ({
    // Somebody who was told of a run a moment ago may be about to claim it.
    due: await dueRuns(tx, now, 2 * settings.reconcile, BATCH),
    now,
  }));
  for (const run of due) {
    if (signal.aborted) return;
    try {
      await queue.add(run, now);
      await database.transaction(async (tx) => markEnqueued(tx, now, run.id));
    } catch {
      if (direct.has(run.id) || direct.size >= settings.concurrency) continue;
      const execution = engine
        .execute(run.id, signal)
        .catch((error: unknown) => parts.onError(error, "executing a run without Redis"))
        .finally(() => direct.delete(run.id));
      direct.set(run.id, execution);
    }
  }
}
