import { z } from "zod";

import { line, type Card, type CardAction, type CardPart, type CardWord } from "../../core/card.ts";
import { changeCard, type Change } from "../../core/change-card.ts";
import type { PassedGate } from "../../core/deploy-gate.ts";
import { formatDuration } from "../../core/duration.ts";
import type { Json } from "../../core/json.ts";
import { age, clockMinute, clockTime } from "../../core/moment.ts";
import { runningCommit, shortCommit, typedCommit } from "../../core/release.ts";
import { runName } from "../../core/run-name.ts";
import { isReadyForReview, type FieldStanding } from "../../core/sign-off.ts";
import { shortened } from "../../core/visible-text.ts";
import type { Results, RunView } from "../operation.ts";
import type { ReleaseHistory } from "../rollback/release-history.ts";
import { journalledResults } from "../rollback/rollback-report.ts";
import { changeRun, stagesOf, type Stage } from "./change-view.ts";
import { deployBeginning, DEPLOY_STEPS, formerIn } from "./deploy-report.ts";
import { deployStanding, hasChanged } from "./deploy-standing.ts";
import type { DeployInput } from "./deploy-steps.ts";
import { stayedGoodSchema, watchProgressSchema } from "./deploy-watch.ts";
import { deploymentProgressText } from "./deployment-sight.ts";
import { areOpen } from "./gate-look.ts";
import { checksWaitSchema } from "./health-steps.ts";
import {
  fieldLine,
  keptSignOffSchema,
  signOffStandings,
  type SignOffView,
} from "./sign-off-view.ts";

/** What the operation keeps for its card beside the journal. */
const keptSchema = z.object({
  durations: z.record(z.string(), z.number()),
  signOff: keptSignOffSchema.nullable(),
});

type View = RunView<DeployInput>;

const TEXT_LIMIT = 140;

/** One card from the request until the rollout is signed. */
export function deployCard(view: View, stagesFor: (results: Results) => readonly Stage[]): Card {
  const results = journalledResults(view.steps);
  const { gates } = deployBeginning(results);
  if (view.run.state === "ok" && gates && !areOpen(gates)) return blockedCard(view, gates.gates);
  const card = changeCard(changeOf(view, gates === undefined ? [] : stagesFor(results)));
  const signOff = keptSchema.safeParse(view.kept).data?.signOff;
  if (view.run.state !== "ok") return withRollback(card, view);
  return signOff ? withSignOff(card, view, signOff) : card;
}

function changeOf(view: View, stages: readonly Stage[]): Change {
  const { run, input, steps, now, timeZone, approval } = view;
  const { source, gates } = deployBeginning(journalledResults(steps));
  const durations = keptSchema.safeParse(view.kept).data?.durations;
  const current = steps.findLast(({ state }) => state === "started");
  return {
    target: run.target,
    operation: "deploy",
    done: `deployed ${source ? shortCommit(source.commit) : "nothing"}`,
    run: changeRun(run),
    approval,
    change: changeLines(view),
    why: undefined,
    steps: stagesOf(stages, { ...view, kept: durations }).map((stage) =>
      stage.state === "under-way" && current
        ? { ...stage, progress: progressText(current.progress, now) }
        : stage,
    ),
    cautions: [
      ...(gates?.gates ?? []).flatMap(({ name, words, overriddenBecause }) =>
        overriddenBecause === undefined
          ? []
          : [
              `⚠️ Gate ${name} passed by word of ${run.actor.name} (${words}): ${overriddenBecause}`,
            ],
      ),
      ...sameWords(view),
    ],
    notUndone: stages.some(({ name }) => name === "schema")
      ? "what migrations change in the schema and the data"
      : undefined,
    standing: deployStanding(steps),
    advice: adviceFor(view),
    again: againAction(input, "Ask again"),
    now,
    timeZone,
  };
}

/** Deploying what runs already ships no code, and takes up the variables of now. */
function sameWords({ steps }: View): readonly string[] {
  const { source, sight } = deployBeginning(journalledResults(steps));
  const runs = sight?.applications.every(
    (application) => runningCommit(application) === source?.commit,
  );
  return source && runs === true
    ? ["It runs everywhere already: its containers are made anew, with the variables of now."]
    : [];
}

/** From what to what; then the whole hash, which is what people say yes to. */
function changeLines({ steps, now }: View): readonly (readonly CardWord[])[] {
  const results = journalledResults(steps);
  const { source, sight, history } = deployBeginning(results);
  if (!source) return [];
  const running = formerIn(results);
  const before = running === undefined ? "nothing" : shortCommit(running);
  const since = sight?.applications.find(({ role }) => role === "api")?.finished[0]?.at;
  const aged = since === undefined ? "" : ` (${age(since, now)})`;
  return [
    [{ code: before }, `${aged} → `, { code: shortCommit(source.commit) }, ` · ${source.meant}`],
    [{ code: source.commit }],
    ...(history?.to ? [[shortened(`${history.to}${commitsApart(history)}`, TEXT_LIMIT)]] : []),
  ];
}

