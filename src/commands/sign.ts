import type { Actor } from "../core/actor.ts";
import { parseRunName, runName } from "../core/run-name.ts";
import {
  decideAnswer,
  decideReview,
  signOffFacts,
  type Signer,
  type SignOffField,
} from "../core/sign-off.ts";
import { commitIn, signedOn } from "../jobs/deploy/deploy-report.ts";
import { signOffStandings } from "../jobs/deploy/sign-off-view.ts";
import { subjectOf } from "../jobs/engine/run-record.ts";
import { journalledResults } from "../jobs/rollback/rollback-report.ts";
import { stateChanged } from "../storage/outbox.ts";
import { meetRelease } from "../storage/release.ts";
import { stepsOf } from "../storage/run-step.ts";
import { findRun } from "../storage/run.ts";
import {
  answersOf,
  changedSince,
  findSignOff,
  keepAnswer,
  sign as signNow,
} from "../storage/sign-off.ts";
import { defineCommand, type Answer, type CommandContext } from "./command.ts";

type Said =
  | { readonly kind: "complete" }
  | { readonly kind: "field"; readonly field: string; readonly yes: boolean };
type Args = { readonly runId: string } & Said;

export const sign = defineCommand<Args>({
  name: "sign",
  summary: "Answer a field of a rollout's sign-off, or complete it after a review",
  role: "operator",
  usage: "RUN FIELD yes|no | RUN complete",
  effect: "mutate",
  words: { atLeast: 2, atMost: 3 },
  understand({ words: [name = "", field = "", said] }) {
    const runId = parseRunName(name);
    if (runId === undefined) {
      return { ok: false, message: `"${name}" is not the name of a run, such as R-7.` };
    }
    if (field === "complete" && said === undefined) {
      return { ok: true, args: { runId, kind: "complete" } };
    }
    if (said !== "yes" && said !== "no") {
      return { ok: false, message: `Is ${field} as it has to be? Say yes or no.` };
    }
    return { ok: true, args: { runId, kind: "field", field, yes: said === "yes" } };
  },
  run: answerTo,
});

async function answerTo(context: CommandContext, args: Args): Promise<Answer> {
  const { tx, now, target, actor } = context;
  const { runId } = args;
  const name = runName(runId);
  const kept = await findSignOff(tx, runId, "for update");
  const run = await findRun(tx, runId);
  if (kept?.target !== target || !run) {
    return refused(`${name} is no rollout of ${target} that could be signed.`);
  }
  if (kept.state !== "open") return refused(`The sign-off of ${name} is ${kept.state}.`);
  if (run.endedAt === null) return refused(`${name} has not come to its end yet.`);
  const later = await changedSince(tx, target, runId);
  if (later) {
    return refused(
      `${runName(later.id)} (${later.operation}) has changed ${target} since, so this release is not signed any more.`,
    );
  }
  const results = journalledResults(await stepsOf(tx, runId));
  const standings = signOffStandings(results, { answers: [...(await answersOf(tx, runId))] });
  const requester = signerOf(run.actor);
  if (args.kind === "field") {
    const standing = standings.find(({ field }) => field === args.field);
    const decision = decideAnswer(standing, requester, signerOf(actor));
    if (!decision.ok) return refused(decision.message);
    const field = standing?.field as SignOffField;
    await keepAnswer(tx, runId, { field, yes: args.yes, by: actor.name, at: now });
  } else {
    const { alone, schemaRevision } = signedOn(results);
    const decision = decideReview(standings, requester, signerOf(actor), alone);
    if (!decision.ok) return refused(decision.message);
    if (!(await signNow(tx, now, runId, actor.name))) {
      return refused(`The sign-off of ${name} was closed a moment ago.`);
    }
    const commit = commitIn(results);
    await meetRelease(tx, now, target, { commit, lesson: "signed-off", schemaRevision, runId });
    await context.engine.recordAfterwards(tx, now, run, {
      kind: "rollout.signed",
      result: "complete",
      actor,
      facts: {
        timestamp: run.endedAt.toISOString(),
        operator: run.actor.name,
        release: commit,
        ...signOffFacts(standings),
        "reviewed-by": actor.name,
        ...(signerOf(actor).telegram === requester.telegram ? { "self-reviewed": "yes" } : {}),
      },
    });
  }
  const subject = subjectOf(run);
  await stateChanged(tx, now, subject);
  return { kind: "subject", subject };
}

function signerOf(actor: Actor): Signer {
  return actor.via === "flightdeck"
    ? { name: actor.name }
    : { name: actor.name, telegram: actor.telegram };
}

function refused(message: string): Answer {
  return { kind: "refused", message };
}
