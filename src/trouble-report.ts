import type { Logger } from "./logger.ts";

const REMINDER_MS = 10 * 60_000;
/** Troubles that are kept apart; a flood of different ones must not fill the memory. */
const REMEMBERED = 200;

export type TroubleReport = (error: unknown, during: string) => void;

/**
 * Says a trouble once and then reminds of it every ten minutes, with how often it came meanwhile: whoever reads the log
 * at night finds what is wrong, not ten thousand lines of it.
 */
export function createTroubleReport(
  logger: Pick<Logger, "warn">,
  monotonicMs: () => number = () => performance.now(),
): TroubleReport {
  const known = new Map<string, { saidAtMs: number; unsaid: number }>();
  return (error, during) => {
    const words = error instanceof Error ? `${error.name}: ${error.message}` : typeof error;
    const key = `${during}|${words}`;
    const before = known.get(key);
    if (before && monotonicMs() - before.saidAtMs < REMINDER_MS) {
      before.unsaid += 1;
      return;
    }
    const repeated = before && before.unsaid > 0 ? { repeated: before.unsaid } : {};
    logger.warn({ err: error, ...repeated }, during);
    known.delete(key);
    known.set(key, { saidAtMs: monotonicMs(), unsaid: 0 });
    const [oldest] = known.keys();
    if (known.size > REMEMBERED && oldest !== undefined) known.delete(oldest);
  };
}
