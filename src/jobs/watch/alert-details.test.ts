import { describe, expect, test } from "vitest";

import { cardText } from "../../core/card-text.ts";
import type { Json } from "../../core/json.ts";
import { createScrubber } from "../../core/redaction.ts";
import { Secret } from "../../core/secret.ts";
import type { CheckResult } from "../../core/status.ts";
import type { Database } from "../../storage/database.ts";
import type { Run } from "../../storage/run.ts";
import { NotConfiguredError } from "../../systems/not-configured-error.ts";
import type { RedisReply } from "../../systems/redis.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { RunView, StepContext } from "../operation.ts";
import { deadLettersSetting } from "../worker/dead-letter-settings.ts";
import { createAlertDetails, type AlertDetailsParts } from "./alert-details.ts";

const at = new Date("2026-11-23T03:04:05Z");
const secret = new Secret("correct-horse-battery");

const failing: CheckResult = {
  status: "fail",
  observations: [
    { what: "reachable", expected: "yes", actual: "yes", ok: true },
    { what: "status", expected: "200", actual: "503", ok: false },
  ],
  measurements: [{ name: "latencyMs", value: 41 }],
  durationMs: 12,
};

type World = {
  readonly result?: CheckResult;
  readonly application?: string;
  readonly log?: () => Promise<string>;
  readonly letters?: readonly RedisReply[] | SystemError;
};

/** Looks once in a small world, and gives the run's view back together with what it asked for. */
async function look(world: World = {}, check = "api-is-ready") {
  const asked: string[] = [];
  const parts: AlertDetailsParts = {
    checks: [
      {
        name: "api-is-ready",
        severity: "page",
        timeoutMs: 5_000,
        runbook: "docs/runbooks/api-is-ready.md",
        application: world.application,
        ask: async () => world.result ?? failing,
      },
    ],
    database: {
      transaction: async (work: (tx: object, now: Date) => Promise<unknown>) =>
        work({ change: async (sql: string) => asked.push(sql.slice(0, 18)) }, at),
    } as unknown as Database,
    target: "alpha",
    systems: {
      coolify: {
        log: async (name: string, lines: number) => {
          asked.push(`${lines} lines of ${name}`);
          return world.log?.() ?? "";
        },
      } as unknown as AlertDetailsParts["systems"]["coolify"],
      redis: {
        read: async () => {
          if (world.letters instanceof SystemError) throw world.letters;
          return world.letters ?? [];
        },
      },
    },
    deadLetters:
      world.letters &&
      deadLettersSetting.parse({ url: new Secret("redis://x"), list: "dead_letter_queue" }),
    scrub: createScrubber([secret]),
  };
  const operation = createAlertDetails(parts);
  const [step] = operation.steps({ check });
  if (step?.kind !== "look") throw new Error("It only looks.");
  const context = { signal: new AbortController().signal } as StepContext;
  const result = await step.look(context);
  const view = viewOf(check, result);
  return { operation, view, asked, result, text: cardText(operation.card(view)) };
}

function viewOf(check: string, result: Json, change: Partial<Run> = {}): RunView<Json> {
  const run = {
    id: "7",
    target: "alpha",
    state: "ok",
    actor: { via: "telegram", name: "Vera", telegram: "5", role: "viewer" },
    createdAt: at,
    endedAt: at,
    reason: null,
    ...change,
  } as Run;
  const steps = [{ result }] as unknown as RunView<Json>["steps"];
  return { run, input: { check }, steps, kept: null, now: at, timeZone: "UTC" };
}

const letter = (job: unknown): readonly RedisReply[] => [
  { ok: true, value: 3 },
  { ok: true, value: JSON.stringify(job) },
];

