import { formatDuration } from "../../core/duration.ts";
import type { EvidenceFile } from "../../storage/evidence-file.ts";

const LAGS_AFTER_MS = 60_000;
const STUCK_AFTER_MS = 15 * 60_000;

/**
 * What a log and its file are good for at the moment. One that lags is told, and one that is stuck lets nothing be changed any
 * more that can wait: what is done then could not be shown to anybody who has only the file.
 */
export type EvidenceStanding =
  | { readonly kind: "fine" }
  | { readonly kind: "lags" | "stuck"; readonly words: string; readonly wayOut: string };

export function evidenceStanding(
  {
    trouble,
    behindSince,
    signingRefused,
  }: Pick<EvidenceFile, "trouble" | "behindSince" | "signingRefused">,
  now: Date,
): EvidenceStanding {
  if (signingRefused !== undefined) {
    return {
      kind: "stuck",
      words: `the log is not signed. ${signingRefused}`,
      wayOut: 'flightdeck evidence adopt --reason "…" goes on from what there is.',
    };
  }
  const behindMs = behindSince ? now.getTime() - behindSince.getTime() : 0;
  const behind = `log.md is ${formatDuration(behindMs)} behind`;
  const lag = lagOf(behindMs);
  switch (trouble?.kind) {
    case "edited":
      return {
        kind: "stuck",
        words: `log.md was edited: ${trouble.detail}`,
        wayOut: 'flightdeck evidence repair --reason "…" renders it afresh.',
      };
    case "ahead":
    case "foreign":
      return {
        kind: "stuck",
        words: trouble.detail,
        wayOut: "Until that is settled nothing is written to it.",
      };
    case "cannot-write":
      return {
        kind: lag ?? "lags",
        words: `log.md cannot be written (${trouble.detail})${lag === undefined ? "" : `; ${behind}`}`,
        wayOut: "It is tried again by itself; make room, or give the folder back to this user.",
      };
    case undefined:
      return lag === undefined
        ? { kind: "fine" }
        : {
            kind: lag,
            words: behind,
            wayOut: "Nobody renders it: start Flightdeck, or look at its log.",
          };
  }
}

function lagOf(behindMs: number): "lags" | "stuck" | undefined {
  if (behindMs > STUCK_AFTER_MS) return "stuck";
  return behindMs > LAGS_AFTER_MS ? "lags" : undefined;
}
