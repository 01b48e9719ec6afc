import { line, type Card, type CardAction, type CardPart } from "../../core/card.ts";
import { clockTime } from "../../core/moment.ts";
import { runName } from "../../core/run-name.ts";
import type { VariableStanding, VariableWay } from "../../core/secret-plan.ts";
import type { RunView } from "../operation.ts";
import { LOOK, standingsFrom } from "./secrets-init-report.ts";

const SHOWN_PROBLEMS = 4;
const AGAIN: readonly CardAction[] = [{ label: "Look again", command: "secrets" }];

/** How what is missing comes about, as people read it. */
const WAYS: Readonly<Record<VariableWay, string>> = {
  given: "the configuration gives it",
  made: "will be made",
  asked: "will be asked for",
  copied: "another application has it",
};

/** Which variables are there: what is wrong first, then what is missing and how it comes about, and no value ever. */
export function secretsCard(view: RunView<unknown>): Card {
  const { run, steps } = view;
  const standings = standingsFrom(steps.find(({ name }) => name === LOOK)?.result);
  const created = steps
    .filter(({ kind, state }) => kind === "act" && state === "done")
    .map(({ name, result }) => line(`+ ${name}: ${listed(result)}`));
  const parts = [...created, ...(standings ? standingLines(standings) : []), footer(view)];
  switch (run.state) {
    case "waiting":
    case "running":
      return { title: `⏳ ${run.target} · ${run.operation}`, parts, actions: [] };
    case "ok":
      return {
        title: `${titleMark(run.verdict)} ${run.target} · variables ${summary(standings)}`,
        parts,
        actions: [AGAIN],
      };
    case "unknown":
    case "failed":
    case "refused":
    case "expired":
    case "cancelled":
      return {
        title: `🔴 ${run.target} · ${run.operation} ${run.state}`,
        parts: [
          line(run.reason ?? "No reason was recorded."),
          ...parts,
          ...(run.operation === "secrets-init"
            ? [line("Nothing that was there is changed. `flightdeck secrets init` goes on.")]
            : []),
        ],
        actions: [AGAIN],
      };
  }
}

/** Every variable by name, with where it is and where it is not. */
export function secretsDetails({ steps }: RunView<unknown>): readonly CardPart[] {
  const standings = standingsFrom(steps.find(({ name }) => name === LOOK)?.result);
  if (!standings || standings.length === 0) return [];
  const told = standings.map(({ name, set, missing, problem }) =>
    [
      `${name}:`,
      ...(set.length > 0 ? [`set in ${set.join(", ")}`] : []),
      ...(missing.length > 0 ? [`missing in ${missing.join(", ")}`] : []),
      ...(problem === undefined ? [] : [`(${problem})`]),
    ].join(" "),
  );
  return [{ kind: "code", text: told.join("\n") }];
}

function titleMark(verdict: string | null): string {
  if (verdict === "GO") return "🟢";
  return verdict === "NO-GO" ? "🔴" : "🟡";
}

function summary(standings: readonly VariableStanding[] | undefined): string {
  if (!standings) return "UNKNOWN";
  const wrong = standings.filter(({ problem }) => problem !== undefined).length;
  const missing = standings.filter((one) => one.missing.length > 0).length;
  const parts = [
    ...(wrong > 0 ? [`${wrong} not as they should be`] : []),
    ...(missing > 0 ? [`${missing} missing`] : []),
  ];
  return parts.length > 0 ? `NO-GO: ${parts.join(", ")}` : `GO: all ${standings.length} are set`;
}

function standingLines(standings: readonly VariableStanding[]): readonly CardPart[] {
  const wrong = standings.filter(({ problem }) => problem !== undefined);
  const shown = wrong.slice(0, SHOWN_PROBLEMS);
  const rest = wrong.length - shown.length;
  const ways = (Object.keys(WAYS) as readonly VariableWay[]).flatMap((way) => {
    const names = standings.filter((one) => one.missing.length > 0 && one.way === way);
    return names.length === 0
      ? []
      : [line(`– ${WAYS[way]}: ${names.map(whereMissing).join(", ")}`)];
  });
  const set = standings
    .filter(({ missing }) => missing.length === 0)
    .map(({ name }) => `✓ ${name}`);
  return [
    ...shown.map(({ name, problem }) => line(`✗ ${name} ${problem}`)),
    ...(rest > 0 ? [line(`… and ${rest} more`)] : []),
    ...ways,
    ...(set.length > 0 ? [{ kind: "folded", lines: set } as const] : []),
  ];
}

/** The applications are named where it is not missing in all of them. */
function whereMissing({ name, set, missing }: VariableStanding): string {
  return set.length === 0 ? name : `${name} (${missing.join(", ")})`;
}

function listed(result: unknown): string {
  const names = Array.isArray(result) ? result : [];
  return names.length === 0 ? "nothing, it was there" : names.join(", ");
}

function footer({ run, now, timeZone }: RunView<unknown>): CardPart {
  const at = clockTime(run.endedAt ?? run.createdAt, now, timeZone);
  return line({ faint: `${runName(run.id)} · ${run.actor.name} · ${at}` });
}
