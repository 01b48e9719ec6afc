import { describe, expect, test } from "vitest";

import { cardText } from "../../core/card-text.ts";
import type { Json } from "../../core/json.ts";
import type { JournalledStep } from "../../storage/run-step.ts";
import type { Run } from "../../storage/run.ts";
import type { RunView } from "../operation.ts";
import { deployCard } from "./deploy-card.ts";
import { DEPLOY_STEPS } from "./deploy-report.ts";
import type { DeployInput } from "./deploy-steps.ts";
import { MIGRATION_STEPS } from "./migration-steps.ts";

const OLD = "9e107d9d372bb6826bd81d3542a419d6e277d6ca";
const NEW = "5c1f0b7a9d3e48261fa0c7be5d92384716ab0e9f";
const at = (seconds: number): Date => new Date(Date.UTC(2026, 10, 23, 12, 0, seconds));

type Given = Partial<Pick<JournalledStep, "state" | "error" | "progress">>;

function step(name: string, result: Json, given: Given = {}): JournalledStep {
  return {
    n: 0,
    name,
    kind: "look",
    state: "done",
    key: "key",
    baseline: null,
    progress: null,
    result,
    error: null,
    startedAt: at(0),
    endedAt: at(2),
    ...given,
  };
}

const application = (role: string, name: string) => ({
  role,
  name,
  images: [OLD],
  finished: [{ commit: OLD, at: at(-7_200).toISOString() }],
  active: [],
  deploysOnPush: false,
});

const open = (name: string, words = "fine") => ({ name, ok: true, words });
const shut = (name: string, words: string) => ({ name, ok: false, words });
const GATES = ["preflight", "backup", "alerts", "runs"].map((name) => open(name));

const seen = (gates: readonly object[] = GATES): readonly JournalledStep[] => [
  step(DEPLOY_STEPS.source, { commit: NEW, meant: "the head of main" }),
  step(DEPLOY_STEPS.sight, {
    applications: [
      application("worker", "production-worker"),
      application("api", "production-api"),
    ],
    schema: { revision: "c3a2b7d9f1e0", problem: null },
    met: [],
  }),
  step(DEPLOY_STEPS.gates, {
    gates: gates as Json,
    pages: [],
    isFirst: false,
    backup: { kind: "made", at: at(-600).toISOString() },
    needsBackup: false,
  }),
];

const STAGES = [
  { name: "api", steps: [DEPLOY_STEPS.api, DEPLOY_STEPS.apiEnds] },
  { name: "schema", steps: Object.values(MIGRATION_STEPS) },
  { name: "ready", steps: [DEPLOY_STEPS.ready] },
  { name: "worker", steps: [DEPLOY_STEPS.worker, DEPLOY_STEPS.workerEnds] },
  { name: "watch", steps: [DEPLOY_STEPS.watch] },
];

function view(
  state: Run["state"],
  steps: readonly JournalledStep[],
  more: Partial<RunView<DeployInput>> & { readonly reason?: string } = {},
): RunView<DeployInput> {
  const { reason = null, ...rest } = more;
  return {
    run: {
      id: "7",
      target: "production",
      operation: "deploy",
      input: {},
      mutating: true,
      cause: "test",
      actor: { via: "telegram", name: "Otto", telegram: "1002", role: "operator" },
      configHash: "",
      state,
      epoch: 1,
      cancelRequestedAt: null,
      verdict: null,
      reason,
      createdAt: at(0),
      startedAt: at(0),
      endedAt: state === "running" ? null : at(60),
    },
    input: { overrides: [] },
    steps,
    now: at(60),
    timeZone: "UTC",
    ...rest,
  };
}

const cardOf = (of: RunView<DeployInput>) => deployCard(of, () => STAGES);
const lines = (of: RunView<DeployInput>): readonly string[] => cardText(cardOf(of)).split("\n");
const commands = (of: RunView<DeployInput>): readonly string[] =>
  cardOf(of)
    .actions.flat()
    .map(({ command }) => command);

describe("a deployment that nobody was asked for", () => {
  const blocked = view(
    "ok",
    seen([open("preflight"), shut("backup", "there is none"), open("runs")]),
  );

  test("names what is shut first, and how an approver may pass it", () => {
    expect(lines(blocked)).toEqual([
      "🔴 production · deploy blocked by backup",
      "9e107d9 (2h 1m ago) → 5c1f0b7 · the head of main",
      "✗ backup: there is none",
      "✓ preflight: fine",
      "✓ runs: fine",
      'An approver may pass a gate by name: /deploy 5c1f0b7a9d3e --override backup --because "…"',
      "R-7 · asked by Otto · 12:00:00",
    ]);
    expect(commands(blocked)).toEqual(["backup", "deploy", "runs R-7"]);
  });
});

describe("a deployment that is under way", () => {
  const running = (name: string, progress: Json) =>
    view("running", [
      ...seen(),
      step(DEPLOY_STEPS.ask, { approvedBy: ["Ada"] }),
      step(DEPLOY_STEPS.api, {}),
      step(DEPLOY_STEPS.apiEnds, {}),
      step(name, null, { state: "started", progress }),
    ]);

  test.each([
    [DEPLOY_STEPS.ready, { waitsFor: ["api-is-ready: not yet"] }, "api-is-ready: not yet"],
    [DEPLOY_STEPS.watch, { leftMs: 90_000, bad: [] }, "1m 30s left"],
    [DEPLOY_STEPS.watch, { leftMs: 90_000, bad: ["api-is-live"] }, "1m 30s left · ✗ api-is-live"],
  ])("says what it waits for at %s", (name, progress, words) => {
    expect(lines(running(name, progress))).toContain(words);
  });
});