function commitsApart({ apart }: ReleaseHistory): string {
  if (apart === null) return "";
  // Seen from the release that is to come, what it has beyond the one that runs is behind the other.
  const { behind: beyond, ahead: lost } = apart;
  const more = `${beyond} ${beyond === 1 ? "commit" : "commits"} more`;
  return lost === 0 ? ` · ${more}` : ` · ${more}, and without ${lost} that run now`;
}

function adviceFor({ run, steps }: View): readonly string[] {
  const watched = stayedGoodSchema.safeParse(journalledResults(steps)[DEPLOY_STEPS.watch]).data;
  if (run.state === "ok") return goodEndWords(watched);
  if (!hasChanged(steps)) return [];
  const former = formerIn(journalledResults(steps));
  return former === undefined
    ? ["There is no release to go back to; mend it forward."]
    : [`To go back to ${shortCommit(former)}, tap Roll back; the schema stays as it is.`];
}

/** What everybody should know of a release that stayed good. */
function goodEndWords(watched: z.output<typeof stayedGoodSchema> | undefined): readonly string[] {
  if (!watched) return [];
  const { notYet, blips } = watched;
  return [
    ...(notYet.length > 0 ? [`Not good yet, and to be set up now: ${notYet.join(", ")}`] : []),
    ...(blips.length > 0 ? [`Bad once while it was watched: ${blips.join(", ")}`] : []),
  ];
}

/** What was begun and did not end well is offered to be taken back before anything else. */
function withRollback(card: Card, { run, steps }: View): Card {
  const isOver = ["failed", "cancelled"].includes(run.state);
  const former = formerIn(journalledResults(steps));
  if (!isOver || former === undefined || !hasChanged(steps)) return card;
  const action: CardAction = {
    label: `Roll back to ${shortCommit(former)}`,
    command: `rollback ${typedCommit(former)}`,
    style: "danger",
  };
  return { ...card, actions: [[action], ...card.actions] };
}

function againAction({ commit }: DeployInput, label: string): CardAction {
  return { label, command: deployLine(commit) };
}

/** The command line that asks for the same once more; what was passed by word has to be said anew. */
export function deployLine(commit: string | undefined): string {
  return commit === undefined ? "deploy" : `deploy ${typedCommit(commit)}`;
}

/** Nobody was asked: the gates that are shut first, each with what opens it. */
function blockedCard(view: View, gates: readonly PassedGate[]): Card {
  const { run, input, now, timeZone } = view;
  const { source } = deployBeginning(journalledResults(view.steps));
  const isShut = ({ ok, overriddenBecause }: PassedGate): boolean =>
    !ok && overriddenBecause === undefined;
  const shut = gates.filter(isShut);
  const names = shut.map(({ name }) => name);
  const commit = source === undefined ? "" : ` ${typedCommit(source.commit)}`;
  return {
    title: `🔴 ${run.target} · deploy blocked by ${names.join(", ")}`,
    parts: [
      ...changeLines(view)
        .slice(0, 1)
        .map((words) => line(...words)),
      ...shut.map((gate) => gateLine("✗", gate)),
      ...gates.filter((gate) => !isShut(gate)).map((gate) => gateLine("✓", gate)),
      line("An approver may pass a gate by name: ", {
        code: `/deploy${commit} --override ${names.join(",")} --because "…"`,
      }),
      line({
        faint: `${runName(run.id)} · asked by ${run.actor.name} · ${clockTime(run.createdAt, now, timeZone)}`,
      }),
    ],
    actions: [
      ...(names.includes("preflight") ? [[{ label: "Preflight", command: "preflight" }]] : []),
      ...(names.includes("backup") ? [[{ label: "Back up now", command: "backup" }]] : []),
      [againAction(input, "Ask again"), { label: "Details", command: `runs ${runName(run.id)}` }],
    ],
  };
}

function gateLine(sign: string, { name, ok, words, overriddenBecause }: PassedGate): CardPart {
  const said = overriddenBecause === undefined ? "" : ` · passed by word: ${overriddenBecause}`;
  const mark = ok || overriddenBecause === undefined ? sign : "⚠️";
  return line(`${mark} `, { bold: name }, shortened(`: ${words}${said}`, TEXT_LIMIT));
}

