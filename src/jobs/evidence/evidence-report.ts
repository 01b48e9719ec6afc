import { z } from "zod";

import type { LogReport, LogVerdict } from "../../core/log-report.ts";

export const VERDICT_WORDS: Readonly<Record<LogVerdict, string>> = {
  sound: "SOUND",
  tampered: "TAMPERED",
  incomplete: "INCOMPLETE",
  key: "NO KEY",
};

const MOST_FINDINGS = 5;

/** What a verification came to, as a journal and a card can hold it. */
export const evidenceReport = z.object({
  verdict: z.enum(["sound", "tampered", "incomplete", "key"]),
  /** Whether the files were on this machine to be looked at. */
  files: z.number(),
  entries: z.number(),
  checkpoints: z.number(),
  vouchedFor: z.number(),
  findings: z.array(
    z.object({
      kind: z.string(),
      part: z.string(),
      offset: z.number().optional(),
      seq: z.string().optional(),
      message: z.string(),
      expected: z.string().optional(),
      found: z.string().optional(),
    }),
  ),
  remarks: z.array(z.string()),
});

export type EvidenceReport = z.output<typeof evidenceReport>;

export function summaryOf(report: LogReport, files: number): EvidenceReport {
  const { verdict, findings, remarks, standing } = report;
  return {
    verdict,
    files,
    entries: standing?.size ?? 0,
    checkpoints: standing?.checkpoints ?? 0,
    vouchedFor: standing?.lastTrusted?.size ?? 0,
    findings: findings.slice(0, MOST_FINDINGS).map(({ kind, at, message, expected, found }) => ({
      kind,
      part: at.part,
      message,
      ...(at.offset === undefined ? {} : { offset: at.offset }),
      ...(at.seq === undefined ? {} : { seq: at.seq }),
      ...(expected === undefined ? {} : { expected }),
      ...(found === undefined ? {} : { found }),
    })),
    remarks: [...remarks],
  };
}
