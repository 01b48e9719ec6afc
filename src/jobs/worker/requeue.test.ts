import { describe, expect, test } from "vitest";

import type { ApprovalView, Question } from "../../core/approval.ts";
import { cardText } from "../../core/card-text.ts";
import type { Json } from "../../core/json.ts";
import { Secret } from "../../core/secret.ts";
import type { JournalledStep } from "../../storage/run-step.ts";
import type { Run } from "../../storage/run.ts";
import type { ActStep, AskStep, LookStep, Operation, Results, RunView } from "../operation.ts";
import { deadLettersSetting } from "./dead-letter-settings.ts";
import { createRequeue } from "./requeue.ts";

const now = new Date("2026-11-23T03:04:05Z");
const redisUrl = new Secret("redis://localhost/0");
const databaseUrl = new Secret("postgresql://localhost/product");

const deadLetters = deadLettersSetting.parse({
  url: redisUrl,
  list: "dead_letter_queue",
  events: { url: databaseUrl, sql: "select $1", completed: "done", died: "died" },
  requeue: { url: redisUrl, queue: "default_queue", within: "1s" },
});

const letterOf = (job: string, more: object = {}): string =>
  JSON.stringify({
    job_id: job,
    topic: "sync.todoist",
    payload: { diary: "private" },
    attempt: 5,
    ...more,
  });
const happened = (event: string, minute: number, error: string | null = null) => ({
  event,
  error,
  at: new Date(Date.UTC(2026, 10, 23, 3, minute)),
});

type Scene = {
  readonly letters: readonly string[];
  /** What befell the job, by the first, second, … question; the last answer stays. */
  readonly events?: readonly (readonly ReturnType<typeof happened>[])[];
};

/** An operation in a small world, and what was put back by whom under which mark. */
function requeueIn({ letters, events = [[]] }: Scene) {
  const lying = [...letters];
  const given: { readonly job: string; readonly mark: string }[] = [];
  let questions = 0;
  const operation = createRequeue({
    target: "alpha",
    deadLetters,
    approvals: {},
    everyMs: 1,
    scrub: (text) => text.replaceAll("hunter2", "***"),
    systems: {
      redis: {
        read: async () => [
          { ok: true, value: lying.length },
          { ok: true, value: [...lying] },
        ],
      },
      postgres: {
        query: async () => events[Math.min(questions++, events.length - 1)] ?? [],
      },
      jobReturn: {
        async give({ letter, job, mark }) {
          if (!lying.includes(letter)) return "gone";
          lying.splice(lying.indexOf(letter), 1);
          given.push({ job, mark });
          return "given";
        },
        wasGiven: async ({ mark }) => given.some((one) => one.mark === mark),
      },
    },
  });
  if (!operation) throw new Error("It is configured.");
  return { operation, lying, given };
}

const context = (results: Results = {}) => ({
  signal: new AbortController().signal,
  run: "R-7",
  key: "key-1",
  results,
  baseline: null,
  report: () => undefined,
});

function stepsOf(operation: Operation, job?: string) {
  const [look, ask, act, follow] = operation.steps(job === undefined ? {} : { job });
  return {
    look: look as LookStep,
    ask: ask as AskStep,
    act: act as ActStep,
    follow: follow as LookStep,
  };
}

/** The results that the first look leaves to what comes behind it. */
async function looked(operation: Operation, job?: string): Promise<Results> {
  const { look } = stepsOf(operation, job);
  return { [look.name]: await look.look(context()) };
}

