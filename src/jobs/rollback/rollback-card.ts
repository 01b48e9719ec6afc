import { z } from "zod";

import type { Card, CardPart, CardWord } from "../../core/card.ts";
import { line } from "../../core/card.ts";
import { changeCard, type ChangeStep } from "../../core/change-card.ts";
import { formatDuration } from "../../core/duration.ts";
import { age } from "../../core/moment.ts";
import { lessonWords, shortCommit, shortRevision, typedCommit } from "../../core/release.ts";
import { shortened } from "../../core/visible-text.ts";
import { changeRun, stagesOf, type Stage } from "../deploy/change-view.ts";
import { checksWaitSchema } from "../deploy/health-steps.ts";
import type { RunView } from "../operation.ts";
import { APPLICATION_ROLES } from "./release-sight.ts";
import type { RollbackPlan } from "./rollback-plan.ts";
import {
  cancelName,
  deployName,
  journalledResults,
  lookedIn,
  ROLLBACK_FLOWS,
  ROLLBACK_STEPS,
  standingOf,
  type Looked,
} from "./rollback-report.ts";
import type { RollbackInput } from "./rollback-steps.ts";

const TEXT_LIMIT = 300;

type View = RunView<RollbackInput>;

/** Names of the steps of each flow that proves it, for what the card calls by one word. */
type FlowSteps = Readonly<Record<string, readonly string[]>>;

export type RollbackCardParts = {
  readonly restoreRunbook: string;
  readonly flows: FlowSteps;
};

export function rollbackCard(view: View, parts: RollbackCardParts): Card {
  const { run, input, now, timeZone, approval } = view;
  const looked = lookedIn(journalledResults(view.steps));
  const steps = looked ? withProgress(stages(looked.plan, parts), view) : [];
  return changeCard({
    target: run.target,
    operation: "rollback",
    done: looked ? `rolled back to ${shortCommit(looked.plan.to)}` : "rolled back",
    run: changeRun(run),
    approval,
    change: looked ? changeLines(looked, now) : [],
    why: input.why,
    steps,
    cautions: looked ? cautions(looked.plan) : [],
    notUndone: looked && notUndone(looked.plan, parts),
    standing: standingOf(view.steps),
    advice: looked ? advice(looked.plan, view, steps, parts) : [],
    again: { label: "Ask again", command: againCommand(input, looked) },
    now,
    timeZone,
  });
}

/** What asks for the same release once more, by the ordinary way: a reason for acting alone is given anew. */
export function againCommand({ to }: RollbackInput, looked?: Looked): string {
  const commit = looked?.plan.to ?? to;
  return commit === undefined ? "rollback" : `rollback ${typedCommit(commit)}`;
}

/** `9e107d9 → 5c1f0b7`, then what either of them is. */
function changeLines({ plan, history }: Looked, now: Date): readonly (readonly CardWord[])[] {
  const { to, applications, deployedAt, lesson } = plan;
  const changed = applications.filter(({ isRedeployed }) => isRedeployed);
  const from = changed.map(({ role, from }) => ({
    role,
    commit: from === null ? "unknown" : shortCommit(from),
  }));
  const isOne = from.every(({ commit }) => commit === from[0]?.commit);
  const left = isOne
    ? (from[0]?.commit ?? "")
    : from.map(({ role, commit }) => `${role} ${commit}`).join(", ");
  const only = changed.length < applications.length ? ` (${changed[0]?.role} only)` : "";
  const behind = history?.apart ? commitsBack(history.apart) : undefined;
  const known = [
    deployedAt ? `deployed ${age(deployedAt, now)}` : undefined,
    lessonWords(lesson ?? undefined, now),
    behind,
  ].filter((text) => text !== undefined);
  return [
    [{ code: left }, " → ", { code: shortCommit(to) }, only],
    ...(history?.from ? [[shortened(`away from: ${history.from}`, TEXT_LIMIT)]] : []),
    [
      shortened(
        `back to: ${[...(history?.to ? [history.to] : []), ...known].join(" · ")}`,
        TEXT_LIMIT,
      ),
    ],
  ];
}

function commitsBack({
  ahead,
  behind,
}: {
  readonly ahead: number;
  readonly behind: number;
}): string {
  const back = `${ahead} ${ahead === 1 ? "commit" : "commits"} back`;
  return behind === 0 ? back : `${back}, ${behind} of its own`;
}

