import type { Measurement, Status } from "../core/status.ts";
import type { Transaction } from "./database.ts";

/** What a check read at one moment. */
export type Sample = {
  readonly check: string;
  readonly status: Status;
  readonly durationMs: number;
  readonly reason?: string | undefined;
  readonly measurements: readonly Measurement[];
};

export async function keepSamples(
  tx: Transaction,
  now: Date,
  target: string,
  samples: readonly Sample[],
): Promise<void> {
  for (const sample of samples) {
    await tx.change(
      `insert into sample (target, check_name, at, status, duration_ms, reason, measurements)
       values ($1, $2, $3, $4, $5, $6, $7)`,
      [
        target,
        sample.check,
        now,
        sample.status,
        Math.round(sample.durationMs),
        sample.reason ?? null,
        JSON.stringify(sample.measurements),
      ],
    );
  }
}
