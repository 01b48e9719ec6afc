import { EXIT, type Terminal } from "./cli-terminal.ts";
import { questionDigest } from "./core/approval-bond.ts";
import { approvalCode } from "./core/approval-code.ts";
import { mayApprove } from "./core/approval-rule.ts";
import { ANSWER_COMMAND } from "./core/approval-token.ts";
import { cardText } from "./core/card-text.ts";
import type { Card } from "./core/card.ts";
import { clockMinute } from "./core/moment.ts";
import { runName } from "./core/run-name.ts";
import { visibleText } from "./core/visible-text.ts";
import { pause } from "./core/waiting.ts";
import type { Flightdeck } from "./flightdeck.ts";
import { newestApproval, type Approval } from "./storage/approval.ts";
import { stepsOf } from "./storage/run-step.ts";
import { findRun, type Run } from "./storage/run.ts";

/** What operations say of what they looked at: something is wrong with it, or nobody can tell yet. */
const BAD_VERDICTS: readonly string[] = [
  "NO-GO",
  "TAMPERED",
  "FAILED",
  "DAMAGED",
  "BLOCKED",
  "DIED AGAIN",
];
const OPEN_VERDICTS: readonly string[] = ["UNKNOWN", "INCOMPLETE", "NO KEY", "COULD NOT VERIFY"];

const LOOK_AGAIN_MS = 500;
/** Whoever leads ends a question soon after its time; without anybody who leads, nobody does. */
const NOBODY_LEADS_AFTER_MS = 30_000;

type Following = Pick<Terminal, "stderr" | "signal">;

/**
 * Executes a run here, or waits for whoever in the running instance was quicker. While people are asked, it says who may
 * answer and how, and waits with them.
 */
export async function followRun(
  flightdeck: Flightdeck,
  runId: string,
  { stderr, signal }: Following,
): Promise<Run> {
  const { database, engine, scrub } = flightdeck;
  const tell = (text: string): void => stderr(`${scrub(text)}\n`);
  const name = runName(runId);
  let asked: string | undefined;
  let title = "";
  for (;;) {
    await engine.execute(runId, signal);
    const { run, question, card, now } = await database.transaction(async (tx, now) => ({
      run: await findRun(tx, runId),
      question: await newestApproval(tx, runId),
      card: await engine.cardOf(tx, now, runId),
      now,
    }));
    if (!run) throw new Error(`${name} is gone from the database.`);
    if (run.state !== "waiting" && run.state !== "running") return run;
    if (question && isOpen(question)) {
      if (now.getTime() > question.expiresAt.getTime() + NOBODY_LEADS_AFTER_MS) {
        throw new Error(`Nobody answered ${name} in time, and no instance runs that would end it.`);
      }
      if (asked !== question.id) tell(askedText(flightdeck, run, question, card, now));
      asked = question.id;
    } else if (asked !== undefined && card && card.title !== title) {
      // Whoever has waited for a yes wants to see how it goes on.
      tell(cardText({ ...card, parts: [] }));
    }
    title = card?.title ?? "";
    if (signal.aborted) throw new Error(stoppedText(name, question));
    await pause(LOOK_AGAIN_MS, signal);
  }
}

/** What came of a run, as its card or as JSON, and the exit code that says it to a program. */
export async function tellRun(
  { stdout }: Pick<Terminal, "stdout">,
  flightdeck: Flightdeck,
  run: Run,
  json: boolean,
): Promise<number> {
  stdout(json ? await runAsJson(flightdeck, run) : await runAsText(flightdeck, run));
  return exitCodeOf(run);
}

/**
 * A run that came to no verdict about the target leaves it unknown; one that should have changed something failed, unless
 * nobody ever answered.
 */
export function exitCodeOf(run: Pick<Run, "verdict" | "state" | "mutating">): number {
  if (BAD_VERDICTS.includes(run.verdict ?? "")) return EXIT.no;
  if (OPEN_VERDICTS.includes(run.verdict ?? "")) return EXIT.unknown;
  if (run.state === "ok") return EXIT.ok;
  if (run.state === "unknown" || run.state === "expired") return EXIT.unknown;
  return run.mutating ? EXIT.no : EXIT.unknown;
}

function isOpen({ state }: Approval): boolean {
  return state === "draft" || state === "posted";
}

/** The question as its card tells it, and below it what somebody else types to answer it. */
function askedText(
  { targets, targets: [first] }: Flightdeck,
  run: Run,
  question: Approval,
  card: Card | undefined,
  now: Date,
): string {
  const { context } = targets.find((one) => one.context.target === run.target) ?? first;
  const able = context.operators.filter(
    ({ telegram, role }) =>
      mayApprove(question.policy, question.requester, { telegram: String(telegram), role }).ok,
  );
  const names = able.map(({ name: person }) => person).join(", ");
  const here = able.filter(({ os }) => os !== undefined);
  const address = targets.length > 1 ? `@${run.target} ` : "";
  const name = runName(run.id);
  const code = approvalCode(questionDigest(question));
  const accounts = here.map(({ name: person, os }) => `${person} (${os})`).join(", ");
  return [
    ...(card ? [terminalText(card)] : []),
    `${name} waits until ${clockMinute(question.expiresAt, now, context.timeZone)} for a yes of ${names || "somebody, and nobody may say it"}.`,
    ...(here.length > 0
      ? [
          `By its buttons in the chat, or at a terminal of ${accounts}:`,
          `  flightdeck approve ${address}${name} ${code}`,
          `  flightdeck deny ${address}${name}`,
        ]
      : ["By its buttons in the chat; the configuration names nobody's user of this machine."]),
  ].join("\n");
}

function stoppedText(name: string, question: Approval | undefined): string {
  const waits = question && isOpen(question);
  return waits
    ? `Not waited for any longer. ${name} still waits for a yes: \`flightdeck runs ${name}\` shows it, \`flightdeck cancel ${name}\` ends it.`
    : `Stopped while ${name} was under way.`;
}

async function runAsText({ database, engine, scrub }: Flightdeck, run: Run): Promise<string> {
  const card = await database.transaction(async (tx, now) => engine.cardOf(tx, now, run.id));
  return card ? `${scrub(terminalText(card))}\n` : `${runName(run.id)} ${run.state}\n`;
}

/** A card as a terminal shows it: where the chat has a button, here stands what it would type. */
export function terminalText(card: Card): string {
  const ways = card.actions
    .flat()
    // What answers a question is said by `approve` and `deny`, and with a code.
    .filter(({ command }) => !command.startsWith(`${ANSWER_COMMAND} `))
    .map(({ label, command }) => visibleText(`  ${label}: flightdeck ${command}`));
  return [cardText(card), ...ways].join("\n");
}

async function runAsJson({ database, scrub }: Flightdeck, run: Run): Promise<string> {
  const steps = await database.transaction(async (tx) => stepsOf(tx, run.id));
  const { operation, target, state, verdict, reason } = run;
  const told = {
    run: runName(run.id),
    operation,
    target,
    state,
    verdict,
    reason,
    steps: steps.map(({ name, state, result, error }) => ({ name, state, result, error })),
  };
  return `${scrub(JSON.stringify(told))}\n`;
}
