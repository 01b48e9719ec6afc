import { describe, expect, test } from "vitest";

import type { Entry } from "../../src/core/entry.ts";
import { cast } from "./cast.ts";
import type { Said } from "./company.ts";
import { judge, undisturbedMs } from "./invariants.ts";
import type { Done } from "./nemesis.ts";
import type { Recorded } from "./record.ts";

const clock = (seconds: number): Date => new Date(Date.UTC(2026, 10, 23, 3, 0, seconds));
const GROUP = -1_001;

/** Otto asked for a mark and somebody's yes, a doubt was decided, an alert was told: all as it should be. */
const asked: Said = {
  updateId: 10,
  who: "Otto",
  what: "typed",
  text: "/change",
  messageId: 100,
  queryId: undefined,
  at: clock(1),
};
const yes: Said = {
  ...asked,
  updateId: 11,
  who: "Ada",
  what: "tapped",
  text: "Approve",
  messageId: 101,
  queryId: "7",
};
const strange: Said = { ...asked, updateId: 12, who: "Sid", text: "/mark", messageId: 102 };

function entry(kind: Entry["kind"], run: string): Entry {
  return {
    v: 1,
    log: "sandbox",
    seq: "1",
    prev: "0".repeat(64),
    at: "2026-11-23T03:00:00.000Z",
    kind,
    target: "sandbox",
    actor: { via: "telegram", name: "Otto", telegram: "1002", role: "operator" },
    operation: "change",
    run,
    config: "",
    build: "",
    instance: "",
    facts: {},
  };
}

const run = {
  id: "1",
  operation: "change",
  cause: "tg-10",
  state: "ok",
  verdict: "CHANGED",
  askedBy: cast.Otto.id,
} as const;
const step = {
  runId: "1",
  n: 2,
  name: "mark",
  kind: "act",
  state: "done",
  startedAt: clock(5),
} as const;
const vote = { by: cast.Ada.id, vote: "yes", cause: "tap-7" } as const;
const approval = {
  id: "1",
  runId: "1",
  n: 1,
  state: "consumed",
  policy: "second-person",
  votes: [vote],
} as const;
const place = {
  subject: "run:1",
  replyTo: 100,
  messageId: 101,
  wanted: 3,
  sent: 3,
  resent: false,
  held: false,
  abandoned: undefined,
  roundup: undefined,
} as const;
const message = {
  id: 101,
  chatId: GROUP,
  sentAt: clock(2),
  isOurs: true,
  replyTo: 100,
  text: "sandbox · change · CHANGED",
  texts: ["❓ sandbox · change · did it happen?", "sandbox · change · CHANGED"],
} as const;
const alertMessage = {
  ...message,
  id: 103,
  replyTo: undefined,
  sentAt: clock(32),
  text: "🔴 sandbox · it fails",
  texts: ["🔴 sandbox · it fails"],
} as const;
const alert = {
  id: "4",
  check: "api-is-live",
  state: "firing",
  behind: null,
  firedAt: clock(30),
  toldAt: clock(30),
  isSilenced: false,
} as const;
const kill: Done = {
  what: { kind: "kill", replica: 0, lastsMs: 1 },
  from: clock(3),
  until: clock(4),
  failure: undefined,
};

const sound: Recorded = {
  said: [asked, yes, strange],
  inbox: [
    { updateId: 10, state: "handled" },
    { updateId: 11, state: "handled" },
  ],
  runs: [run],
  steps: [{ ...step, n: 1, kind: "ask" }, step],
  outbox: [place, { ...place, subject: "alert:4", replyTo: undefined, messageId: 103 }],
  approvals: [approval],
  alerts: [alert],
  entries: [entry("run.unknown", "R-1"), entry("approval.used", "R-1"), entry("run.result", "R-1")],
  messages: [message, alertMessage],
  calls: [],
  effects: [{ runId: "1", step: "mark", stepState: "done", count: 1, isOwed: true }],
  strays: [],
  evidence: { exitCode: 0, said: "sound" },
  leaks: [],
  done: [kill],
  brokenConnections: 0,
  troubledCalls: 0,
  restless: [],
};

/** What is found against each promise that something is found against. */
function violated(change: Partial<Recorded>): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    judge({ ...sound, ...change })
      .filter(({ violations }) => violations.length > 0)
      .map(({ name, violations }) => [name, violations]),
  );
}

test("a world in which all is as it should be contradicts nothing, and everything was looked at", () => {
  expect(violated({})).toEqual({});
  expect(judge(sound).map(({ name }) => name)).toEqual([
    "I1",
    "I2",
    "I3",
    "I4",
    "I5",
    "I6",
    "I7",
    "I8",
  ]);
});

