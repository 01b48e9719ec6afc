import { line, type Card, type CardAction, type CardPart } from "../../core/card.ts";
import { clockTime } from "../../core/moment.ts";
import { runName } from "../../core/run-name.ts";
import type { RunView } from "../operation.ts";
import type { EvidenceReport } from "./evidence-report.ts";

const MARK: Readonly<Record<EvidenceReport["verdict"], string>> = {
  sound: "🟢",
  tampered: "🔴",
  incomplete: "🟡",
  key: "🟡",
};

const again: CardAction = { label: "Verify again", command: "evidence verify" };
const exported: CardAction = { label: "Export", command: "evidence export" };

/** The verdict, what it rests on, and the first entry that is wrong. */
export function evidenceVerifyCard(
  view: RunView<unknown>,
  report: EvidenceReport | undefined,
): Card {
  const { run } = view;
  const name = runName(run.id);
  const parts = [...(report ? reportLines(report) : []), footer(view)];
  switch (run.state) {
    case "waiting":
    case "running":
      return {
        title: `⏳ ${run.target} · evidence verify`,
        parts,
        actions: run.cancelRequestedAt ? [] : [[{ label: "Cancel", command: `cancel ${name}` }]],
      };
    case "ok": {
      const mark = report ? MARK[report.verdict] : "⚪️";
      const details: CardAction = { label: "Details", command: `runs ${name}` };
      const more = report && report.findings.length > 0 ? [details] : [];
      return {
        title: `${mark} ${run.target} · evidence ${run.verdict ?? ""}`,
        parts,
        actions: [[again, exported, ...more]],
      };
    }
    case "unknown":
    case "failed":
    case "refused":
    case "expired":
    case "cancelled":
      return {
        title: `⚪️ ${run.target} · evidence verify ${run.state}`,
        parts: [line(run.reason ?? "No reason was recorded."), ...parts],
        actions: [[again]],
      };
  }
}

/** Each finding with its place, and what stood there. */
export function evidenceVerifyDetails(report: EvidenceReport | undefined): readonly CardPart[] {
  if (!report || report.findings.length === 0) return [];
  const told = report.findings.map(({ kind, part, offset, seq, message, expected, found }) =>
    [
      `${kind}: ${part}${offset === undefined ? "" : `, byte ${offset}`}${seq === undefined ? "" : `, #${seq}`}`,
      message,
      ...(expected === undefined ? [] : [`expected: ${expected}`]),
      ...(found === undefined ? [] : [`found: ${found}`]),
    ].join("\n"),
  );
  return [{ kind: "code", text: told.join("\n\n") }];
}

function reportLines(report: EvidenceReport): readonly CardPart[] {
  const { findings, entries, checkpoints, vouchedFor, files, remarks } = report;
  const [first] = findings;
  const more = findings.length > 1 ? ` And ${findings.length - 1} more.` : "";
  const vouched =
    vouchedFor > 0 ? `the last one vouches for #1 to #${vouchedFor}` : "none by a key of this log";
  const filesSay =
    files > 0
      ? "The files say the same as the database."
      : "The files are not on this machine; the database alone was looked at.";
  return [
    ...(first ? [line({ bold: first.kind }, `: ${first.message}${more}`)] : []),
    line(`${entries} entries in order, ${checkpoints} signed checkpoints; ${vouched}.`),
    ...(first && files > 0 ? [] : [line(filesSay)]),
    ...remarks.map((remark) => line({ faint: remark })),
  ];
}

function footer({ run, now, timeZone }: RunView<unknown>): CardPart {
  const at = clockTime(run.endedAt ?? run.createdAt, now, timeZone);
  return line({ faint: `${runName(run.id)} · ${run.actor.name} · ${at}` });
}
