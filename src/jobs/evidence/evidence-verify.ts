import { z } from "zod";

import { parseVerifier } from "../../core/signed-note.ts";
import { pause } from "../../core/waiting.ts";
import type { Database } from "../../storage/database.ts";
import { defineOperation, type Operation } from "../operation.ts";
import {
  evidenceReport,
  summaryOf,
  VERDICT_WORDS,
  type EvidenceReport,
} from "./evidence-report.ts";
import { evidenceVerifyCard, evidenceVerifyDetails } from "./evidence-verify-card.ts";
import { filesOfLog } from "./files-of-log.ts";
import type { LogIdentity } from "./log-part.ts";
import { together, verifyBoth, verifyRows } from "./log-verdict.ts";

export type EvidenceVerifyParts = {
  readonly database: Database;
  readonly log: LogIdentity & {
    readonly directory: string;
    /** Verifier keys, the newest last. */
    publicKeys(): Promise<readonly string[]>;
  };
};

const STEP = "walk the log";
const TIMEOUT_MS = 5 * 60_000;
/** The file grows while it is read; what was only just behind is whole a moment later. */
const TRIES = 3;
const TRY_AGAIN_MS = 1_500;

/** Verifies the log as anybody could, from its rows and from its files where they are at hand. */
export function createEvidenceVerify({ database, log }: EvidenceVerifyParts): Operation {
  return defineOperation({
    name: "evidence-verify",
    summary: "the evidence log, row by row and byte by byte",
    effect: "read",
    input: z.strictObject({}),
    steps: () => [
      {
        kind: "look",
        name: STEP,
        timeoutMs: TIMEOUT_MS,
        async look({ signal }) {
          const keys = (await log.publicKeys())
            .map(parseVerifier)
            .filter((key) => key !== undefined);
          const known = { keys, outside: [] };
          const rows = { database, log };
          for (let attempt = 1; ; attempt += 1) {
            const files = await filesOfLog(log.directory);
            if (files.length === 0) {
              return summaryOf((await verifyRows(rows, known, signal)).report, 0);
            }
            const both = await verifyBoth(rows, files, known, signal);
            const isBehind = both.files.findings[0]?.class === "incomplete";
            if (!isBehind || attempt === TRIES) {
              return summaryOf(together(both.rows, both.files), files.length);
            }
            await pause(TRY_AGAIN_MS, signal);
          }
        },
      },
    ],
    conclude(_input, results) {
      const report = evidenceReport.parse(results[STEP]);
      const { verdict, entries, checkpoints, vouchedFor, findings } = report;
      const [first] = findings;
      const facts = {
        entries: String(entries),
        checkpoints: String(checkpoints),
        "vouched-for": String(vouchedFor),
        ...(first ? { finding: `${first.kind}: ${first.message}` } : {}),
      };
      return { verdict: VERDICT_WORDS[verdict], facts };
    },
    card: (view) => evidenceVerifyCard(view, reportIn(view.steps)),
    details: (view) => evidenceVerifyDetails(reportIn(view.steps)),
  });
}

function reportIn(
  steps: readonly { readonly name: string; readonly result: unknown }[],
): EvidenceReport | undefined {
  return evidenceReport.safeParse(steps.find((step) => step.name === STEP)?.result).data;
}
