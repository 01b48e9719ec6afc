import { randomBytes } from "node:crypto";

import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";

import type { ApprovalState } from "../../../src/core/approval.ts";
import type { Role } from "../../../src/core/operator.ts";
import { openAsking, people, type AskingBench, type PersonName } from "../../support/asking.ts";
import { tries } from "../../support/long-run.ts";
import { query } from "../../support/records.ts";
import { FUZZ_TIMEOUT_MS } from "../cases.ts";

const MINUTE_MS = 60_000;
const LABELS = ["Approve", "Deny", "Withdraw"] as const;
type Label = (typeof LABELS)[number];

/** What must be so, kept by a few rules and nothing of the code. */
type Model = {
  readonly requester: PersonName;
  state: Exclude<ApprovalState, "draft" | "superseded">;
  /** Since it was asked. */
  passedMs: number;
  config: string;
  release: string;
  readonly roles: Map<PersonName, Role>;
  readonly locked: Set<PersonName>;
  saidYes: PersonName | undefined;
  effects: number;
};

/** The same question in a real database, with the buttons that it was asked with. */
type Real = {
  readonly bench: AskingBench;
  readonly runId: string;
  readonly tokens: Readonly<Record<Label, string>>;
  readonly earlier: string | undefined;
};

type Step = fc.AsyncCommand<Model, Real>;

const isLate = ({ passedMs }: Model): boolean => passedMs >= 10 * MINUTE_MS;
const isApprover = ({ roles }: Model, who: PersonName): boolean => roles.get(who) === "approver";

function mayAnswer(model: Model, who: PersonName, label: Label): boolean {
  if (model.locked.has(who)) return false;
  if (label === "Approve") return who !== model.requester && isApprover(model, who);
  return who === model.requester || isApprover(model, who);
}

/** Whether somebody's yes may be used for what was asked, as things stand now. */
function holds(model: Model): boolean {
  const { saidYes, config, release, locked, roles, requester } = model;
  if (saidYes === undefined || config !== "config-1" || release !== "old") return false;
  const isHeard = roles.get(requester) !== "viewer" && !locked.has(requester);
  return isHeard && mayAnswer(model, saidYes, "Approve");
}

/** Both sides look alike after every step: what stands in the database, and what was done outside. */
async function compare(model: Model, { bench, runId }: Real): Promise<void> {
  const found = (await bench.approvalOf(runId))?.state;
  expect(found === "draft" ? "posted" : found).toBe(model.state);
  expect(bench.state.effects).toBe(model.effects);
  expect(bench.errors).toEqual([]);
}

function step(name: string, run: (model: Model, real: Real) => Promise<void>): Step {
  return {
    check: () => true,
    async run(model, real) {
      await run(model, real);
      await compare(model, real);
    },
    toString: () => name,
  };
}

const tap = (who: PersonName, label: Label): Step =>
  step(`${who} taps ${label}`, async (model, { bench, tokens }) => {
    const heard = await bench.hear(bench.ballot(who, tokens[label]));
    const isOpen = model.state === "posted" && !isLate(model) && mayAnswer(model, who, label);
    const isGood = isOpen && model.config === "config-1";
    expect(heard.kind).toBe(isGood ? "counted" : "refused");
    if (!isOpen) return;
    if (!isGood) model.state = "stale";
    else if (label === "Deny") model.state = "denied";
    else if (label === "Withdraw") model.state = "revoked";
    else {
      model.state = "approved";
      model.saidYes = who;
    }
  });

const forged = (who: PersonName, label: Label, at: number): Step =>
  step(`${who} taps ${label} with byte ${at} exchanged`, async (_model, { bench, tokens }) => {
    const bytes = Buffer.from(tokens[label], "base64url");
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const heard = await bench.hear(bench.ballot(who, bytes.toString("base64url")));
    expect(heard.kind).toBe("refused");
  });

const old = (who: PersonName): Step =>
  step(`${who} taps Approve of an earlier question`, async (_model, { bench, earlier }) => {
    const made = earlier ?? randomBytes(38).toString("base64url");
    expect((await bench.hear(bench.ballot(who, made))).kind).toBe("refused");
  });

const execute = (times: number): Step =>
  step(`${times} processes go on`, async (model, { bench, runId }) => {
    await Promise.all(Array.from({ length: times }, async () => bench.execute(runId)));
    if (model.state !== "approved") return;
    // A run of another configuration is not gone on with at all, however late it is.
    if (model.config !== "config-1") model.state = "stale";
    else if (isLate(model)) model.state = "expired";
    else if (!holds(model)) model.state = "stale";
    else {
      model.state = "consumed";
      model.effects += 1;
    }
  });

const wait = (minutes: number): Step =>
  step(`${minutes} minutes pass`, async (model, { bench }) => {
    bench.state.skewMs += minutes * MINUTE_MS;
    model.passedMs += minutes * MINUTE_MS;
  });

const tend = step("questions are looked after", async (model, { bench }) => {
  const { database, engine } = bench;
  for (const runId of await database.transaction(engine.questions.due)) {
    await database.transaction(async (tx, now) => engine.questions.tend(tx, now, runId));
  }
  if (model.state === "posted" && isLate(model)) model.state = "expired";
});

const change = (what: "config" | "release", value: string): Step =>
  step(`${what} becomes ${value}`, async (model, { bench }) => {
    model[what] = value;
    if (what === "config") bench.state.configHash = value;
    else bench.state.observed = { release: value };
  });

