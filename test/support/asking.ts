import { randomBytes } from "node:crypto";

import { z } from "zod";

import { deriveApprovalKeys } from "../../src/core/approval-bond.ts";
import { ANSWER_COMMAND } from "../../src/core/approval-token.ts";
import type { ApprovalPolicy, Facts } from "../../src/core/approval.ts";
import { line, type Card } from "../../src/core/card.ts";
import type { Operator } from "../../src/core/operator.ts";
import { Secret } from "../../src/core/secret.ts";
import type { Ballot, Tap } from "../../src/jobs/approval/approval-vote.ts";
import type { Heard } from "../../src/jobs/approval/approval-word.ts";
import { createEngine, type EngineTarget } from "../../src/jobs/engine/engine.ts";
import { defineOperation, type Operation } from "../../src/jobs/operation.ts";
import { openDatabase, type Database } from "../../src/storage/database.ts";
import { openLog } from "../../src/storage/evidence.ts";
import { migrate } from "../../src/storage/migrate.ts";
import { findRun, type Run } from "../../src/storage/run.ts";
import { createTestDatabase } from "../database.ts";
import { query, readEntries } from "./records.ts";

export const OPS = -1001;
export const MESSAGE = 77;

export const people = {
  otto: { name: "Otto", telegram: 1002, role: "operator" },
  olga: { name: "Olga", telegram: 1012, role: "operator" },
  ada: { name: "Ada", telegram: 1003, role: "approver" },
  bea: { name: "Bea", telegram: 1004, role: "approver" },
  vera: { name: "Vera", telegram: 1001, role: "viewer" },
} as const satisfies Readonly<Record<string, Operator>>;
export type PersonName = keyof typeof people;

/** What a test may change of the target while a question stands open. */
type AskingState = {
  operators: readonly Operator[];
  configHash: string;
  /** What the operation sees. */
  observed: Facts;
  /** Thrown when it looks again. */
  blind: Error | undefined;
  /** How often the outside was changed. */
  effects: number;
  /** Holds the act until it is told to go on; unless the run is cancelled before. */
  gate: Promise<void> | undefined;
  /** Added to the clock of the database. */
  skewMs: number;
};

/** An engine over a database of its own with made-up operations that ask, and people who answer; without any chat. */
export async function openAsking(
  target = "alpha",
  more: (database: Database) => readonly Operation[] = () => [],
) {
  await using opened = new AsyncDisposableStack();
  const { url } = opened.use(await createTestDatabase());
  await migrate(new Secret(url), () => undefined);
  const state: AskingState = {
    operators: Object.values(people),
    configHash: "config-1",
    observed: { release: "old" },
    blind: undefined,
    effects: 0,
    gate: undefined,
    skewMs: 0,
  };
  const database = opened.use(
    openDatabase({
      url: new Secret(url),
      clock: (now) => new Date(now.getTime() + state.skewMs),
      onIdleError: () => undefined,
    }),
  );
  await database.transaction(async (tx) => openLog(tx, target, `flightdeck/evidence/${target}`));
  const errors: unknown[] = [];
  const keys = deriveApprovalKeys(new Secret(randomBytes(32).toString("base64")));

  /** Another process with the same seal key and database, and the configuration of now. */
  const engineOf = (instance: string) => {
    const engineTarget: EngineTarget = {
      operations: [
        operation("change", state),
        operation("hurry", state, true),
        plain(state),
        ...more(database),
      ],
      timeZone: "UTC",
      place: { chatId: OPS, topicId: undefined, replyTo: undefined },
      get operators() {
        return state.operators;
      },
      rosterAt: () => state.operators,
      get configHash() {
        return state.configHash;
      },
      logOrigin: `flightdeck/evidence/${target}`,
    };
    return createEngine({
      database,
      targets: new Map([[target, engineTarget]]),
      settings: { lease: 5_000, reconcile: 5_000, schedule: 5_000, concurrency: 1 },
      origin: { build: "test", instance, scrub: (text) => text },
      approvals: { botId: 7, keys: async () => keys },
      onError: (error) => errors.push(error),
    });
  };
  const engine = engineOf("test-1");
  const never = new AbortController().signal;
  let causes = 0;

  const find = async (runId: string): Promise<Run> => {
    const run = await database.transaction(async (tx) => findRun(tx, runId));
    if (!run) throw new Error(`There is no run ${runId}.`);
    return run;
  };
  const cardOf = async (runId: string): Promise<Card> => {
    const card = await database.transaction(async (tx, now) => engine.cardOf(tx, now, runId));
    if (!card) throw new Error(`The run ${runId} has no card.`);
    return card;
  };
  /** The card of the run has been sent some time ago, so that it can have been read. */
  const post = async (runId: string, ageMs = 10_000): Promise<void> => {
    await query(
      url,
      `update outbox set sent_version = wanted_version, message_id = ${MESSAGE},
         sent_at = clock_timestamp() + $2 * interval '1 millisecond' where subject = 'run:' || $1`,
      [runId, state.skewMs - ageMs],
    );
  };
  const start = async (
    by: PersonName | "flightdeck",
    input: { readonly policy?: ApprovalPolicy; readonly needsCode?: boolean } = {},
    name = "change",
  ): Promise<string> => {
    causes += 1;
    const person = by === "flightdeck" ? undefined : people[by];
    const actor = person
      ? ({
          via: "telegram",
          name: person.name,
          telegram: String(person.telegram),
          role: person.role,
        } as const)
      : ({ via: "flightdeck", name: "the rule" } as const);
    const admission = await database.transaction(async (tx, now) =>
      engine.admit(tx, now, {
        target,
        operation: name,
        input: { policy: "second-person", needsCode: false, ...input },
        cause: `test-${causes}`,
        actor,
        place: { chatId: OPS, topicId: undefined, replyTo: undefined },
      }),
    );
    if (admission.kind !== "created") throw new Error(`It was ${admission.kind}.`);
    return admission.run.id;
  };
  const ask = async (...args: Parameters<typeof start>): Promise<string> => {
    const runId = await start(...args);
    await engine.execute(runId, never);
    await post(runId);
    return runId;
  };
  /** What the button with this label carries. */
  const token = async (runId: string, label: string): Promise<string> => {
    const { actions } = await cardOf(runId);
    const found = actions.flat().find((action) => action.label === label);
    if (!found)
      throw new Error(`No "${label}" among ${JSON.stringify(actions.flat().map((a) => a.label))}`);
    return found.command.slice(ANSWER_COMMAND.length + 1);
  };
  const ballot = (who: PersonName, said: string, tap: Partial<Tap> = {}): Ballot => {
    const { name, telegram } = people[who];
    causes += 1;
    const role = state.operators.find((one) => one.telegram === telegram)?.role ?? "viewer";
    return {
      by: "tap",
      voter: { via: "telegram", name, telegram: String(telegram), role },
      cause: `tap-${causes}`,
      token: said,
      tap: {
        chatId: OPS,
        topicId: undefined,
        messageId: MESSAGE,
        isAccessible: true,
        isMember: true,
        at: new Date(Date.now() + state.skewMs),
        ...tap,
      },
    };
  };
  const hear = async (given: Ballot): Promise<Heard> =>
    database.transaction(async (tx, now) => engine.hear(tx, now, given));
  const tap = async (
    who: PersonName,
    runId: string,
    label: string,
    how: Partial<Tap> = {},
  ): Promise<Heard> => hear(ballot(who, await token(runId, label), how));

  const kept = opened.move();
  return {
    target,
    url,
    database,
    engine,
    engineOf,
    state,
    errors,
    keys,
    start,
    ask,
    post,
    token,
    ballot,
    hear,
    tap,
    find,
    cardOf,
    execute: async (runId: string) => engine.execute(runId, never),
    approvalOf: async (runId: string) => {
      const { rows } = await query<{ state: string; changed: readonly string[] }>(
        url,
        "select state, changed from approval where run_id = $1 order by n desc limit 1",
        [runId],
      );
      return rows[0];
    },
    entries: async (runName?: string) =>
      (await readEntries(url, target)).filter(
        ({ run }) => runName === undefined || run === runName,
      ),
    [Symbol.asyncDispose]: async () => kept.disposeAsync(),
  };
}

