import { z } from "zod";

import { line, type Card, type CardPart, type CardWord } from "../../core/card.ts";
import { changeCard, type Change } from "../../core/change-card.ts";
import { formatDuration } from "../../core/duration.ts";
import { clockTime } from "../../core/moment.ts";
import { runName } from "../../core/run-name.ts";
import { inDays } from "../../core/secret-age.ts";
import { shortened } from "../../core/visible-text.ts";
import { changeRun, stagesOf, type Stage } from "../deploy/change-view.ts";
import type { RunView } from "../operation.ts";
import { journalledResults } from "../rollback/rollback-report.ts";
import type { OpenedProcedure, Phase, RotationPhase } from "./rotation-procedure.ts";
import { deedFacts, lookedAt, ROTATION_STEPS, type LookedAtSecret } from "./rotation-report.ts";
import { firstIrreversible, type RotationInput } from "./rotation-steps.ts";

type View = RunView<RotationInput>;

const TEXT_LIMIT = 300;

/** How the phases are called where there is room for two words. */
const PHASE_WORDS: Readonly<Record<RotationPhase, string>> = {
  mint: "new made",
  install: "both valid",
  distribute: "handed out",
  "prove-new": "new proved",
  drain: "time for others",
  "disable-old": "old off",
  "prove-old-dead": "old refused",
  "destroy-old": "old destroyed",
};

const keptSchema = z.object({ usual: z.unknown(), new: z.string().nullable() });

/** What the card needs beside the run; undefined when the configuration has the secret no more. */
export type RotationCardParts = Shown | undefined;

type Shown = OpenedProcedure & {
  /** The steps by which the worker proves that it has the new one. */
  readonly proofs: readonly string[];
};

export function rotationCard(view: View, procedure: RotationCardParts): Card {
  const results = journalledResults(view.steps);
  const looked = lookedAt(results);
  if (isHalfWay(view)) return leftCard(view, procedure, looked);
  const { run, input, approval, now, timeZone } = view;
  const steps = procedure ? stages(view, procedure) : [];
  const asksAnew = view.steps.some(
    ({ name, state }) => name === ROTATION_STEPS.askAnew && state === "started",
  );
  const card = changeCard({
    target: run.target,
    operation: `${input.back === true ? "lead back" : "rotate"} ${input.secret}`,
    done:
      input.back === true
        ? `${input.secret}: the old one is in force again`
        : `${input.secret} rotated`,
    run: changeRun(run),
    approval,
    change: looked ? changeLines(view, looked, asksAnew) : [],
    why: undefined,
    steps: asksAnew ? steps.filter(({ state }) => state === "to-come") : steps,
    cautions: looked ? cautions(looked, asksAnew) : [],
    notUndone: input.back === true || run.state === "ok" ? undefined : procedure?.irreversible,
    standing: standing(view),
    advice: advice(view, looked, procedure),
    again: { label: "Ask again", command: againCommand(input) },
    now,
    timeZone,
  });
  return withWayBack(card, view);
}

export function againCommand({ secret, exposed, back }: RotationInput): string {
  return `rotate ${secret}${back === true ? " back" : exposed === true ? " exposed" : ""}`;
}

/** Whether it was begun, and ended at the question before what cannot be undone. */
function isHalfWay({ run, steps }: View): boolean {
  const isAsked = steps.some(({ name }) => name === ROTATION_STEPS.askAnew);
  return isAsked && ["refused", "expired", "cancelled"].includes(run.state);
}

