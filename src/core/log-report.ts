import type { Finding } from "./log-finding.ts";
import type { LogStanding } from "./log-verifier.ts";
import { visibleText } from "./visible-text.ts";

export type LogVerdict = "sound" | "tampered" | "incomplete" | "key";

/** What a verification came to. */
export type LogReport = {
  readonly verdict: LogVerdict;
  /** The first one is the reason for the verdict. */
  readonly findings: readonly Finding[];
  readonly remarks: readonly string[];
  /** How far the log was judged; undefined when not even its beginning could be read. */
  readonly standing: LogStanding | undefined;
};

const GRAVITY = ["tampered", "key", "incomplete"] as const;

export function reportOf(
  findings: readonly Finding[],
  remarks: readonly string[],
  standing: LogStanding | undefined,
): LogReport {
  const sorted = findings.toSorted(
    (one, other) => GRAVITY.indexOf(one.class) - GRAVITY.indexOf(other.class),
  );
  return { verdict: sorted[0]?.class ?? "sound", findings: sorted, remarks, standing };
}

/** The report in the words of a terminal. */
export function reportText({ verdict, findings, remarks, standing }: LogReport): string {
  const lines = [verdict === "key" ? "NO KEY" : verdict.toUpperCase()];
  for (const finding of findings) lines.push("", ...findingLines(finding));
  if (standing) lines.push("", ...standingLines(standing));
  lines.push(...remarks);
  // A line may quote whoever edited the log, and a terminal obeys what it cannot show.
  return `${lines.map(visibleText).join("\n")}\n`;
}

function findingLines({ at, kind, message, expected, found }: Finding): string[] {
  const place = [
    at.part,
    ...(at.offset === undefined ? [] : [`byte ${at.offset}`]),
    ...(at.seq === undefined ? [] : [`#${at.seq}`]),
  ];
  return [
    `${kind}: ${place.join(", ")}`,
    `  ${message}`,
    ...(expected === undefined ? [] : [`  expected: ${expected}`]),
    ...(found === undefined ? [] : [`  found:    ${found}`]),
  ];
}

function standingLines(standing: LogStanding): string[] {
  const { origin, start, size, checkpoints, lastTrusted, compared } = standing;
  const read =
    start.seq === 0 ? counted(size, "entry", "entries") : `#${start.seq + 1} to #${size}`;
  const vouched = lastTrusted
    ? `the last one vouches for ${lastTrusted.size} entries, by key ${lastTrusted.keyId}`
    : "none by a key that was given";
  return [
    `${origin}: ${read} read in order`,
    `${counted(checkpoints, "signed checkpoint")}; ${vouched}`,
    ...(compared > 0
      ? [
          `${counted(compared, "checkpoint")} seen outside ${compared === 1 ? "lies" : "lie"} on this log`,
        ]
      : []),
  ];
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