export type AskingBench = Awaited<ReturnType<typeof openAsking>>;

const timeoutMs = 5_000;
const input = z.strictObject({
  policy: z.enum(["second-person", "confirm", "break-glass"]),
  needsCode: z.boolean(),
});

function operation(name: string, state: AskingState, urgent = false): Operation {
  return defineOperation({
    name,
    summary: "changes something, once somebody has said yes",
    effect: "mutate",
    urgent,
    input,
    steps: ({ policy, needsCode }) => [
      { kind: "look", name: "look", timeoutMs, look: async () => state.observed },
      {
        kind: "ask",
        name: "ask",
        timeoutMs,
        question: (results) => ({
          policy,
          needsCode,
          parameters: { to: "new" },
          observed: z.record(z.string(), z.string()).parse(results["look"]),
        }),
        async observe() {
          if (state.blind) throw state.blind;
          return state.observed;
        },
      },
      {
        kind: "look",
        name: "wait",
        timeoutMs: 60_000,
        async look() {
          await state.gate;
          return "waited";
        },
      },
      {
        kind: "act",
        name: "act",
        timeoutMs,
        observe: async () => ({ kind: "unclear", reason: "nobody counts" }),
        async act() {
          state.effects += 1;
          return "done";
        },
      },
    ],
    conclude: () => ({ verdict: "CHANGED", facts: {} }),
    again: ({ policy }) => `${name} ${policy}`,
    details: () => [],
    card: ({ run, approval }) => ({
      title: `${run.target} · ${name} · ${run.verdict ?? run.state}`,
      parts: [
        line(`approval ${approval?.state ?? "none"} ${approval?.code ?? ""}`),
        ...(approval?.changed ?? []).map((text) => line(text)),
      ],
      actions: approval?.buttons ?? [],
    }),
  });
}

/** Changes something without asking; it holds the target from its admission. */
function plain(state: AskingState): Operation {
  return defineOperation({
    name: "plain",
    summary: "changes something",
    effect: "mutate",
    input,
    steps: () => [
      {
        kind: "look",
        name: "wait",
        timeoutMs: 60_000,
        async look() {
          await state.gate;
          return "waited";
        },
      },
    ],
    conclude: () => ({ verdict: "DONE", facts: {} }),
    details: () => [],
    card: ({ run }) => ({ title: `plain ${run.state}`, parts: [], actions: [] }),
  });
}