/** The plan in the words of the card; what does not apply to it is left out. */
function stages({ applications }: RollbackPlan, { flows }: RollbackCardParts): readonly Stage[] {
  const changed = applications.filter(({ isRedeployed }) => isRedeployed).map(({ role }) => role);
  return [
    ...(applications.some(({ freezes }) => freezes)
      ? [{ name: "auto-deploy off", steps: [ROLLBACK_STEPS.freeze] }]
      : []),
    ...(applications.some(({ cancels }) => cancels.length > 0)
      ? [{ name: "cancel what is under way", steps: APPLICATION_ROLES.map(cancelName) }]
      : []),
    {
      name: changed.join(" + "),
      steps: [...changed.map(deployName), ROLLBACK_STEPS.end, ROLLBACK_STEPS.placed],
    },
    { name: "ready", steps: [ROLLBACK_STEPS.ready] },
    ...ROLLBACK_FLOWS.flatMap((name) => {
      const steps = flows[name];
      return steps === undefined ? [] : [{ name, steps }];
    }),
  ];
}

function withProgress(of: readonly Stage[], view: View): readonly ChangeStep[] {
  const open = view.steps.find(({ state }) => state === "started");
  return stagesOf(of, view).map((step) =>
    step.state === "under-way" ? { ...step, progress: progressWords(open?.progress) } : step,
  );
}

const deploymentsProgressSchema = z.record(z.string(), z.object({ status: z.string() }));

function progressWords(progress: unknown): string | undefined {
  const waits = checksWaitSchema.safeParse(progress);
  if (waits.success) return `waits for ${waits.data.waitsFor[0] ?? "its checks"}`;
  const deployments = deploymentsProgressSchema.safeParse(progress);
  if (!deployments.success) return undefined;
  return Object.entries(deployments.data)
    .map(([role, { status }]) => `${role} ${status.replaceAll("_", " ")}`)
    .join(", ");
}

function cautions({ schemaWords, applications }: RollbackPlan): readonly string[] {
  const changed = applications.filter(({ isRedeployed }) => isRedeployed);
  const named = (image: "gone" | "unseen"): string =>
    changed
      .filter((one) => one.image === image)
      .map(({ role }) => role)
      .join(" and ");
  const [gone, unseen] = [named("gone"), named("unseen")];
  const images = [
    ...(gone === ""
      ? []
      : [`The image for ${gone} is gone: it is built anew, which takes minutes.`]),
    ...(unseen === "" ? [] : [`Nobody can see whether the image for ${unseen} is kept.`]),
  ];
  return [schemaWords, images.join(" ") || "Its images are kept, so nothing is built."];
}

function notUndone(
  { schemaRevision }: RollbackPlan,
  { restoreRunbook }: RollbackCardParts,
): string {
  const schema = schemaRevision === null ? "schema" : `schema (${shortRevision(schemaRevision)})`;
  return `${schema}, data, variables. Data in doubt: ${restoreRunbook}`;
}

function advice(
  { to, applications }: RollbackPlan,
  { run }: View,
  steps: readonly ChangeStep[],
  { restoreRunbook }: RollbackCardParts,
): readonly string[] {
  const isFrozen = applications.some(({ freezes }) => freezes);
  if (run.state === "ok") {
    return isFrozen ? ["Auto-deploy is off now, so that no push undoes it."] : [];
  }
  const failed = steps.find(({ state }) => state === "failed" || state === "in-doubt")?.name;
  if (failed === undefined) return [];
  if (["ready", ...ROLLBACK_FLOWS].includes(failed)) {
    return [
      `${shortCommit(to)} is in place and not well, so it may not be the release. Data in doubt: ${restoreRunbook}`,
    ];
  }
  return ["The log of a deployment is in Coolify. /rollback shows the other releases."];
}

/** Exactly what was agreed on, and every step with what it came to. */
export function rollbackDetails({ steps, approval }: RunView<unknown>): readonly CardPart[] {
  const question = approval?.question;
  return [
    ...(question
      ? [
          codeOf("approved is exactly", question.parameters),
          codeOf("as it was when it was asked", question.observed),
        ]
      : []),
    ...steps.map(({ name, state, error, startedAt, endedAt }) => {
      const took = endedAt ? ` in ${formatDuration(endedAt.getTime() - startedAt.getTime())}` : "";
      const said = error === null ? "" : `: ${shortened(error, TEXT_LIMIT)}`;
      return line({ bold: name }, ` · ${state}${took}${said}`);
    }),
  ];
}

function codeOf(title: string, facts: Readonly<Record<string, string>>): CardPart {
  const told = Object.entries(facts).map(([name, fact]) => `  ${name}: ${fact}`);
  return { kind: "code", text: [title, ...told].join("\n") };
}