describe("I1 is violated by", () => {
  test.each<[string, Partial<Recorded>, RegExp]>([
    ["a command that was lost", { inbox: [] }, /is stored as nothing/],
    [
      "a command that was given up",
      { inbox: [{ updateId: 10, state: "failed" }] },
      /is stored as failed/,
    ],
    [
      "a command without an answer",
      { runs: [], steps: [], approvals: [], outbox: [], effects: [], entries: [] },
      /has 0 outcomes/,
    ],
    [
      "two runs of one command",
      { runs: [run, { ...run, id: "2" }] },
      /has 2 outcomes: run R-1, run R-2/,
    ],
    [
      "a run and an answer to one command",
      { outbox: [...sound.outbox, { ...place, subject: "reply:tg-10" }] },
      /has 2 outcomes/,
    ],
    [
      "a stranger who was heard",
      { inbox: [...sound.inbox, { updateId: 12, state: "handled" }] },
      /Sid .* was to be ignored/,
    ],
    [
      "a command that was too old and was run",
      { said: [{ ...asked, what: "late" }, yes] },
      /was too old to be run/,
    ],
    [
      "an edited message that was heard",
      { said: [...sound.said, { ...asked, updateId: 11, what: "edited" }] },
      /edited .* was to be ignored/,
    ],
    [
      "a run that nobody asked for",
      { runs: [run, { ...run, id: "2", cause: "tg-77" }] },
      /R-2 was begun by tg-77, which nobody did/,
    ],
    [
      "a run without an end",
      { runs: [{ ...run, state: "running" }] },
      /R-1 has not ended: it is running/,
    ],
    ["what never comes to rest", { restless: ["run 1 is waiting"] }, /run 1 is waiting/],
  ])("%s", (_what, change, words) => {
    expect(violated(change)["I1"]?.join("\n")).toMatch(words);
  });
});

describe("I2 is violated by", () => {
  const [effect] = sound.effects;
  test.each<[string, Partial<Recorded>, RegExp]>([
    ["an effect that came twice", { effects: [{ ...effect!, count: 2 }] }, /happened 2 times/],
    [
      "an effect twice of an act that failed",
      { effects: [{ ...effect!, count: 2, isOwed: false }] },
      /happened 2 times/,
    ],
    [
      "an effect that a run only claims",
      { effects: [{ ...effect!, count: 0 }] },
      /happened 0 times/,
    ],
    ["an effect that no act claims", { strays: ["a mark by 7"] }, /a mark by 7 belongs to no act/],
  ])("%s", (_what, change, words) => {
    expect(violated(change)).toEqual({ I2: [expect.stringMatching(words)] });
  });

  test("not by an act that failed and had no effect, nor by one that failed and had it", () => {
    const unsure = [0, 1].map((count) => ({ ...effect!, count, isOwed: false }));
    expect(violated({ effects: unsure })).toEqual({});
  });
});

describe("I3 is violated by", () => {
  const repeat = { ...message, id: 99 };
  const resent = { ...message, texts: [...message.texts, "sandbox · change · CHANGED (resent)"] };
  test.each<[string, Partial<Recorded>, RegExp]>([
    [
      "an end that the chat does not show",
      { messages: [{ ...message, text: "sandbox · change · running" }, alertMessage] },
      /R-1 .* reads "sandbox · change · running"/,
    ],
    [
      "a run whose card stands nowhere",
      { messages: [{ ...message, id: 98 }, alertMessage] },
      /R-1 .* stands nowhere/,
    ],
    [
      "a repeat that does not say so",
      { messages: [...sound.messages, repeat] },
      /message 99 is a repeat of none that says so/,
    ],
    [
      "more repeats than there was trouble",
      {
        done: [],
        messages: [resent, alertMessage, repeat],
        outbox: [{ ...place, resent: true }, sound.outbox[1]!],
      },
      /1 repeats, of 0/,
    ],
  ])("%s", (_what, change, words) => {
    expect(violated(change)["I3"]?.join("\n")).toMatch(words);
  });

  test("not by a card that shows a list in place of a verdict, once it is no longer under way", () => {
    const list = { ...run, operation: "checklist", verdict: "NO-GO" };
    const reads = (text: string) =>
      violated({ runs: [list], messages: [{ ...message, text }, alertMessage] });
    expect(reads("🔴 sandbox · daily checklist · 3 of 8")).toEqual({});
    expect(reads("⏳ sandbox · daily checklist")).toHaveProperty("I3");
  });

  test("not by a repeat that says so, after a kill", () => {
    const change = {
      messages: [resent, alertMessage, repeat],
      outbox: [{ ...place, resent: true }, sound.outbox[1]!],
    };
    expect(violated(change)).toEqual({});
  });

  test.each([
    ["failed", "🔴 sandbox · change failed"],
    ["refused", "⚪️ sandbox · change denied"],
    ["expired", "sandbox · change · expired"],
    ["cancelled", "sandbox · change · cancelled"],
  ])("a run that was %s is told in its own words, and not in those of success", (state, text) => {
    const ended = { runs: [{ ...run, state, verdict: null }] };
    expect(violated({ ...ended, messages: [{ ...message, text }, alertMessage] })).toEqual({});
    expect(violated(ended)).toHaveProperty("I3");
  });
});