describe("the details of an alert", () => {
  test("tell what is seen now, what is wrong first, and keep it as a sample", async () => {
    const { text, asked, operation, result } = await look();
    expect(text).toBe(
      [
        "🔴 alpha · api-is-ready fails now",
        "✗ status: 503, expected 200",
        "✓ reachable: yes",
        "Runbook docs/runbooks/api-is-ready.md",
        "R-7 · Vera · 03:04:05",
      ].join("\n"),
    );
    expect(asked).toEqual(["update sample set ", "insert into sample"]);
    expect(operation.conclude({ check: "api-is-ready" }, { "look at once": result })).toEqual({
      verdict: "fail",
      facts: { check: "api-is-ready" },
    });
  });

  test.each<[CheckResult["status"], string]>([
    ["pass", "🟢 alpha · api-is-ready is well now"],
    ["unknown", "🟡 alpha · api-is-ready cannot be seen now"],
    ["not-configured", "⚪️ alpha · api-is-ready is not configured"],
  ])("say so when it is %s", async (status, title) => {
    const { text } = await look({ result: { ...failing, status, reason: "as it is" } });
    expect(text.split("\n").slice(0, 2)).toEqual([title, "as it is"]);
  });

  test("say that a check is gone from the configuration", async () => {
    expect((await look({}, "was-removed")).text).toContain(
      "🟡 alpha · was-removed cannot be seen now\nthe configuration has no such check any more",
    );
  });

  test("show the end of the log, and all thirty lines on demand, scrubbed as a whole", async () => {
    const lines = Array.from({ length: 40 }, (_, index) => `line ${index + 1}`);
    const key = `-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----`;
    const log = `${lines.join("\n")}\n${key}\nurl=redis://:${secret.reveal()}@redis\n${"x".repeat(900)}\n`;
    const { text, operation, view, asked } = await look({
      application: "api",
      log: async () => log,
    });
    expect(asked).toContain("30 lines of api");
    expect(text).toContain("Log of api, its last lines:\n  line 34\n");
    expect(text.split("\n").length).toBeLessThanOrEqual(16);
    const whole = operation
      .details(view)
      .map((part) => JSON.stringify(part))
      .join("\n");
    expect(whole).toContain("line 14\\nline 15");
    expect(whole).not.toContain("line 13");
    for (const shown of [text, whole]) {
      expect(shown).not.toContain("MIIEvQ");
      expect(shown).not.toContain(secret.reveal());
      expect(shown).toContain("redis://:[secret]@redis");
      expect(shown).not.toContain("x".repeat(401));
    }
    expect(operation.card(view).actions).toEqual([
      [
        { label: "Look again", command: "alerts api-is-ready" },
        { label: "Whole log", command: "runs R-7" },
      ],
    ]);
  });

  test.each<[string, World, string]>([
    [
      "the log",
      {
        application: "worker",
        log: async () => {
          throw new SystemError(
            "coolify",
            "rejected",
            "log of worker: Application is not running.",
          );
        },
      },
      "The log could not be read: log of worker: Application is not running.",
    ],
    [
      "a log without a Coolify",
      {
        application: "worker",
        log: async () => {
          throw new NotConfiguredError("systems.coolify");
        },
      },
      "The log could not be read: ",
    ],
    [
      "a log that takes too long",
      {
        application: "worker",
        log: async () => {
          throw new DOMException("too late", "TimeoutError");
        },
      },
      "The log could not be read: no answer in time",
    ],
    ["an empty log", { application: "worker" }, "The log of worker is empty."],
    [
      "dead letters",
      { letters: new SystemError("redis", "unreachable", "cannot read Redis: connection refused") },
      "Dead letters could not be read: cannot read Redis: connection refused",
    ],
    [
      "what is no list",
      {
        letters: [
          { ok: false, code: "WRONGTYPE" },
          { ok: true, value: null },
        ],
      },
      "Dead letters could not be read: dead_letter_queue is no list",
    ],
  ])(
    "say that %s could not be looked at, and still what the check saw",
    async (_what, world, said) => {
      const { text } = await look(world);
      expect(text).toContain(`\n${said}`);
      expect(text).toContain("✗ status: 503");
    },
  );

  test("let a mistake of our own be one", async () => {
    const log = async (): Promise<string> => {
      throw new TypeError("undefined is not a function");
    };
    await expect(look({ application: "api", log })).rejects.toThrow(TypeError);
  });

  test.each<[string, readonly RedisReply[], string]>([
    [
      "by topic, attempt and error",
      letter({
        job_id: "j",
        topic: "sync.todoist",
        attempt: 5,
        error: `refused by https://api:${secret.reveal()}@x ${"e".repeat(300)}`,
        payload: { user_id: "usr_dev", message: "my private words" },
      }),
      "3 dead letters, the newest: sync.todoist · attempt 5 · refused by https://api:[secret]@x eee",
    ],
    [
      "by what there is",
      letter({ topic: "plan.refresh", attempt: "five", payload: { user_id: "usr_dev" } }),
      "3 dead letters, the newest: plan.refresh\n",
    ],
    [
      "even when it is no job",
      [
        { ok: true, value: 1 },
        { ok: true, value: "usr_dev: my private words" },
      ],
      "1 dead letter: without a topic\n",
    ],
    [
      "or that there is none",
      [
        { ok: true, value: 0 },
        { ok: true, value: null },
      ],
      "No dead letters.\n",
    ],
  ])("tell the newest dead letter %s, and nothing of its payload", async (_what, letters, said) => {
    const { text, result } = await look({ letters });
    expect(text).toContain(`\n${said}`);
    const kept = JSON.stringify(result);
    for (const value of ["usr_dev", "private", secret.reveal(), "e".repeat(130)]) {
      expect(kept).not.toContain(value);
    }
  });
});

describe("a look that has no result", () => {
  test("says that it is under way, or why there is none", async () => {
    const { operation } = await look();
    const waiting = operation.card(viewOf("api-is-ready", null, { state: "running" }));
    expect(waiting.title).toBe("⏳ alpha · api-is-ready · looking…");
    const failed = viewOf("api-is-ready", null, { state: "failed", reason: "no end within 20s" });
    expect(cardText(operation.card(failed))).toContain(
      "⚪️ alpha · api-is-ready · not looked at\nno end within 20s",
    );
    expect(operation.details(failed)).toEqual([]);
  });

  test("offers to look again only where that fits a button", async () => {
    const { operation } = await look();
    const named = (check: string) => operation.card(viewOf(check, null, { state: "failed" }));
    expect(named("a".repeat(33)).actions).toEqual([
      [expect.objectContaining({ label: "Look again" })],
    ]);
    expect(named("a".repeat(34)).actions.flat()).toEqual([]);
  });
});
