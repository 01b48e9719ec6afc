import { runName } from "../../src/core/run-name.ts";
import { approvers, cast } from "./cast.ts";
import type { Said } from "./company.ts";
import type { Done } from "./nemesis.ts";
import type { Recorded, RunRow } from "./record.ts";

/** A promise, what was looked at, and everything that contradicts it. */
export type Finding = {
  readonly name: string;
  readonly promise: string;
  readonly looked: string;
  readonly violations: readonly string[];
};

type Judgement = Pick<Finding, "looked" | "violations">;

/** Looks for whatever contradicts a promise. Every one of them has a test in which it finds something. */
export function judge(recorded: Recorded): readonly Finding[] {
  return INVARIANTS.map(({ name, promise, look }) => ({ name, promise, ...look(recorded) }));
}

const INVARIANTS: readonly {
  readonly name: string;
  readonly promise: string;
  readonly look: (recorded: Recorded) => Judgement;
}[] = [
  { name: "I1", promise: "each accepted update has exactly one outcome", look: eachUpdateOnce },
  {
    name: "I2",
    promise: "each effect at most once, and once when the run says so",
    look: effectsOnce,
  },
  {
    name: "I3",
    promise: "how each run ended stands in the chat, and repeats are marked",
    look: endsAreTold,
  },
  {
    name: "I4",
    promise: "the evidence is sound, and its file is the database's",
    look: evidenceIsSound,
  },
  { name: "I5", promise: "nothing without a yes, and no yes twice", look: nothingWithoutYes },
  { name: "I6", promise: "every doubt was told", look: doubtsAreTold },
  { name: "I7", promise: "no secret came out", look: nothingLeaks },
  {
    name: "I8",
    promise: "every alert was told in time, or by the second path",
    look: alertsAreTold,
  },
];

/** Whose typed commands are to be answered. */
const STRANGERS: ReadonlySet<string> = new Set(["Sid"]);
const isOwed = ({ what, who, text }: Said): boolean =>
  (what === "typed" || what === "late") && text.startsWith("/") && !STRANGERS.has(who);
const ENDED = ["ok", "failed", "refused", "expired", "cancelled"];

function eachUpdateOnce({ said, inbox, runs, outbox, restless }: Recorded): Judgement {
  const states = new Map<number, string[]>();
  for (const { updateId, state } of inbox) {
    states.set(updateId, [...(states.get(updateId) ?? []), state]);
  }
  const outcomesOf = ({ updateId }: Said): readonly string[] => [
    ...runs.filter(({ cause }) => cause === `tg-${updateId}`).map(({ id }) => `run ${runName(id)}`),
    ...outbox.map(({ subject }) => subject).filter((subject) => subject.endsWith(`tg-${updateId}`)),
  ];
  const owed = said.filter(isOwed);
  const known = new Set(
    said.flatMap(({ updateId, queryId }) => [`tg-${updateId}`, `tap-${queryId}`]),
  );
  const violations = [
    ...restless,
    ...owed.flatMap((one) => {
      const stored = states.get(one.updateId) ?? [];
      const outcomes = outcomesOf(one);
      const isShown = one.text.startsWith("/checklist") && outcomes.length === 0;
      const problems = [
        ...(stored.join() === "handled"
          ? []
          : [`is stored as ${stored.join(" and ") || "nothing"}`]),
        ...(outcomes.length === 1 || isShown
          ? []
          : [`has ${outcomes.length} outcomes: ${outcomes.join(", ") || "none"}`]),
        ...(one.what === "late" &&
        outcomes.some((outcome) => outcome.startsWith("run ")) &&
        !READS.test(one.text)
          ? ["was too old to be run"]
          : []),
      ];
      return problems.map((problem) => `${nameOf(one)} ${problem}`);
    }),
    ...said
      .filter(({ who, what }) => STRANGERS.has(who) || what === "edited")
      .filter((one) => states.has(one.updateId) || outcomesOf(one).length > 0)
      .map((one) => `${nameOf(one)} was to be ignored`),
    ...runs
      .filter(({ state }) => !ENDED.includes(state))
      .map(({ id, state }) => `${runName(id)} has not ended: it is ${state}`),
    ...runs
      .filter(({ cause }) => !known.has(cause) && !OF_ITSELF.test(cause))
      .map(({ id, cause }) => `${runName(id)} was begun by ${cause}, which nobody did`),
  ];
  return {
    looked: `${owed.length} commands, ${inbox.length} updates, ${runs.length} runs`,
    violations,
  };
}