describe("what is asked", () => {
  test("is about the newest letter, and holds nothing of the job but its name and topic", async () => {
    const { operation } = requeueIn({
      letters: [letterOf("j-old"), letterOf("j-new", { topic: "hunter2.refresh" })],
      events: [[happened("retried", 1), happened("died", 2, "TypeError: my diary says")]],
    });
    const results = await looked(operation);
    const { parameters, policy, needsCode } = stepsOf(operation).ask.question(results);
    expect(parameters).toMatchObject({
      job: "j-new",
      topic: "***.refresh",
      from: "dead_letter_queue",
      to: "default_queue",
      letter: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect({ policy, needsCode }).toEqual({ policy: "second-person", needsCode: false });
    expect(JSON.stringify(results)).not.toContain("private");
    expect(JSON.stringify(results)).not.toContain("diary");
    expect(results["dead letters"]).toMatchObject({
      waiting: 2,
      letter: { diedAt: "2026-11-23T03:02:00.000Z", error: "TypeError" },
      others: ["sync.todoist · j-old"],
    });
  });

  test("may be about another one, by the first characters of its job's name", async () => {
    const { operation } = requeueIn({ letters: [letterOf("ab-1"), letterOf("cd-2")] });
    const { ask } = stepsOf(operation);
    expect(ask.question(await looked(operation, "ab-")).parameters["job"]).toBe("ab-1");
    await expect(looked(operation, "ef-")).rejects.toThrow("no dead letter of a job ef-");
  });

  test.each<[string, readonly string[], string | undefined, string]>([
    ["nothing lies there", [], undefined, "there is no dead letter in dead_letter_queue"],
    [
      "two jobs may be meant",
      [letterOf("ab-1"), letterOf("ab-2")],
      "ab-",
      "2 jobs in dead_letter_queue begin with ab-",
    ],
    ["the newest names no job", ['{"topic":"x"}'], undefined, "names no job"],
    ["it is no JSON", ["rubbish"], undefined, "names no job"],
    ["its name is no name", [letterOf("a b'; drop")], undefined, "names no job"],
  ])("is nothing when %s", async (_case, letters, job, message) => {
    await expect(looked(requeueIn({ letters }).operation, job)).rejects.toThrow(message);
  });

  test("rests on that very letter, and on no other of the same job", async () => {
    const { operation, lying } = requeueIn({ letters: [letterOf("j-1")] });
    const results = await looked(operation);
    const { ask } = stepsOf(operation);
    const { observed }: Question = ask.question(results);
    lying.unshift(letterOf("j-0"));
    expect(await ask.observe(context(results))).toEqual(observed);
    lying.splice(1, 1, letterOf("j-1", { attempt: 4 }));
    expect(await ask.observe(context(results))).toEqual({ letter: "lies there no more" });
  });
});

describe("putting it back", () => {
  test("takes the count of tries out, and is found to have happened", async () => {
    const { operation, lying, given } = requeueIn({ letters: [letterOf("j-1"), letterOf("j-2")] });
    const results = await looked(operation);
    const { act } = stepsOf(operation);
    expect(await act.observe(context(results))).toEqual({ kind: "absent" });
    await act.act(context(results));
    expect(lying).toEqual([letterOf("j-1")]);
    expect(given.map(({ job }) => JSON.parse(job) as Json)).toEqual([
      { job_id: "j-2", topic: "sync.todoist", payload: { diary: "private" } },
    ]);
    expect(await act.observe(context(results))).toMatchObject({ kind: "happened" });
  });

  test("does nothing when somebody else took it", async () => {
    const { operation, lying, given } = requeueIn({ letters: [letterOf("j-1")] });
    const results = await looked(operation);
    lying.splice(0, 1, letterOf("j-1", { attempt: 4 }));
    await expect(stepsOf(operation).act.act(context(results))).rejects.toThrow(
      "the letter lies there no more",
    );
    expect(given).toEqual([]);
  });
});

describe("following it", () => {
  const before = [happened("died", 1)];

  test.each([
    [
      "completed",
      [before, before, [...before, happened("done", 3)]],
      { verdict: "COMPLETED", facts: { outcome: "completed" } },
    ],
    [
      "died again",
      [before, [...before, happened("retried", 3), happened("died", 4, "ValueError: private")]],
      { verdict: "DIED AGAIN", facts: { outcome: "died again", error: "ValueError" } },
    ],
    [
      // What it died of before is no end of the new try.
      "neither",
      [before],
      { verdict: "UNKNOWN", facts: { outcome: "not seen to end" } },
    ],
  ])("says that it %s", async (_outcome, events, concluded) => {
    const { operation } = requeueIn({ letters: [letterOf("j-1")], events });
    const results = await looked(operation);
    const { follow } = stepsOf(operation);
    const all = { ...results, [follow.name]: await follow.look(context(results)) };
    expect(operation.conclude({}, all)).toMatchObject(concluded);
    expect(JSON.stringify(all)).not.toContain("private");
  });
});

describe("its card", () => {
  const step = (
    name: string,
    state: JournalledStep["state"],
    result: Json = null,
  ): JournalledStep => ({
    n: 0,
    name,
    kind: "look",
    state,
    key: "",
    baseline: null,
    progress: null,
    result,
    error: null,
    startedAt: now,
    endedAt: state === "done" ? now : null,
  });
  const approval: ApprovalView = {
    state: "posted",
    question: { policy: "second-person", needsCode: false, parameters: {}, observed: {} },
    code: "K7QX",
    expiresAt: new Date(now.getTime() + 600_000),
    votes: [],
    changed: [],
    buttons: [[{ label: "Approve", command: "approve" }]],
  };

  async function drawn(
    change: Partial<Run>,
    steps: readonly JournalledStep[],
    view: Partial<RunView<Json>> = {},
  ) {
    const { operation } = requeueIn({
      letters: [letterOf("j-0"), letterOf("0c3a1b2c-77aa-4f2a-9e11-7d9f2c3b4a5d")],
      events: [[happened("died", 1, "TypeError: private")]],
    });
    const lookedAt = (await looked(operation))["dead letters"] ?? null;
    const run = {
      id: "7",
      target: "alpha",
      operation: "requeue",
      state: "running",
      actor: { via: "telegram", name: "Otto", telegram: "5", role: "operator" },
      createdAt: now,
      startedAt: now,
      endedAt: null,
      cancelRequestedAt: null,
      reason: null,
      ...change,
    } as Run;
    const all = [step("dead letters", "done", lookedAt), ...steps];
    const card = operation.card({
      run,
      input: {},
      steps: all,
      kept: {},
      now,
      timeZone: "UTC",
      ...view,
    });
    return { text: cardText(card), card };
  }

  test("asks for one letter and says what may come of it", async () => {
    const { text, card } = await drawn({ state: "waiting" }, [step("approval", "started")], {
      approval,
    });
    expect(text.split("\n")).toEqual([
      "✋ alpha · requeue?",
      "sync.todoist 0c3a1b2c-77a… → default_queue",
      "died 3m 5s ago: TypeError",
      "put back → job ended",
      "It is done again from its start: what it did before it died may happen twice.",
      "1 other stays in dead_letter_queue.",
      "A yes of another approver than Otto, until 03:14 · code K7QX",
      "R-7 · asked by Otto · 03:04:05",
    ]);
    expect(card.actions.at(-1)).toEqual(approval.buttons[0]);
  });

  test.each([
    [{ outcome: "completed", tookMs: 4_000 }, "🟢 alpha · the job completed after 4s"],
    [
      { outcome: "died again", error: "TypeError", tookMs: 31_000 },
      "🔴 alpha · the job died again",
    ],
    [
      { outcome: "not seen to end", waited: "2m" },
      "🟡 alpha · the job was put back and not seen to end",
    ],
  ])("says at the end what became of the job: %o", async (followed, title) => {
    const { text } = await drawn({ state: "ok", endedAt: now }, [
      step("put back", "done"),
      step("job ended", "done", followed),
    ]);
    expect(text.split("\n")[0]).toBe(title);
    expect(text.split("\n").length).toBeLessThanOrEqual(12);
  });
});

test("there is none where nothing says how a job is put back", () => {
  const parts = { target: "alpha", approvals: {}, scrub: String, systems: {} as never };
  expect(createRequeue({ ...parts, deadLetters: undefined })).toBeUndefined();
  const readOnly = deadLettersSetting.parse({ url: redisUrl, list: "dead" });
  expect(createRequeue({ ...parts, deadLetters: readOnly })).toBeUndefined();
});

test("what is put back has to be followed, so the configuration demands both", () => {
  const { error } = deadLettersSetting.safeParse({
    url: redisUrl,
    list: "dead",
    requeue: { url: redisUrl, queue: "queue" },
  });
  expect(error?.issues).toMatchObject([{ path: ["requeue"] }]);
});