describe("I4 is violated by", () => {
  test.each<[string, Partial<Recorded>, RegExp]>([
    [
      "a log that does not verify",
      { evidence: { exitCode: 1, said: "entry 3 was changed" } },
      /verify says 1: entry 3 was changed/,
    ],
    ["a chain that is broken", { entries: [] }, /broken, or empty/],
    ["a result that is missing", { entries: sound.entries.slice(0, 2) }, /R-1 has 0 results/],
    [
      "a result that stands there twice",
      { entries: [...sound.entries, entry("run.result", "R-1")] },
      /R-1 has 2 results/,
    ],
  ])("%s", (_what, change, words) => {
    expect(violated(change)["I4"]?.join("\n")).toMatch(words);
  });
});

describe("I5 is violated by", () => {
  const withVote = (change: object): Partial<Recorded> => ({
    approvals: [{ ...approval, votes: [{ ...vote, ...change }] }],
  });
  test.each<[string, Partial<Recorded>, RegExp]>([
    ["an act without a question", { approvals: [] }, /was begun without a yes/],
    [
      "an act behind a question that was denied",
      { approvals: [{ ...approval, state: "denied" }] },
      /was begun without a yes/,
    ],
    [
      "an act before its question",
      { approvals: [{ ...approval, n: 3 }] },
      /was begun without a yes/,
    ],
    [
      "a yes of the one who asked",
      withVote({ by: cast.Otto.id }),
      /by a yes that nobody gave who may/,
    ],
    [
      "a yes of somebody who may not approve",
      withVote({ by: cast.Vera.id }),
      /by a yes that nobody gave who may/,
    ],
    [
      "a yes of another approver than the one who tapped",
      withVote({ by: cast.Ben.id }),
      /by a yes that nobody gave/,
    ],
    ["a yes that nobody tapped", withVote({ cause: "tap-8" }), /by a yes that nobody gave/],
    ["a no that was taken for a yes", withVote({ vote: "no" }), /by a yes that nobody gave/],
    [
      "a yes that was used twice",
      { entries: [...sound.entries, entry("approval.used", "R-1")] },
      /was used 2 times/,
    ],
  ])("%s", (_what, change, words) => {
    expect(violated(change)["I5"]?.join("\n")).toMatch(words);
  });
});

test("I6 is violated by a doubt that no card ever showed", () => {
  const silent = { ...message, texts: ["sandbox · change · CHANGED"] };
  expect(violated({ messages: [silent, alertMessage] })).toEqual({
    I6: ["that R-1 is in doubt (entry 1) was never told"],
  });
});

test("I7 is violated by any leak", () => {
  expect(violated({ leaks: ["xaiKey is in the log"] })).toEqual({ I7: ["xaiKey is in the log"] });
});

describe("I8", () => {
  const untold = { outbox: [place], messages: [message] };
  const late = { ...alertMessage, sentAt: clock(30 + 120) };
  const outage: Done = {
    what: { kind: "down", line: "telegram", lastsMs: 1 },
    from: clock(31),
    until: clock(31 + 110),
    failure: undefined,
  };
  const elsewhere: Done = { ...outage, what: { kind: "down", line: "coolify", lastsMs: 1 } };

  test.each<[string, Partial<Recorded>, RegExp]>([
    ["an alert that nobody was told", untold, /stands nowhere in the chat, and nobody was called/],
    [
      "one that fires, speaks for itself, and was not even meant to be told",
      { ...untold, alerts: [{ ...alert, toldAt: undefined }] },
      /stands nowhere/,
    ],
    [
      "one that was told too late",
      { messages: [message, late] },
      /was told 120000 ms late, and nobody was called/,
    ],
    [
      "one that was told late, with trouble elsewhere",
      { messages: [message, late], done: [elsewhere] },
      /was told 120000 ms late, and nobody was called/,
    ],
  ])("is violated by %s", (_what, change, words) => {
    expect(violated({ done: [], ...change })["I8"]?.join("\n")).toMatch(words);
  });

  test.each<[string, Partial<Recorded>]>([
    [
      "somebody was called",
      { ...untold, calls: [{ kind: "fired", what: "it fails", at: clock(60) }] },
    ],
    ["the chat was out of reach until then", { messages: [message, late], done: [outage] }],
    [
      "another alert speaks for it",
      { ...untold, alerts: [{ ...alert, toldAt: undefined, behind: "other" }] },
    ],
    ["it is silenced", { ...untold, alerts: [{ ...alert, toldAt: undefined, isSilenced: true }] }],
    [
      "a card stands for many",
      {
        outbox: [
          place,
          { ...place, subject: "alert:4", messageId: undefined, roundup: "9" },
          { ...place, subject: "storm:9", messageId: 103 },
        ],
      },
    ],
  ])("holds when %s", (_what, change) => {
    expect(violated({ done: [kill], ...change })).toEqual({});
  });

  test("counts a time once in which two things are wrong", () => {
    const other: Done = {
      ...outage,
      what: { kind: "kill", replica: 1, lastsMs: 1 },
      from: clock(100),
      until: clock(145),
    };
    expect(undisturbedMs([other, outage], clock(30), clock(150))).toBe(6_000);
  });
});
