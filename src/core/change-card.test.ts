import { describe, expect, test } from "vitest";

import type { ApprovalView } from "./approval.ts";
import { cardText } from "./card-text.ts";
import { changeCard, type Change, type ChangeStep } from "./change-card.ts";

const clock = (time: string): Date => new Date(`2026-11-23T${time}Z`);

const step = (name: string, given: Partial<ChangeStep> = {}): ChangeStep => ({
  name,
  state: "to-come",
  usualMs: undefined,
  tookMs: undefined,
  progress: undefined,
  ...given,
});

const approval: ApprovalView = {
  state: "posted",
  question: { policy: "second-person", needsCode: false, parameters: {}, observed: {} },
  code: "K7QX",
  expiresAt: clock("03:14:05"),
  votes: [],
  changed: [],
  buttons: [
    [
      { label: "Approve", command: "approve token", style: "success" },
      { label: "Deny", command: "deny token" },
    ],
  ],
};
const yes = { by: "Ada", vote: "yes", at: clock("03:05:00") } as const;
const used: ApprovalView = { ...approval, state: "consumed", votes: [yes], buttons: [] };

const asked: Change = {
  target: "production",
  operation: "rollback",
  done: "rolled back to 5c1f0b7",
  run: {
    name: "R-12",
    state: "waiting",
    reason: null,
    by: "Otto",
    createdAt: clock("03:04:05"),
    startedAt: clock("03:04:06"),
    endedAt: null,
    isCancelling: false,
  },
  approval,
  change: [
    [{ code: "9e107d9" }, " → ", { code: "5c1f0b7" }],
    ["now 9e107d9, 2d ago: Ask the model twice"],
    ["then 5c1f0b7, 9d ago: Close tasks · smoke GO 9d ago"],
  ],
  why: "captures answer 500",
  steps: [
    step("worker", { usualMs: 45_000 }),
    step("api", { usualMs: 60_000 }),
    step("ready", { usualMs: 4_000 }),
    step("smoke", { usualMs: 12_000 }),
  ],
  cautions: ["The image of worker is gone, so it is built anew."],
  notUndone: "schema, data, variables",
  standing: ["api runs 9e107d9", "worker runs 9e107d9"],
  advice: ["Look at the deployment's log in Coolify, then ask again."],
  again: { label: "Ask again", command: "rollback 5c1f0b7a9d3e" },
  now: clock("03:04:10"),
  timeZone: "Europe/Berlin",
};

const text = (change: Partial<Change>): string => cardText(changeCard({ ...asked, ...change }));
const run = (given: Partial<Change["run"]>): Change["run"] => ({ ...asked.run, ...given });
const commands = (change: Partial<Change>): readonly string[] =>
  changeCard({ ...asked, ...change })
    .actions.flat()
    .map(({ command }) => command);

const underWay: Partial<Change> = {
  run: run({ state: "running" }),
  approval: used,
  steps: [
    step("worker", { state: "done", tookMs: 46_200, usualMs: 45_000 }),
    step("api", { state: "under-way", tookMs: 20_100, usualMs: 60_000, progress: "in_progress" }),
    step("ready", { usualMs: 4_000 }),
    step("smoke", { usualMs: 12_000 }),
  ],
};

describe("while it is being found out what to ask", () => {
  test("the card says so and shows what is meant", () => {
    expect(text({ approval: undefined, change: [], steps: [] })).toBe(
      [
        "⏳ production · rollback: looking",
        "Why: captures answer 500",
        "R-12 · asked by Otto · 04:04:05",
      ].join("\n"),
    );
  });
});

describe("while somebody's yes is wanted", () => {
  test("the card has all that a second person has to know, and when it ends", () => {
    expect(text({})).toBe(
      [
        "✋ production · rollback?",
        "9e107d9 → 5c1f0b7",
        "now 9e107d9, 2d ago: Ask the model twice",
        "then 5c1f0b7, 9d ago: Close tasks · smoke GO 9d ago",
        "Why: captures answer 500",
        "worker → api → ready → smoke, about 2m 1s",
        "The image of worker is gone, so it is built anew.",
        "Not undone: schema, data, variables",
        "A yes of another approver than Otto, until 04:14 · code K7QX",
        "R-12 · asked by Otto · 04:04:05",
      ].join("\n"),
    );
  });

  test("what decides stands lowest", () => {
    expect(commands({})).toEqual(["runs R-12", "approve token", "deny token"]);
  });

  test("how long it takes is said only when every part of it was seen before", () => {
    expect(text({ steps: [step("worker", { usualMs: 1_000 }), step("api")] })).toContain(
      "\nworker → api\n",
    );
  });

  test("who confirms alone is told so", () => {
    const confirm = { ...approval.question, policy: "confirm" } as const;
    expect(text({ approval: { ...approval, question: confirm } })).toContain(
      "Otto confirms, until 04:14 · code K7QX",
    );
  });

  test("a broken glass is loud in the first line", () => {
    const alone = { ...approval.question, policy: "break-glass", needsCode: true } as const;
    const said = text({ approval: { ...approval, question: alone } });
    expect(said.split("\n")[0]).toBe("🚨 production · break-glass rollback?");
    expect(said).toContain("Otto alone, to be reviewed by somebody else, until 04:14");
  });
});