const become = (who: PersonName, role: Role): Step =>
  step(`${who} becomes ${role}`, async (model, { bench }) => {
    model.roles.set(who, role);
    bench.state.operators = bench.state.operators.map((one) =>
      one.telegram === people[who].telegram ? { ...one, role } : one,
    );
  });

const lock = (who: PersonName): Step =>
  step(`${who} is locked`, async (model, { bench }) => {
    model.locked.add(who);
    await query(
      bench.url,
      `insert into operator_lock (target, telegram_id, locked_at, locked_by)
       values ($1, $2, now(), 'x') on conflict do nothing`,
      [bench.target, people[who].telegram],
    );
  });

const unlock = (who: PersonName): Step =>
  step(`${who} is unlocked`, async (model, { bench }) => {
    model.locked.delete(who);
    await query(bench.url, "delete from operator_lock where telegram_id = $1", [
      people[who].telegram,
    ]);
  });

const who = fc.constantFrom<PersonName>("otto", "olga", "ada", "bea", "vera");
const label = fc.constantFrom(...LABELS);
const requester = fc.constantFrom<PersonName>("otto", "ada");
const approver = fc.constantFrom<PersonName>("ada", "bea");
const role = fc.constantFrom<Role>("viewer", "operator", "approver");

/** What may come between a yes and its use, or before it. */
const disturbance = fc.oneof(
  fc.constantFrom(1, 4, 11).map(wait),
  fc.constantFrom("config-1", "config-2").map((value) => change("config", value)),
  fc.constantFrom("old", "new").map((value) => change("release", value)),
  fc.tuple(who, role).map(([one, as]) => become(one, as)),
  fc.constantFrom<PersonName>("otto", "ada", "bea").map(lock),
  who.map(unlock),
);

/** One after the other, because a yes is seldom reached by chance. */
const inTurn = (...all: readonly Step[]): Step => ({
  check: () => true,
  async run(model, real) {
    for (const one of all) await one.run(model, real);
  },
  toString: () => all.join(", then "),
});
const steps = [
  fc.tuple(who, label).map(([one, said]) => tap(one, said)),
  approver.map((one) => tap(one, "Approve")),
  fc.tuple(who, label, fc.nat({ max: 37 })).map(([one, said, at]) => forged(one, said, at)),
  who.map(old),
  fc.integer({ min: 1, max: 3 }).map(execute),
  fc.constant(tend),
  disturbance,
  fc
    .tuple(approver, disturbance)
    .map(([one, between]) => inTurn(tap(one, "Approve"), between, execute(2))),
  approver.map((one) => inTurn(tap(one, "Approve"), lock(one), execute(1))),
  fc.tuple(who, role).map(([one, as]) => inTurn(become(one, as), tap(one, "Approve"), execute(1))),
];

let bench: AskingBench;
let earlier: string | undefined;

beforeAll(async () => {
  bench = await openAsking();
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

/** A new question, long after the one before, in a world where nothing has happened yet. */
async function asked(
  requester: PersonName,
): Promise<{ readonly model: Model; readonly real: Real }> {
  bench.state.skewMs += 2 * 60 * MINUTE_MS;
  bench.state.operators = Object.values(people);
  bench.state.configHash = "config-1";
  bench.state.observed = { release: "old" };
  bench.state.effects = 0;
  await query(bench.url, "delete from operator_lock");
  // Nobody renders here, and what cannot be shown in the evidence is not done.
  await query(
    bench.url,
    `insert into evidence_file (log, rendered) select log, size from evidence_head
     on conflict (log) do update set rendered = excluded.rendered`,
  );
  const runId = await bench.ask(requester);
  const [approve = "", deny = "", withdraw = ""] = await Promise.all(
    LABELS.map(async (one) => bench.token(runId, one)),
  );
  const real = {
    bench,
    runId,
    tokens: { Approve: approve, Deny: deny, Withdraw: withdraw },
    earlier,
  };
  earlier = approve;
  const roles = Object.entries(people).map(
    ([name, { role }]) => [name as PersonName, role] as const,
  );
  const model: Model = {
    requester,
    state: "posted",
    passedMs: 0,
    config: "config-1",
    release: "old",
    roles: new Map(roles),
    locked: new Set(),
    saidYes: undefined,
    effects: 0,
  };
  return { model, real };
}

/** Nobody is asked twice at a time, so what is left open is let run out. */
async function ended({ model, real }: Awaited<ReturnType<typeof asked>>): Promise<void> {
  for (const last of [wait(11), tend, execute(1)]) await last.run(model, real);
  expect(["posted", "approved"]).not.toContain(model.state);
  const used = (await bench.entries()).filter(({ kind }) => kind === "approval.used");
  uses += model.effects;
  expect(used).toHaveLength(uses);
}
let uses = 0;

test(
  "whatever people, clocks and the world do, a yes is used at most once, and only a right one that still holds",
  async () => {
    await fc.assert(
      fc.asyncProperty(
        requester,
        fc.commands(steps, { maxCommands: 8, size: "max" }),
        async (by, commands) => {
          const question = await asked(by);
          await fc.asyncModelRun(() => question, commands);
          await ended(question);
        },
      ),
      // Every case asks a real database some hundred times.
      { numRuns: tries({ short: 15, long: 1_000 }), endOnFailure: true },
    );
    expect(uses).toBeGreaterThan(0);
  },
  FUZZ_TIMEOUT_MS,
);