/** What may come out of a backlog, because it changes nothing. */
const READS =
  /^\/(?:preflight|evidence|status|runs|alerts|schedule|whoami|help|logs|secrets|checklist|calls|webhook$|backup list|backup verify)/;
const OF_ITSELF = /^(?:slot|rule|alert)-/;

function nameOf({ updateId, who, what, text }: Said): string {
  return `update ${updateId} (${who} ${what} "${text}")`;
}

function effectsOnce({ effects, strays }: Recorded): Judgement {
  const seen = effects.filter(({ count }) => count > 0).length;
  const violations = [
    ...effects
      .filter(({ count, isOwed }) => count > 1 || (isOwed && count === 0))
      .map(
        ({ runId, step, stepState, count }) =>
          `"${step}" of ${runName(runId)} is ${stepState}, and happened ${count} times`,
      ),
    ...strays.map((stray) => `${stray} belongs to no act`),
  ];
  return { looked: `${effects.length} acts, of which ${seen} had their effect`, violations };
}

const RESENT = "(resent)";

function endsAreTold({
  runs,
  outbox,
  messages,
  done,
  brokenConnections,
  troubledCalls,
}: Recorded): Judgement {
  const bySubject = new Map(outbox.map((row) => [row.subject, row]));
  const byId = new Map(messages.map((message) => [message.id, message]));
  const ours = messages.filter(({ isOurs, chatId }) => isOurs && chatId < 0);
  const placed = new Set(outbox.map(({ messageId }) => messageId));
  const repeats = ours.filter(({ id }) => !placed.has(id));
  // What was said past the outbox while there was no database is told once, and known by nobody.
  const unmarked = repeats.filter(
    (repeat) =>
      !isSaidWithoutDatabase(repeat.text) &&
      !outbox.some(
        ({ messageId, resent }) =>
          resent && messageId !== undefined && isSameSubject(repeat, byId.get(messageId)),
      ),
  );
  const kills = done.filter(({ what }) => ENDS_PROCESSES.has(what.kind)).length;
  const bound = kills + brokenConnections + troubledCalls;
  const violations = [
    ...runs.flatMap((run) => {
      const row = bySubject.get(`run:${run.id}`);
      const message = row?.messageId === undefined ? undefined : byId.get(row.messageId);
      const name = `${runName(run.id)} (${run.operation}, ${run.verdict ?? run.state})`;
      if (message === undefined) return [`${name} stands nowhere in the chat`];
      return isEndOf(run, message.text) ? [] : [`${name} reads "${firstLine(message.text)}"`];
    }),
    ...unmarked.map(
      ({ id, text }) => `message ${id} is a repeat of none that says so: "${firstLine(text)}"`,
    ),
    ...(repeats.length > bound ? [`${repeats.length} repeats, of ${bound} kills and faults`] : []),
  ];
  return {
    looked: `${runs.length} runs, ${ours.length} messages, ${repeats.length} repeats of at most ${bound}`,
    violations,
  };
}

const ENDS_PROCESSES: ReadonlySet<Done["what"]["kind"]> = new Set([
  "kill",
  "stop",
  "pause",
  "kill-database",
  "restart-database",
]);

function isSameSubject(
  repeat: Recorded["messages"][number],
  message: Recorded["messages"][number] | undefined,
): boolean {
  if (message === undefined || !message.texts.some((text) => text.includes(RESENT))) return false;
  if (repeat.replyTo !== message.replyTo) return false;
  const first = (text: string): string => firstLine(text).replace(RESENT, "").trim();
  // Answers are known by what they answer; what speaks for itself by how it begins.
  return (
    repeat.replyTo !== undefined ||
    repeat.texts.some((text) => message.texts.some((other) => first(other) === first(text)))
  );
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}