describe("a deployment that broke off", () => {
  test("before anything was changed offers to ask again, and nothing to take back", () => {
    const failed = view("failed", seen(), { reason: "no room for a backup" });
    expect(lines(failed)[1]).toBe("no room for a backup");
    expect(commands(failed)).toEqual(["deploy", "runs R-7"]);
    expect(cardText(cardOf(failed))).not.toContain("as before");
  });

  test.each<[string, readonly JournalledStep[], readonly string[]]>([
    [
      "while the API was asked for",
      [step(DEPLOY_STEPS.api, null, { state: "unknown" })],
      ["api: 9e107d9, or 5c1f0b7 by now: nobody can tell", "worker: 9e107d9, as before"],
    ],
    [
      "when the API's deployment failed",
      [step(DEPLOY_STEPS.api, {}), step(DEPLOY_STEPS.apiEnds, null, { state: "failed" })],
      ["api: 9e107d9 before; that of 5c1f0b7 did not end well", "worker: 9e107d9, as before"],
    ],
    [
      "in the migration",
      [
        step(DEPLOY_STEPS.api, {}),
        step(DEPLOY_STEPS.apiEnds, {}),
        step(MIGRATION_STEPS.upgrade, {}),
        step(MIGRATION_STEPS.after, null, { state: "failed" }),
      ],
      [
        "api: 5c1f0b7",
        "worker: 9e107d9, as before",
        "schema: a migration was begun; look at it before going on",
      ],
    ],
    [
      "after everything was deployed",
      [
        step(DEPLOY_STEPS.api, {}),
        step(DEPLOY_STEPS.apiEnds, {}),
        step(MIGRATION_STEPS.after, { from: ["c3a2b7d9f1e0"], to: ["a1c4e7d2f9b3"] }),
        step(DEPLOY_STEPS.worker, {}),
        step(DEPLOY_STEPS.workerEnds, {}),
        step(DEPLOY_STEPS.watch, null, { state: "failed" }),
      ],
      ["api: 5c1f0b7", "worker: 5c1f0b7", "schema: a1c4e7d2f9b3"],
    ],
  ])("%s says where production stands, and offers the way back", (_title, steps, standing) => {
    const failed = view("failed", [...seen(), ...steps], { reason: "because" });
    expect(lines(failed).filter((line) => /^(?:api|worker|schema): /.test(line))).toEqual(standing);
    expect(commands(failed)).toEqual(["rollback 9e107d9d372b", "deploy", "runs R-7"]);
  });
});

describe("a deployment that ended well", () => {
  const steps = [
    ...seen(),
    step(DEPLOY_STEPS.ready, { passed: ["api-is-ready"], tookMs: 10 }),
    step(MIGRATION_STEPS.after, { from: ["a"], to: ["a"] }),
    step("smoke is GO", { verdict: "GO" }),
    step("job is GO", { verdict: "GO" }),
    step(DEPLOY_STEPS.signOff, {
      former: OLD,
      isKept: null,
      smokeProvesJobs: false,
      alone: false,
      schemaRevision: "a",
    }),
  ];
  const signed = (signOff: object) =>
    view("ok", steps, {
      kept: {
        durations: {},
        signOff: { state: "open", reviewedBy: null, closedAt: null, answers: [], ...signOff },
      },
    });
  const rollback = (yes: boolean) => [
    { field: "rollback", yes, by: "Otto", at: at(30).toISOString() },
  ];

  test("asks for the fields that it could not see itself", () => {
    expect(lines(signed({}))[0]).toBe("🟢 production · deployed 5c1f0b7 · to be signed");
    expect(lines(signed({}))).toContain("☐ rollback");
    expect(commands(signed({}))).toEqual([
      "sign R-7 rollback yes",
      "sign R-7 rollback no",
      "runs R-7",
    ]);
  });

  test("offers the review once every field is yes, and not before", () => {
    expect(commands(signed({ answers: rollback(true) }))).toEqual([
      "sign R-7 complete",
      "runs R-7",
    ]);
    expect(commands(signed({ answers: rollback(false) }))).toContain("sign R-7 rollback yes");
    expect(lines(signed({ answers: rollback(false) }))).toContain("✗ rollback · Otto 30s ago");
  });

  test("names who has reviewed it, and offers nothing any more", () => {
    const done = { state: "signed", reviewedBy: "Ada", closedAt: at(50).toISOString() };
    const card = signed({ ...done, answers: rollback(true) });
    expect(lines(card)[0]).toBe("🟢 production · deployed 5c1f0b7 · signed, reviewed by Ada");
    expect(commands(card)).toEqual(["runs R-7"]);
  });

  test("tells what was bad once, and what is still to be set up", () => {
    const watched = step(DEPLOY_STEPS.watch, {
      looks: 9,
      lastedMs: 600_000,
      blips: ["api-is-live"],
      notYet: ["webhook"],
    });
    const text = lines(view("ok", [...steps, watched]));
    expect(text).toContain("Not good yet, and to be set up now: webhook");
    expect(text).toContain("Bad once while it was watched: api-is-live");
  });
});

test("every button fits into what a tap may carry beside a target's name", () => {
  const field = view("ok", [...seen(), step(DEPLOY_STEPS.signOff, {})], {
    kept: {
      durations: {},
      signOff: { state: "open", reviewedBy: null, closedAt: null, answers: [] },
    },
  });
  const failed = view("failed", [...seen(), step(DEPLOY_STEPS.api, {})], { reason: "because" });
  for (const command of [...commands(field), ...commands(failed)]) {
    expect(command.length + " @a-name-of-20-letters".length + "c:".length).toBeLessThanOrEqual(64);
  }
});