/** Nothing is broken then: the new one is in force, and of the old one nothing is left but a sealed copy. */
function leftCard(view: View, procedure: RotationCardParts, looked?: LookedAtSecret): Card {
  const { run, input, approval, now, timeZone } = view;
  const reasons = approval?.changed.length ? approval.changed : run.reason ? [run.reason] : [];
  const at = clockTime(run.endedAt ?? run.createdAt, now, timeZone);
  return {
    title: `🟡 ${run.target} · ${input.secret}: the new one is in force, the old one is off and not destroyed`,
    parts: [
      line("Nobody said yes to destroying the old one."),
      ...reasons.slice(0, 3).map((reason) => line(shortened(reason, TEXT_LIMIT))),
      ...(looked ? [line(...newAndOld(view, looked))] : []),
      line(
        `It can still be brought back. To destroy it: ${procedure?.irreversible ?? "for good"}.`,
      ),
      line({ faint: `${runName(run.id)} · asked by ${run.actor.name} · ${at}` }),
    ],
    actions: [
      [
        { label: "Go on", command: `rotate ${input.secret}` },
        { label: "Bring the old one back", command: `rotate ${input.secret} back` },
      ],
      [{ label: "Details", command: `runs ${runName(run.id)}` }],
    ],
  };
}

function stages(view: View, procedure: Shown): Change["steps"] {
  const { phases } = procedure;
  const kept = keptSchema.safeParse(view.kept).data;
  const drawn = stagesOf(view.input.back === true ? backStages(phases) : forthStages(procedure), {
    ...view,
    kept: kept?.usual,
  });
  const open = view.steps.find(({ state }) => state === "started")?.name;
  const waiting = phases
    .flatMap(({ deeds }) => deeds)
    .find(({ name, asksPerson }) => name === open && asksPerson !== undefined);
  return drawn.map((stage) =>
    stage.state === "under-way" ? { ...stage, progress: waiting?.asksPerson ?? open } : stage,
  );
}

function forthStages({ phases, proofs }: Shown): readonly Stage[] {
  const before = phases.slice(0, firstIrreversible(phases));
  const names = [...new Set(phases.map(({ name }) => name))];
  return names.flatMap((name) => {
    const deeds = phases.filter((phase) => phase.name === name).flatMap((phase) => phase.deeds);
    const isBefore = before.some((phase) => phase.name === name);
    const stage = {
      name: PHASE_WORDS[name],
      steps: [
        ...deeds.map((deed) => deed.name),
        ...(name === "prove-new" ? proofs : []),
        ...(name === "prove-old-dead" ? [ROTATION_STEPS.refused] : []),
        ...(name === "destroy-old" ? [ROTATION_STEPS.close] : []),
      ],
    };
    if (isBefore || before.length === 0 || name !== phases[before.length]?.name) return [stage];
    return [{ name: "asked anew", steps: [ROTATION_STEPS.askAnew] }, stage];
  });
}

function backStages(phases: readonly Phase[]): readonly Stage[] {
  return [
    ...phases
      .toReversed()
      .flatMap(({ undo = [] }) =>
        undo.length === 0 ? [] : [{ name: undo[0]!.name, steps: undo.map(({ name }) => name) }],
      ),
    { name: "over", steps: [ROTATION_STEPS.ledBack] },
  ];
}

function changeLines(
  view: View,
  looked: LookedAtSecret,
  asksAnew: boolean,
): readonly (readonly CardWord[])[] {
  if (asksAnew) {
    return [
      newAndOld(view, looked),
      ["Both was proved again and again, on connections of its own."],
    ];
  }
  const { parameters } = looked;
  const told = ["applications", "roles", "variable", "meanwhile"].flatMap((name) =>
    parameters[name] === undefined ? [] : [`${name}: ${parameters[name]}`],
  );
  return [
    [
      { code: looked.present ?? "the present one" },
      view.input.back === true ? " comes into force again" : " → a new one",
      ageOf(looked, view.now),
    ],
    ...(told.length === 0 ? [] : [[shortened(told.join(" · "), TEXT_LIMIT)]]),
  ];
}

function newAndOld(view: View, { present }: LookedAtSecret): readonly CardWord[] {
  const minted = keptSchema.safeParse(view.kept).data?.new ?? "the new one";
  return [{ code: minted }, " is in force, ", { code: present ?? "the old one" }, " is refused."];
}