function isSaidWithoutDatabase(text: string): boolean {
  return /^(?:🔴|✅) sandbox · /.test(text) && !text.includes("\n");
}

/** How a card says that it is over, by the state of its run. */
const WORDS: Readonly<Record<string, RegExp>> = {
  failed: /fail|🔴|⚪️|🟡|given up|not done|stopped/i,
  refused: /refused|denied|withdrawn|newer|not begun|blocked|⚪️/i,
  expired: /expired|nobody/i,
  cancelled: /cancel|stopped/i,
};

/** What they come to is no word of theirs: they show a list, a log, or how many items are done. */
const SHOWS: ReadonlySet<string> = new Set([
  "checklist",
  "releases",
  "application-log",
  "deployment-log",
  "alert-details",
]);
const UNDER_WAY = "⏳";

function isEndOf({ operation, state, verdict }: RunRow, text: string): boolean {
  if (text.startsWith(UNDER_WAY)) return false;
  if (state !== "ok") return WORDS[state]?.test(text) ?? false;
  if (SHOWS.has(operation)) return true;
  const words = (verdict ?? "").toLowerCase().split(" ");
  return words.every((word) => text.toLowerCase().includes(word));
}

function evidenceIsSound({ evidence, entries, runs }: Recorded): Judgement {
  const count = (kind: string, run: RunRow): number =>
    entries.filter((entry) => entry.kind === kind && entry.run === runName(run.id)).length;
  const violations = [
    ...(evidence.exitCode === 0 ? [] : [`verify says ${evidence.exitCode}: ${evidence.said}`]),
    ...(entries.length > 0 ? [] : ["the chain in the database is broken, or empty"]),
    ...runs
      .filter((run) => count("run.result", run) !== 1)
      .map((run) => `${runName(run.id)} has ${count("run.result", run)} results in the log`),
  ];
  return { looked: `${entries.length} entries`, violations };
}

/** Operations that change nothing before somebody else has said yes. */
const ASKING: ReadonlySet<string> = new Set([
  "change",
  "deploy",
  "rollback",
  "restart-worker",
  "requeue",
  "webhook-set",
  "backup-prune",
  "rotation",
]);

function nothingWithoutYes({ runs, steps, approvals, entries, said }: Recorded): Judgement {
  const asking = runs.filter(({ operation }) => ASKING.has(operation));
  const mayApprove: ReadonlySet<number> = new Set(approvers.map((name) => cast[name].id));
  const taps = new Map<string, Said>(
    said.flatMap((one) =>
      one.queryId === undefined ? [] : [[`tap-${one.queryId}`, one] as const],
    ),
  );
  const isReal = ({ by, cause }: { readonly by: number; readonly cause: string }): boolean => {
    const tap = taps.get(cause);
    return tap !== undefined && cast[tap.who].id === by;
  };
  const acts = asking.flatMap((run) =>
    steps
      .filter(({ runId, kind }) => runId === run.id && kind === "act")
      .map((step) => ({ run, step })),
  );
  const consumed = approvals.filter(({ state }) => state === "consumed");
  const violations = [
    ...acts.flatMap(({ run, step }) => {
      const yes = consumed.find(({ runId, n }) => runId === run.id && n < step.n);
      const what = `"${step.name}" of ${runName(run.id)} (${run.operation})`;
      if (yes === undefined) return [`${what} was begun without a yes`];
      const isGiven = yes.votes.some(
        (vote) =>
          vote.vote === "yes" && vote.by !== run.askedBy && mayApprove.has(vote.by) && isReal(vote),
      );
      return isGiven ? [] : [`${what} was begun by a yes that nobody gave who may`];
    }),
    ...consumed.flatMap(({ id, runId }) => {
      const used = entries.filter(
        (entry) => entry.kind === "approval.used" && entry.run === runName(runId),
      );
      const asked = consumed.filter((other) => other.runId === runId).length;
      return used.length === asked
        ? []
        : [`approval ${id} of ${runName(runId)} was used ${used.length} times`];
    }),
  ];
  return {
    looked: `${approvals.length} questions, ${consumed.length} yeses used, ${acts.length} acts behind one`,
    violations,
  };
}