describe("while it is under way", () => {
  test("between the yes and its use the card says that it is about to begin", () => {
    expect(text({ approval: { ...used, state: "approved" } })).toBe(
      [
        "⏳ production · rollback: approved, about to begin",
        "9e107d9 → 5c1f0b7",
        "worker → api → ready → smoke, about 2m 1s",
        "Why: captures answer 500",
        "yes by Ada 04:05",
        "R-12 · asked by Otto · 04:04:05",
      ].join("\n"),
    );
  });

  test("what is done, what is being done and what is to come are one line each", () => {
    expect(text(underWay)).toBe(
      [
        "⏳ production · rollback 1 of 4",
        "9e107d9 → 5c1f0b7",
        "✓ worker (46s)",
        "⏳ api · for 20s of about 1m",
        "in_progress",
        "then ready → smoke, about 16s",
        "yes by Ada 04:05",
        "R-12 · asked by Otto · 04:04:05",
      ].join("\n"),
    );
    expect(commands(underWay)).toEqual(["cancel R-12", "runs R-12"]);
  });

  test("a run that was told to stop says so and cannot be told twice", () => {
    const stopping = { ...underWay, run: run({ state: "running", isCancelling: true }) };
    expect(text(stopping).split("\n")[0]).toBe("⏳ production · rollback 1 of 4 · stopping");
    expect(commands(stopping)).toEqual([]);
  });

  test("what does not apply is not counted", () => {
    const skipped = [step("stuck deployment", { state: "skipped" }), ...(underWay.steps ?? [])];
    expect(text({ ...underWay, steps: skipped }).split("\n")[0]).toBe(
      "⏳ production · rollback 1 of 4",
    );
  });
});

describe("at its end", () => {
  const ended = { startedAt: clock("03:05:01"), endedAt: clock("03:07:01") };

  test("a good one says what it came to, how long each part took, and what is left to do", () => {
    const steps = asked.steps.map((one) => ({ ...one, state: "done", tookMs: 2_000 }) as const);
    const advice = ["Auto-deploy is off; /deploy turns it on again."];
    expect(text({ run: run({ state: "ok", ...ended }), approval: used, steps, advice })).toBe(
      [
        "🟢 production · rolled back to 5c1f0b7",
        "9e107d9 → 5c1f0b7",
        "✓ worker (2s), api (2s), ready (2s), smoke (2s)",
        "Auto-deploy is off; /deploy turns it on again.",
        "Not undone: schema, data, variables",
        "Why: captures answer 500",
        "yes by Ada 04:05",
        "R-12 · asked by Otto · 04:07:01 · took 2m",
      ].join("\n"),
    );
  });

  test("one that broke off says where, why, where the target stands and what to do", () => {
    const [worker, , ready, smoke] = underWay.steps ?? [];
    const steps = [worker!, step("api", { state: "failed" }), ready!, smoke!];
    const failed = run({ state: "failed", reason: "the deployment failed", ...ended });
    const standing = ["worker runs 5c1f0b7", "api runs 9e107d9, its deployment failed"];
    const change = { run: failed, approval: used, steps, standing };
    expect(text(change)).toBe(
      [
        "🔴 production · rollback failed at api",
        "the deployment failed",
        "9e107d9 → 5c1f0b7",
        "✓ worker (46s)",
        "worker runs 5c1f0b7",
        "api runs 9e107d9, its deployment failed",
        "Look at the deployment's log in Coolify, then ask again.",
        "yes by Ada 04:05",
        "R-12 · asked by Otto · 04:07:01 · took 2m",
      ].join("\n"),
    );
    expect(commands(change)).toEqual(["rollback 5c1f0b7a9d3e", "runs R-12"]);
  });

  test.each([
    ["denied", "refused", "⚪️ production · rollback denied"],
    ["revoked", "refused", "⚪️ production · rollback withdrawn"],
    ["superseded", "refused", "⚪️ production · rollback asked anew"],
    ["expired", "expired", "⚪️ production · rollback expired: nobody answered"],
    ["stale", "refused", "🟡 production · rollback not begun: things changed"],
  ] as const)("a question that is %s says so, and that nothing was done", (state, ends, title) => {
    const change = {
      run: run({ state: ends, reason: "why not", ...ended }),
      approval: { ...approval, state, buttons: [], changed: ["api: 9e107d9 is now 77aa001"] },
    };
    expect(text(change).split("\n")[0]).toBe(title);
    expect(text(change)).toContain("Nothing was done.");
    expect(text(change)).not.toContain("why not");
    expect(text(change).includes("77aa001")).toBe(state === "stale");
    expect(commands(change)).toEqual(["rollback 5c1f0b7a9d3e", "runs R-12"]);
    const buttons = [[{ label: "Ask again", command: "rollback aaa" }]];
    expect(commands({ ...change, approval: { ...change.approval, buttons } })).toEqual([
      "runs R-12",
      "rollback aaa",
    ]);
  });

  test("one that was refused for another reason tells it", () => {
    const refused = run({ state: "refused", reason: "somebody is locked", ...ended });
    expect(text({ run: refused, approval: used })).toContain("\nsomebody is locked\n");
  });
});

test("no state of it takes more than twelve lines", () => {
  const long = "x".repeat(400);
  const full: Change = {
    ...asked,
    change: [[long], [long], [long], [long]],
    why: long,
    cautions: [long, long, long],
    standing: [long, long, long, long],
    advice: [long, long, long],
    steps: [
      step("one", { state: "done" }),
      step("two", { state: "under-way", progress: long }),
      step("three"),
    ],
  };
  const states = ["waiting", "running", "ok", "failed", "refused", "expired", "cancelled"] as const;
  const approvals = ["posted", "approved", "consumed", "stale"] as const;
  for (const state of states) {
    for (const approvalState of approvals) {
      const card = changeCard({
        ...full,
        run: run({ state, reason: long }),
        approval: { ...used, state: approvalState, changed: [long, long, long, long, long] },
      });
      expect(1 + card.parts.length).toBeLessThanOrEqual(12);
    }
  }
});