/** What is left to people, below what was done. */
function withSignOff(card: Card, view: View, signOff: SignOffView): Card {
  const { now, timeZone } = view;
  const standings = signOffStandings(journalledResults(view.steps), signOff);
  const isSure = (one: FieldStanding): boolean => one.kind !== "open" && one.yes;
  const left = standings.filter((one) => !isSure(one));
  const lines = left.map((one) => line(fieldLine(one, now)));
  const sure = standings.filter(isSure).map((one) => fieldLine(one, now));
  const parts = [
    ...lines,
    line(signOffWords(signOff, standings, now, timeZone)),
    ...(sure.length > 0 ? [{ kind: "folded", lines: sure } as const] : []),
  ];
  const at = Math.max(0, card.parts.length - 1);
  return {
    title: `${card.title}${titleWords(signOff)}`,
    parts: [...card.parts.slice(0, at), ...parts, ...card.parts.slice(at)],
    actions: [...signActions(view, signOff, standings), ...card.actions],
  };
}

function titleWords({ state, reviewedBy }: SignOffView): string {
  switch (state) {
    case "open":
      return " · to be signed";
    case "signed":
      return ` · signed, reviewed by ${reviewedBy ?? "nobody"}`;
    case "superseded":
      return "";
  }
}

function signOffWords(
  { state, reviewedBy, closedAt }: SignOffView,
  standings: readonly FieldStanding[],
  now: Date,
  timeZone: string,
): string {
  const at = closedAt === null ? "" : ` ${clockMinute(closedAt, now, timeZone)}`;
  switch (state) {
    case "signed":
      return `Complete after review by ${reviewedBy ?? "nobody"}${at}.`;
    case "superseded":
      return `Not signed before the next rollout${at}.`;
    case "open":
      return isReadyForReview(standings)
        ? "Sign-off: all six are yes. Somebody else reviews it and completes it."
        : "Sign-off: to be answered by whoever asked, then reviewed by somebody else.";
  }
}

function signActions(
  { run }: View,
  { state }: SignOffView,
  standings: readonly FieldStanding[],
): Card["actions"] {
  if (state !== "open") return [];
  const name = runName(run.id);
  const asked = standings
    .filter((one) => one.kind === "open" || (one.kind === "answered" && !one.yes))
    .map(({ field }): readonly CardAction[] => [
      { label: `${field}: yes`, command: `sign ${name} ${field} yes` },
      { label: `${field}: no`, command: `sign ${name} ${field} no` },
    ]);
  if (!isReadyForReview(standings)) return asked;
  const label = "Reviewed: complete";
  return [[{ label, command: `sign ${name} complete`, style: "success" }]];
}

/** What there is to say of a step that is under way. */
function progressText(progress: Json | null, now: Date): string | undefined {
  if (progress === null) return undefined;
  const watched = watchProgressSchema.safeParse(progress).data;
  if (watched) {
    const bad = watched.bad.length > 0 ? ` · ✗ ${watched.bad.join(", ")}` : "";
    return `${formatDuration(watched.leftMs)} left${bad}`;
  }
  const waits = checksWaitSchema.safeParse(progress).data;
  if (waits) return waits.waitsFor.join("; ");
  const drained = z.object({ known: z.number(), left: z.number() }).safeParse(progress).data;
  if (drained) return `${drained.left} of ${drained.known} known jobs have not ended`;
  return deploymentProgressText(progress, now);
}

/** Everything that the run saw, for whoever opens the details. */
export function deployDetails(view: View): readonly CardPart[] {
  const { steps, now } = view;
  const results = journalledResults(steps);
  const { gates, source } = deployBeginning(results);
  const signOff = keptSchema.safeParse(view.kept).data?.signOff;
  const told = steps
    .filter(({ name }) => !BEFORE.includes(name))
    .map(({ name, state, error, startedAt, endedAt }) => {
      const took = endedAt ? ` (${formatDuration(endedAt.getTime() - startedAt.getTime())})` : "";
      return `${state === "done" ? "✓" : "✗"} ${name}${took}${error === null ? "" : `: ${error}`}`;
    });
  return [
    ...(source ? [line({ code: source.commit }, ` · ${source.meant}`)] : []),
    ...(gates?.gates ?? []).map((gate) => gateLine(gate.ok ? "✓" : "✗", gate)),
    ...(told.length > 0 ? [{ kind: "folded", lines: told } as const] : []),
    ...(signOff
      ? [
          {
            kind: "folded",
            lines: signOffStandings(results, signOff).map((one) => fieldLine(one, now)),
          } as const,
        ]
      : []),
  ];
}

const BEFORE: readonly string[] = [DEPLOY_STEPS.source, DEPLOY_STEPS.sight, DEPLOY_STEPS.gates];