function doubtsAreTold({ entries, outbox, messages }: Recorded): Judgement {
  const doubts = entries.filter(({ kind }) => kind === "run.unknown");
  const violations = doubts.flatMap(({ run = "", seq }) => {
    const row = outbox.find(({ subject }) => isSubjectOf(subject, run));
    const told = messages.some(
      (message) =>
        (message.id === row?.messageId ||
          (row?.replyTo !== undefined && message.replyTo === row.replyTo)) &&
        message.texts.some((text) => text.includes("did it happen?")),
    );
    return told ? [] : [`that ${run} is in doubt (entry ${seq}) was never told`];
  });
  return { looked: `${doubts.length} doubts`, violations };
}

function isSubjectOf(subject: string, run: string): boolean {
  return subject.startsWith("run:") && runName(subject.slice("run:".length)) === run;
}

function nothingLeaks({ leaks, messages }: Recorded): Judgement {
  return {
    looked: `${messages.length} messages, and every log, row, file, call and argument`,
    violations: leaks,
  };
}

/** After a minute without a hearing the second path is due. */
const TOLD_WITHIN_MS = 65_000;

function alertsAreTold({ alerts, outbox, messages, calls, done }: Recorded): Judgement {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const rows = new Map(outbox.map((row) => [row.subject, row]));
  const own = alerts.filter(
    ({ toldAt, behind, isSilenced, state }) =>
      (toldAt !== undefined && toldAt !== null) ||
      (state === "firing" && behind === null && !isSilenced),
  );
  const violations = own.flatMap(({ id, check, firedAt, toldAt }) => {
    const from = toldAt ?? firedAt;
    const row = rows.get(`alert:${id}`);
    const placed = row?.messageId ?? standIn(outbox, row?.roundup);
    const message = placed === undefined ? undefined : byId.get(placed);
    // Whoever is called that words are not heard, or about this very alert, knows where to look.
    const isCalled = calls.some(
      ({ kind, at }) =>
        kind === "fired" && at >= from && (message === undefined || at <= message.sentAt),
    );
    if (isCalled) return [];
    if (message === undefined) {
      return [`alert ${id} (${check}) stands nowhere in the chat, and nobody was called`];
    }
    const lateMs = undisturbedMs(done, from, message.sentAt);
    return lateMs <= TOLD_WITHIN_MS
      ? []
      : [`alert ${id} (${check}) was told ${lateMs} ms late, and nobody was called`];
  });
  return {
    looked: `${own.length} alerts that were to be told, of ${alerts.length}, and ${calls.length} calls`,
    violations,
  };
}

/** The message of the card that stands for many. */
function standIn(outbox: Recorded["outbox"], roundup: string | undefined): number | undefined {
  if (roundup === undefined || roundup === null) return undefined;
  return outbox.find(
    ({ subject }) => subject === `storm:${roundup}` || subject === `away:${roundup}`,
  )?.messageId;
}

const KEEPS_FROM_TELLING: ReadonlySet<string> = new Set([
  "kill",
  "stop",
  "pause",
  "telegram",
  "restart-database",
  "kill-database",
]);

/** How much time there was between two moments in which nothing kept anybody from telling anything. */
export function undisturbedMs(done: readonly Done[], from: Date, until: Date): number {
  const troubles = done
    .filter(
      ({ what }) =>
        KEEPS_FROM_TELLING.has(what.kind) ||
        ("line" in what && (what.line === "telegram" || what.line === "database")),
    )
    .map((trouble) => ({ from: trouble.from.getTime(), until: trouble.until.getTime() }))
    .toSorted((one, other) => one.from - other.from);
  let at = from.getTime();
  let undisturbed = 0;
  for (const trouble of troubles) {
    if (trouble.until <= at || trouble.from >= until.getTime()) continue;
    undisturbed += Math.max(0, trouble.from - at);
    at = Math.max(at, trouble.until);
  }
  return undisturbed + Math.max(0, until.getTime() - at);
}