function ageOf({ madeAt, dueAt }: LookedAtSecret, now: Date): string {
  if (madeAt === null || dueAt === null) return " · of unknown age";
  const leftMs = new Date(dueAt).getTime() - now.getTime();
  const due = leftMs > 0 ? `due in ${inDays(leftMs)}` : `due ${inDays(-leftMs)} ago`;
  return ` · ${inDays(Math.max(0, now.getTime() - new Date(madeAt).getTime()))} old, ${due}`;
}

function cautions(looked: LookedAtSecret, asksAnew: boolean): readonly string[] {
  if (asksAnew) return [];
  return [
    ...(looked.isExposed
      ? ["🚨 It may be known to others, so nobody is given time; every proof is."]
      : []),
    ...(looked.left === null ? [] : [`${looked.left} has begun it; it is gone on with.`]),
    ...(looked.isHeldElsewhere ? [HELD_ELSEWHERE] : []),
  ];
}

const HELD_ELSEWHERE =
  "Flightdeck itself has it from its environment: change it there, and start it again.";

/** Where the target stands after an end that was not meant. */
function standing(view: View): readonly string[] {
  const { steps, run } = view;
  if (!["failed", "cancelled", "unknown"].includes(run.state)) return [];
  const isDone = (wanted: string): boolean =>
    steps.some(({ name, state }) => name === wanted && state === "done");
  if (!isDone(ROTATION_STEPS.open)) return ["Nothing was changed."];
  if (isDone(ROTATION_STEPS.ledBack)) {
    return ["It was led back: the old one is in force as before, the new one is accepted nowhere."];
  }
  return [
    isDone(ROTATION_STEPS.askAnew)
      ? "The new one is in force; whether the old one is gone was not seen."
      : "It is half done. Both are kept sealed, so it can be gone on with or led back.",
  ];
}

function advice(
  view: View,
  looked: LookedAtSecret | undefined,
  procedure: RotationCardParts,
): readonly string[] {
  const { run, input, steps } = view;
  if (run.state !== "ok" || input.back === true) return [];
  const results = journalledResults(steps);
  const gap = steps.map(({ name }) => deedFacts(results, name)["gap"]).find((one) => one);
  const inBetween =
    gap === undefined
      ? procedure?.hasOverlap === true
        ? ["Both were accepted in between, so nobody was refused."]
        : []
      : [`In between neither was accepted, for ${gap}.`];
  return [...inBetween, ...(looked?.isHeldElsewhere === true ? [HELD_ELSEWHERE] : [])];
}

/** What was left half done is led back by a tap. */
function withWayBack(card: Card, { run, input, steps }: View): Card {
  const wasBegun = steps.some(
    ({ name, state }) => name === ROTATION_STEPS.open && state === "done",
  );
  const isOver = steps.some(
    ({ name, state }) =>
      [ROTATION_STEPS.ledBack, ROTATION_STEPS.askAnew].includes(name as never) && state === "done",
  );
  if (!wasBegun || isOver || !["failed", "cancelled"].includes(run.state)) return card;
  const back = { label: "Lead it back", command: `rotate ${input.secret} back` };
  return { ...card, actions: [...card.actions, [back]] };
}

/** Exactly what was agreed on, and every step with what it came to. */
export function rotationDetails({ steps, approval }: View): readonly CardPart[] {
  const question = approval?.question;
  const facts = (title: string, of: Readonly<Record<string, string>>): CardPart => ({
    kind: "code",
    text: [title, ...Object.entries(of).map(([name, fact]) => `  ${name}: ${fact}`)].join("\n"),
  });
  return [
    ...(question
      ? [
          facts("approved is exactly", question.parameters),
          facts("as it was when it was asked", question.observed),
        ]
      : []),
    ...steps.map(({ name, state, error, startedAt, endedAt }) => {
      const took = endedAt ? ` in ${formatDuration(endedAt.getTime() - startedAt.getTime())}` : "";
      const said = error === null ? "" : `: ${shortened(error, TEXT_LIMIT)}`;
      return line({ bold: name }, ` · ${state}${took}${said}`);
    }),
  ];
}
