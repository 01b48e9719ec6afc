import { readFileSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

import type { FaultName } from "../../sandbox/faults.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { startApp } from "../../src/app.ts";
import { parseConfig } from "../../src/config/load-config.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createTestDatabase, type TestDatabase } from "../database.ts";
import { configText, FAST_ENGINE } from "../support/config.ts";
import { someOf } from "../support/long-run.ts";
import { query, readEntries } from "../support/records.ts";

const opened = new AsyncDisposableStack();
let world: World;
let database: TestDatabase;
let log = "";

/** The sandbox's own flows, with less patience, so that what never comes is known soon. */
function impatient(text: string): string {
  return text
    .replaceAll("within: 45s", "within: 7s")
    .replaceAll("within: 30s", "within: 6s")
    .replaceAll("\n          list: dead", "\n          within: 5s\n          list: dead");
}

beforeAll(async () => {
  world = opened.use(
    await startWorld({
      timing: {
        modelPausesMs: [20, 20],
        workerPausesMs: [50, 50, 50, 50],
        workerErrorPauseMs: 200,
        redisTimeoutMs: 1_000,
      },
    }),
  );
  database = opened.use(await createTestDatabase());
  const directory = opened.use(await temporaryDirectory("smoke"));
  const more = `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`;
  const config = parseConfig(impatient(configText({ data: directory.path, more })), {
    environment: {
      ...world.environment,
      OWN_DATABASE: database.url,
      OWN_REDIS: inject("redisUrl"),
    },
    readFile: (path) => readFileSync(path, "utf8"),
  });
  if (!config.ok) throw new Error(config.problems.map(({ message }) => message).join("\n"));
  opened.use(
    await startApp({
      config,
      logger: createLogger(
        (line) => (log += line),
        (text) => text,
      ),
      instance: "test-1",
      signal: new AbortController().signal,
    }),
  );
});
afterAll(async () => {
  await opened.disposeAsync();
});

/** Says something as the operator and waits for the answer that reads as expected. */
async function answerTo(text: string, reads: RegExp, timeoutMs = 40_000) {
  const { messageId } = world.as("operator").say(text);
  return world.telegram.waitFor(
    () =>
      world.telegram
        .messages()
        .find((message) => message.replyTo?.id === messageId && reads.test(message.text)),
    { timeoutMs },
  );
}

const ENDED = /smoke (?:GO|NO-GO|UNKNOWN|failed|cancelled)/;

async function lastResult() {
  return (await readEntries(database.url)).findLast((entry) => entry.kind === "run.result");
}

describe("a smoke in a healthy world", () => {
  test("is GO: one capture, one task that came to Todoist and back, and nothing left open", async () => {
    const before = await world.effects();
    const card = await answerTo("/smoke", ENDED);
    const lines = card.text.split("\n");
    expect(lines[0]).toBe("🟢 sandbox · smoke GO");
    expect(lines[1]).toBe("todoist: 13 of 13 steps passed");
    expect(card.text).toMatch(/left behind: inbox item inb_\w+, task tsk_\w+$/m);
    const effects = await world.effects();
    const counted = (effect: string): number => (effects[effect] ?? 0) - (before[effect] ?? 0);
    expect([counted("captures"), counted("tasksCreated"), counted("questionsAnswered")]).toEqual([
      1, 1, 1,
    ]);
    const ours = world.todoist.tasks().filter(({ content }) => content.includes("ops smoke"));
    expect(ours).toMatchObject([{ content: "Check the ops smoke test R-1", is_completed: true }]);
    const { rows } = await query<{ status: string }>(
      world.product.databaseUrl,
      "select status from tasks where title like 'Check the ops smoke test%'",
    );
    expect(rows).toEqual([{ status: "done" }]);
  });

  test("is recorded with an intent before each effect and what became of it", async () => {
    const entries = (await readEntries(database.url)).filter(({ run }) => run === "R-1");
    expect(entries.map(({ kind, step, result }) => [kind, step, result])).toEqual([
      ["run.intent", undefined, undefined],
      ...[
        "a thought becomes a task",
        "a sync is asked for",
        "the task is closed in Todoist",
        "a reconciliation is asked for",
      ].flatMap((step) => [
        ["step.intent", step, undefined],
        ["step.outcome", step, "ok"],
      ]),
      ["run.result", undefined, "GO"],
    ]);
    expect(entries.at(-1)?.facts).toMatchObject({
      flow: "todoist",
      "left-behind": expect.stringMatching(/^inbox item inb_\w+; task tsk_\w+$/) as string,
    });
  });

  test("tells all that it saw under Details", async () => {
    const details = await answerTo("/runs R-1", /smoke/);
    expect(details.text).toContain("✓ applied.tasks_created: 1");
    expect(details.text).toContain('✓ event_type: "worker_topic_completed"');
    expect(details.text).toMatch(/request [0-9a-f-]{36}/);
  });
});

type Broken = {
  readonly fault: FaultName;
  readonly verdict: "NO-GO" | "UNKNOWN";
  readonly step: string;
  readonly says: readonly RegExp[];
};

const BROKEN: readonly Broken[] = [
  {
    fault: "xai-key-revoked",
    verdict: "NO-GO",
    step: "a thought becomes a task",
    // The product answers 200 all the same, with an inbox item; only the effect tells.
    says: [
      /^expected applied\.tasks_created: at least 1$/m,
      /^seen: 0$/m,
      /^request [0-9a-f-]{36}$/m,
      /^look at docs\/runbooks\/xai-key-works\.md$/m,
      /^left behind: inbox item inb_\w+$/m,
    ],
  },
  {
    fault: "xai-hangs",
    verdict: "NO-GO",
    step: "a thought becomes a task",
    says: [/no answer within 6s; whether it was done is not known/],
  },
  {
    fault: "worker-stopped",
    verdict: "NO-GO",
    step: "the worker completed that sync",
    says: [/^expected rows: a row$/m, /^seen: none$/m, /it did not come within 7s/],
  },
  {
    fault: "worker-dies-in-a-sync",
    verdict: "NO-GO",
    step: "the worker completed that sync",
    says: [/^seen: none$/m, /it did not come within 7s/],
  },
  {
    // It was killed with the summary of our thought in its hands, so nobody is there for the sync.
    fault: "worker-dies-in-a-job",
    verdict: "NO-GO",
    step: "the worker completed that sync",
    says: [/^seen: none$/m, /it did not come within 7s/],
  },
  {
    fault: "todoist-answers-500",
    verdict: "NO-GO",
    step: "the worker completed that sync",
    says: [/^seen: "worker_moved_to_dlq"$/m, /waiting is over: .*500 .* from Todoist/],
  },
  {
    fault: "todoist-token-revoked",
    verdict: "NO-GO",
    step: "the worker completed that sync",
    says: [
      /^expected event_type: "worker_topic_completed"$/m,
      /^seen: "worker_moved_to_dlq"$/m,
      /waiting is over: .*401 Unauthorized.* from Todoist/,
    ],
  },
  {
    fault: "redis-frozen",
    verdict: "UNKNOWN",
    step: "dead letters are counted",
    says: [/^Redis at 127\.0\.0\.1:\d+ did not answer within 5(?:\.\d)?s$/m],
  },
  {
    fault: "database-frozen",
    verdict: "NO-GO",
    step: "a thought becomes a task",
    says: [/\/v1\/capture\/thought: no answer within 6s; whether it was done is not known/],
  },
  {
    fault: "api-answers-500",
    verdict: "NO-GO",
    step: "a thought becomes a task",
    says: [/^expected status: 200$/m, /^seen: 500 with Internal Server Error$/m, /asked 3 times/],
  },
  {
    fault: "api-forgets-our-token",
    verdict: "NO-GO",
    step: "a thought becomes a task",
    says: [/^seen: 401 with {"detail":"Invalid token"}$/m],
  },
];

describe("a smoke in a broken world", () => {
  test.each(someOf(BROKEN, 2))(
    "$fault: $verdict at the step that shows it, and GO when it is healed",
    async ({ fault, verdict, step, says }) => {
      await world.break(fault);
      let card: Awaited<ReturnType<typeof answerTo>>;
      try {
        card = await answerTo("/smoke", ENDED);
      } finally {
        await world.heal(fault);
      }
      const lines = card.text.split("\n");
      expect(lines[0]).toBe(`${verdict === "NO-GO" ? "🔴" : "🟡"} sandbox · smoke ${verdict}`);
      expect(lines[1]).toBe(`${verdict === "NO-GO" ? "✗" : "?"} ${step}`);
      for (const words of says) expect(card.text).toMatch(words);
      const passed = lines.findIndex((line) => line.startsWith("✓"));
      expect(passed < 0 ? lines.length : passed).toBeLessThanOrEqual(12);
      const result = await lastResult();
      expect(result).toMatchObject({ operation: "smoke", result: verdict });
      expect(result?.facts[verdict === "NO-GO" ? "fail" : "unknown"]).toBe(step);

      const healed = await answerTo("/smoke", ENDED);
      expect(healed.text.split("\n")[0]).toBe("🟢 sandbox · smoke GO");
    },
    120_000,
  );
});

describe("what is typed", () => {
  test("--dry-run tells every step, with no secret, and calls nobody", async () => {
    const before = await world.effects();
    const card = await answerTo("/smoke --dry-run", /dry run/);
    expect(card.text).toContain("14 steps. Nothing was called.");
    expect(card.text).toMatch(
      /2\. a thought becomes a task: POST 127\.0\.0\.1:\d+\/v1\/capture\/thought, with a key of its own/,
    );
    expect(card.text).toContain("14. the task is closed in Todoist after all: at the end, POST");
    const effects = await world.effects();
    expect([effects["apiRequests"], effects["captures"]]).toEqual([
      before["apiRequests"],
      before["captures"],
    ]);
  });

  test.each([
    ["/smoke todoits", 'There is no flow "todoits". Did you mean todoist?'],
    ["/smoke todoist now", '"now" is one word too many.'],
    ["/smoke todoist --dryrun", "There is no flag --dryrun; did you mean --dry-run?"],
  ])("%s is answered with what would be right", async (typed, answer) => {
    expect((await answerTo(typed, /./)).text).toContain(answer);
  });
});

test("nothing that is kept or shown holds a secret", async () => {
  const tables = ["run", "run_step", "outbox", "evidence"];
  const dumps = await Promise.all(
    tables.map(async (table) => query(database.url, `select t::text from ${table} t`)),
  );
  const kept = JSON.stringify(dumps.map((dump) => dump.rows));
  const shown = JSON.stringify(world.telegram.messages());
  for (const secret of world.secrets) {
    expect([kept.includes(secret), shown.includes(secret), log.includes(secret)]).toEqual([
      false,
      false,
      false,
    ]);
  }
  expect(world.telegram.violations()).toEqual([]);
});
