import type { Card, CardPart, CardWord } from "../../core/card.ts";
import { line } from "../../core/card.ts";
import { changeCard } from "../../core/change-card.ts";
import { formatDuration } from "../../core/duration.ts";
import { age } from "../../core/moment.ts";
import { shortened } from "../../core/visible-text.ts";
import { changeRun, stagesOf, type Stage } from "../deploy/change-view.ts";
import type { RunView } from "../operation.ts";
import { FOLLOW, requeueReport, RETURN, type Followed, type Looked } from "./requeue-report.ts";

type View = RunView<{ readonly job?: string | undefined }>;

const STAGES: readonly Stage[] = [RETURN, FOLLOW].map((name) => ({ name, steps: [name] }));
const JOB_SHOWN = 13;

/** One card from the question to the job's end; nothing of the job is on it but its name and what it is about. */
export function requeueCard(view: View): Card {
  const { run, input, approval, now, timeZone } = view;
  const { looked, followed } = requeueReport(view.steps);
  const again = input.job === undefined ? "requeue" : `requeue ${input.job}`;
  const card = changeCard({
    target: run.target,
    operation: "requeue",
    done: followed === undefined ? "put back" : doneWords(followed),
    run: changeRun(run),
    approval,
    change: looked === undefined ? [] : changeWords(looked, now),
    why: undefined,
    steps: stagesOf(STAGES, view),
    cautions: looked === undefined ? [] : cautions(looked),
    notUndone: undefined,
    standing: [],
    advice: followed === undefined ? [] : advice(followed),
    again: { label: "Ask again", command: again },
    now,
    timeZone,
  });
  const isWell = followed === undefined || followed.outcome === "completed";
  return isWell ? card : { ...card, title: card.title.replace("🟢", markOf(followed)) };
}

/** Everything that the look found. */
export function requeueDetails({ steps, now }: View): readonly CardPart[] {
  const { looked, followed } = requeueReport(steps);
  if (looked === undefined) return [];
  const { others, letter } = looked;
  return [
    ...changeWords(looked, now).map((words) => line(...words)),
    line({ faint: "letter " }, { code: letter.hash }),
    ...(followed === undefined
      ? []
      : [line(doneWords(followed)), ...advice(followed).map((text) => line(text))]),
    ...(others.length > 0
      ? [line("The next of the others:"), { kind: "folded" as const, lines: others }]
      : []),
  ];
}

function changeWords({ letter, from, to }: Looked, now: Date): readonly (readonly CardWord[])[] {
  const { job, topic, diedAt, error } = letter;
  const death = diedAt === null ? [] : [`died ${age(new Date(diedAt), now)}`];
  const because = error === null || error === "" ? [] : [error];
  return [
    [{ bold: topic ?? "job" }, ` ${shortened(job, JOB_SHOWN)} → ${to}`],
    [[...death, ...because].join(": ") || `given up, in ${from}`],
  ];
}

function cautions({ waiting, from }: Looked): readonly string[] {
  const others = waiting - 1;
  const stay = others === 1 ? "1 other stays" : `${others} others stay`;
  return [
    "It is done again from its start: what it did before it died may happen twice.",
    ...(others > 0 ? [`${stay} in ${from}.`] : []),
  ];
}

function doneWords(followed: Followed): string {
  switch (followed.outcome) {
    case "completed":
      return `the job completed after ${formatDuration(followed.tookMs)}`;
    case "died again":
      return "the job died again";
    case "not seen to end":
      return "the job was put back and not seen to end";
  }
}

function advice(followed: Followed): readonly string[] {
  switch (followed.outcome) {
    case "completed":
      return [];
    case "died again": {
      const because = followed.error === null || followed.error === "" ? "" : `: ${followed.error}`;
      return [
        `After ${formatDuration(followed.tookMs)}${because}. It lies among the dead letters again.`,
      ];
    }
    case "not seen to end":
      return [`Within ${followed.waited} it neither completed nor died. Does the worker run?`];
  }
}

function markOf({ outcome }: Followed): string {
  return outcome === "died again" ? "🔴" : "🟡";
}
