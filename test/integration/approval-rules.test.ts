import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { runName } from "../../src/core/run-name.ts";
import { noteTrouble } from "../../src/storage/evidence-file.ts";
import { endOpenRuns } from "../../src/storage/run.ts";
import { SystemError } from "../../src/systems/system-error.ts";
import { MESSAGE, OPS, openAsking, people, type AskingBench } from "../support/asking.ts";
import { tries } from "../support/long-run.ts";
import { query } from "../support/records.ts";

const MINUTE_MS = 60_000;
const PARALLEL = 20;

let bench: AskingBench;
beforeEach(async () => {
  bench = await openAsking();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

const refusal = (reads: RegExp) => ({ kind: "refused", message: expect.stringMatching(reads) });
const COUNTED = { kind: "counted" };

/** Nothing was done, and nothing can be done any more. */
async function expectNothingDone(runId: string): Promise<void> {
  await bench.execute(runId);
  expect(bench.state.effects).toBe(0);
}

describe("a question", () => {
  test("is asked before anything is done, and its run waits for nobody but people", async () => {
    const runId = await bench.ask("otto");
    await bench.execute(runId);
    expect(await bench.find(runId)).toMatchObject({ state: "waiting" });
    expect(await bench.approvalOf(runId)).toMatchObject({ state: "draft" });
    expect(bench.state.effects).toBe(0);
    expect((await bench.entries()).map(({ kind }) => kind)).toEqual([
      "run.intent",
      "approval.asked",
    ]);
  });

  test("calls those by name who may answer it, in reply to its card, and nobody else", async () => {
    const runId = await bench.ask("ada");
    const { rows } = await query<{ card: object; reply_to_subject: string }>(
      bench.url,
      "select card, reply_to_subject from outbox where subject like 'word:%'",
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.reply_to_subject).toBe(`run:${runId}`);
    const said = JSON.stringify(rows[0]?.card);
    expect(said.match(/"mention":"\w+"/g)).toEqual(['"mention":"Bea"']);
    expect(said).toContain("Ada asks: to: new");
  });

  test("approved by a second person has its effect once, and tells who said yes", async () => {
    const runId = await bench.ask("otto");
    expect(await bench.tap("ada", runId, "Approve")).toMatchObject(COUNTED);
    await Promise.all([bench.execute(runId), bench.execute(runId), bench.execute(runId)]);
    expect(bench.state.effects).toBe(1);
    expect(await bench.find(runId)).toMatchObject({ state: "ok", verdict: "CHANGED" });
    expect(await bench.approvalOf(runId)).toMatchObject({ state: "consumed" });
    const used = (await bench.entries()).find(({ kind }) => kind === "approval.used");
    expect(used).toMatchObject({
      actor: { name: "Otto" },
      facts: { "approved-by": "Ada", parameters: "to: new", policy: "second-person" },
    });
    expect(used?.facts).not.toHaveProperty("self-approved");
  });

  test("of which nobody can be asked is refused at once", async () => {
    bench.state.operators = [people.otto, people.ada, people.vera];
    const runId = await bench.start("ada");
    await bench.execute(runId);
    expect(await bench.find(runId)).toMatchObject({
      state: "refused",
      reason: expect.stringContaining("Nobody can approve it"),
    });
  });

  test("of a rule takes one approver's tap", async () => {
    const runId = await bench.ask("flightdeck");
    expect(await bench.tap("otto", runId, "Approve")).toMatchObject(
      refusal(/needs the role approver/),
    );
    expect(await bench.tap("ada", runId, "Approve")).toMatchObject(COUNTED);
    await bench.execute(runId);
    expect(bench.state.effects).toBe(1);
  });
});

describe("whose yes counts", () => {
  test("not that of the one who asked (self-vote)", async () => {
    const runId = await bench.ask("ada");
    expect(await bench.tap("ada", runId, "Approve")).toMatchObject(refusal(/somebody else/));
    await expectNothingDone(runId);
  });

  test("not that of an operator or a viewer", async () => {
    const runId = await bench.ask("otto");
    expect(await bench.tap("olga", runId, "Approve")).toMatchObject(
      refusal(/needs the role approver/),
    );
    expect(await bench.tap("vera", runId, "Approve")).toMatchObject(
      refusal(/needs the role approver/),
    );
    await expectNothingDone(runId);
  });

  test("that of the same person once, however often it is tapped", async () => {
    const runId = await bench.ask("otto");
    const said = bench.ballot("ada", await bench.token(runId, "Approve"));
    expect(await bench.hear(said)).toMatchObject(COUNTED);
    expect(await bench.hear(said)).toMatchObject(refusal(/approved already/));
    const { rows } = await query(bench.url, "select from approval_vote");
    expect(rows).toHaveLength(1);
    await bench.execute(runId);
    expect(await bench.hear(said)).toMatchObject(refusal(/under way already/));
    expect(bench.state.effects).toBe(1);
  });

  test("not after a no", async () => {
    const runId = await bench.ask("otto");
    const yes = bench.ballot("bea", await bench.token(runId, "Approve"));
    expect(await bench.tap("ada", runId, "Deny")).toMatchObject(COUNTED);
    expect(await bench.hear(yes)).toMatchObject(refusal(/was denied/));
    expect(await bench.find(runId)).toMatchObject({ state: "refused", reason: "Denied by Ada." });
    expect((await bench.entries()).map(({ kind, result }) => [kind, result]).slice(2)).toEqual([
      ["approval.voted", "no"],
      ["approval.ended", "denied"],
      ["run.result", "refused"],
    ]);
    await expectNothingDone(runId);
  });

  test("with confirm that of the one who asked, and the evidence says so", async () => {
    const runId = await bench.ask("otto", { policy: "confirm" });
    expect(await bench.tap("olga", runId, "Confirm")).toMatchObject(refusal(/Whoever asked/));
    expect(await bench.tap("otto", runId, "Confirm")).toMatchObject(COUNTED);
    await bench.execute(runId);
    expect(bench.state.effects).toBe(1);
    const used = (await bench.entries()).find(({ kind }) => kind === "approval.used");
    expect(used?.facts).toMatchObject({ "approved-by": "Otto", "self-approved": "yes" });
  });

  test("with break-glass that of the approver who asked, and of nobody else", async () => {
    const runId = await bench.ask("ada", { policy: "break-glass", needsCode: true });
    expect(await bench.tap("bea", runId, "Confirm")).toMatchObject(refusal(/alone/));
    expect(await bench.tap("ada", runId, "Confirm")).toMatchObject({ kind: "told" });
  });

  test("twenty people at once, as often as it is tried, have it used once", async () => {
    bench.state.operators = [
      people.otto,
      ...Array.from({ length: PARALLEL }, (_, n) => ({
        name: `Approver ${n}`,
        telegram: 5_000 + n,
        role: "approver" as const,
      })),
    ];
    const rounds = tries({ short: 3, long: 500 });
    for (let round = 1; round <= rounds; round += 1) {
      await query(bench.url, "update approval set asked_at = asked_at - interval '2 hours'");
      const runId = await bench.ask("otto");
      const said = bench.ballot("ada", await bench.token(runId, "Approve"));
      const heard = await Promise.all(
        bench.state.operators.slice(1).map(async ({ name, telegram }) =>
          bench.hear({
            ...said,
            cause: `tap-${round}-${telegram}`,
            voter: { via: "telegram", name, telegram: String(telegram), role: "approver" },
          }),
        ),
      );
      expect(heard.filter(({ kind }) => kind === "counted")).toHaveLength(1);
      await Promise.all([bench.execute(runId), bench.execute(runId)]);
      expect(bench.state.effects).toBe(round);
    }
    const { rows } = await query(bench.url, "select from approval where state = 'consumed'");
    expect(rows).toHaveLength(rounds);
    // Each round asks anew and is signed anew, so it takes its time.
  }, 600_000);
});

describe("when a yes counts", () => {
  test.each([
    ["1 ms before its time is up", -1, COUNTED],
    ["when its time is up", 0, refusal(/time was up/)],
    ["1 ms after its time is up", 1, refusal(/time was up/)],
  ])("%s", async (_when, offsetMs, expected) => {
    const runId = await bench.ask("otto");
    const said = bench.ballot("ada", await bench.token(runId, "Approve"));
    const { rows } = await query<{ expires_at: Date }>(
      bench.url,
      "select expires_at from approval",
    );
    const at = new Date((rows[0]?.expires_at.getTime() ?? 0) + offsetMs);
    const heard = await bench.database.transaction(async (tx) => bench.engine.hear(tx, at, said));
    expect(heard).toMatchObject(expected);
  });

  test("not in the first two seconds, in which nobody has read anything", async () => {
    const runId = await bench.ask("otto");
    await bench.post(runId, 1_500);
    await query(bench.url, "update approval set state = 'draft'");
    expect(await bench.tap("ada", runId, "Approve")).toMatchObject(refusal(/faster than anybody/));
    const at = new Date(Date.now() + 600);
    expect(await bench.tap("ada", runId, "Approve", { at })).toMatchObject(COUNTED);
  });

  test("not before its card stands in the chat", async () => {
    const runId = await bench.start("otto");
    await bench.execute(runId);
    await query(bench.url, `update outbox set message_id = ${MESSAGE}`);
    expect(await bench.tap("ada", runId, "Approve")).toMatchObject(refusal(/faster than anybody/));
  });

  test("used too late it has no effect: the run has expired", async () => {
    const runId = await bench.ask("otto");
    expect(await bench.tap("ada", runId, "Approve")).toMatchObject(COUNTED);
    bench.state.skewMs = 10 * MINUTE_MS;
    await expectNothingDone(runId);
    expect(await bench.find(runId)).toMatchObject({ state: "expired" });
    expect(await bench.approvalOf(runId)).toMatchObject({ state: "expired" });
  });

  test("unanswered it expires, its card says so and offers to ask again", async () => {
    const runId = await bench.ask("otto");
    bench.state.skewMs = 10 * MINUTE_MS;
    await tend();
    expect(await bench.find(runId)).toMatchObject({ state: "expired" });
    const { actions, parts } = await bench.cardOf(runId);
    expect(actions).toEqual([[{ label: "Ask again", command: "change second-person" }]]);
    expect(JSON.stringify(parts)).toContain("Nobody answered in time.");
    expect((await bench.entries()).map(({ kind, result }) => [kind, result]).slice(2)).toEqual([
      ["approval.ended", "expired"],
      ["run.result", "expired"],
    ]);
  });

  test("after two minutes without an answer approvers are told in private, once", async () => {
    await bench.ask("otto");
    const told = async (): Promise<readonly string[]> => {
      const { rows } = await query<{ chat_id: string }>(
        bench.url,
        "select chat_id from outbox where subject like '%:private:%' order by chat_id",
      );
      return rows.map((row) => row.chat_id);
    };
    bench.state.skewMs = 2 * MINUTE_MS - 10_000;
    await tend();
    expect(await told()).toEqual([]);
    bench.state.skewMs = 2 * MINUTE_MS + 1_000;
    await tend();
    await tend();
    expect(await told()).toEqual([String(people.ada.telegram), String(people.bea.telegram)]);
  });
});

describe("where a yes counts", () => {
  test.each([
    ["another chat", { chatId: -1002 }, /no longer known/],
    ["another topic", { topicId: 9 }, /no longer known/],
    ["another message", { messageId: MESSAGE + 1 }, /older message/],
    ["a message that Telegram no longer knows", { isAccessible: false }, /older message/],
  ])("not under %s", async (_where, tap, reads) => {
    const runId = await bench.ask("otto");
    expect(await bench.tap("ada", runId, "Approve", tap)).toMatchObject(refusal(reads));
    await expectNothingDone(runId);
  });

  test("not by somebody who has left the group, nor while Telegram does not say", async () => {
    const runId = await bench.ask("otto");
    const gone = await bench.tap("ada", runId, "Approve", { isMember: false });
    expect(gone).toMatchObject(refusal(/Only members/));
    const unknown = await bench.tap("ada", runId, "Approve", { isMember: undefined });
    expect(unknown).toMatchObject(refusal(/Not recorded.*Tap again/));
    expect(await bench.tap("ada", runId, "Approve")).toMatchObject(COUNTED);
  });

  test("not for another target: a button of staging does nothing to production", async () => {
    await using other = await openAsking("beta");
    const theirs = await other.ask("otto");
    const runId = await bench.ask("otto");
    const said = bench.ballot("ada", await other.token(theirs, "Approve"));
    expect(await bench.hear(said)).toMatchObject(refusal(/no longer known/));
    await expectNothingDone(runId);
  });

  test("not under a message that was sent anew since", async () => {
    const runId = await bench.ask("otto");
    const said = bench.ballot("ada", await bench.token(runId, "Approve"));
    await query(bench.url, `update outbox set message_id = ${MESSAGE + 5} where subject = 'run:1'`);
    expect(await bench.hear(said)).toMatchObject(refusal(/older message/));
    const again = await bench.tap("ada", runId, "Approve", { messageId: MESSAGE + 5 });
    expect(again).toMatchObject(COUNTED);
  });

  test("in a private chat a question for others goes on in the group", async () => {
    const runId = await bench.start("otto");
    await query(bench.url, `update outbox set chat_id = 1002 where subject = 'run:' || $1`, [
      runId,
    ]);
    await bench.execute(runId);
    const { rows } = await query<{ subject: string; chat_id: string }>(
      bench.url,
      "select subject, chat_id from outbox order by subject",
    );
    expect(rows.find(({ subject }) => subject === `run:${runId}`)?.chat_id).toBe(String(OPS));
    expect(rows.find(({ subject }) => subject.endsWith(":moved"))?.chat_id).toBe("1002");
  });
});

describe("what speaks against a yes between tap and use", () => {
  const between: readonly [string, () => Promise<void> | void, RegExp][] = [
    [
      "the approver's role is gone",
      () => {
        bench.state.operators = [people.otto, { ...people.ada, role: "operator" }, people.bea];
      },
      /Ada, who approved it, may not/,
    ],
    [
      "the approver is no operator any more",
      () => {
        bench.state.operators = [people.otto, people.bea];
      },
      /Ada, who approved it, may not/,
    ],
    [
      "the approver is locked",
      async () => lock(people.ada.telegram),
      /Ada, who approved it, is locked/,
    ],
    [
      "the requester is locked",
      async () => lock(people.otto.telegram),
      /Otto, who asked for it, is locked/,
    ],
    [
      "the requester's role is gone",
      () => {
        bench.state.operators = [{ ...people.otto, role: "viewer" }, people.ada];
      },
      /Otto, who asked for it, may not/,
    ],
    [
      "the configuration has changed",
      () => {
        bench.state.configHash = "config-2";
      },
      /configuration changed/,
    ],
    [
      "something observed has changed",
      () => {
        bench.state.observed = { release: "other", deployment: "d-1" };
      },
      /release was old and is now other\. deployment was not there and is now d-1\./,
    ],
    [
      "the evidence file was edited",
      async () =>
        bench.database.transaction(async (tx, now) =>
          noteTrouble(tx, now, bench.target, { kind: "edited", detail: "the detail" }),
        ),
      /could not be shown in the evidence file\. log\.md was edited/,
    ],
    [
      "it cannot be looked at again",
      () => {
        bench.state.blind = new SystemError("coolify", "unauthorized", "the token was revoked");
      },
      /could not be looked at again: .*revoked/,
    ],
    [
      "the parameters were changed in the database",
      async () => sql(`update approval set parameters = '{"to": "evil"}'`),
      /not what was written/,
    ],
    [
      "the time was prolonged in the database",
      async () => sql("update approval set expires_at = expires_at + interval '1 hour'"),
      /not what was written/,
    ],
    [
      "the input of the run was changed in the database",
      async () => sql(`update run set input = input || '{"policy": "confirm"}'`),
      /not what was written/,
    ],
    [
      "what was seen before was changed in the database",
      async () => sql(`update run_step set result = '{"release": "evil"}' where n = 0`),
      /not what was written/,
    ],
    [
      "the vote was changed in the database",
      async () => sql("update approval_vote set telegram_id = 1004, name = 'Bea'"),
      /not what was written/,
    ],
    [
      "the vote is gone from the database",
      async () => sql("delete from approval_vote"),
      /not what was written/,
    ],
  ];

  test.each(between)(
    "%s: nothing is done, and the card says why",
    async (_what, happens, reads) => {
      const runId = await bench.ask("otto");
      expect(await bench.tap("ada", runId, "Approve")).toMatchObject(COUNTED);
      await happens();
      await expectNothingDone(runId);
      const approval = await bench.approvalOf(runId);
      expect(approval?.state).toBe("stale");
      expect(approval?.changed.join(" ")).toMatch(reads);
      expect(await bench.find(runId)).toMatchObject({ state: "refused" });
      expect((await bench.cardOf(runId)).actions.flat()).toMatchObject([{ label: "Ask again" }]);
      const ended = (await bench.entries()).filter(({ kind }) => kind === "approval.ended");
      expect(ended).toHaveLength(1);
      expect(ended[0]).toMatchObject({
        result: "stale",
        facts: { reason: expect.stringMatching(reads) },
      });
    },
  );

  test("a yes that somebody wrote into the database is none", async () => {
    const runId = await bench.ask("otto");
    await sql("update approval set state = 'approved'");
    await sql("update run set asks = false");
    await expectNothingDone(runId);
    expect(await bench.approvalOf(runId)).toMatchObject({ state: "stale" });
  });

  test("a vote that somebody wrote into the database is none", async () => {
    const runId = await bench.ask("otto");
    await sql(
      `insert into approval_vote (approval_id, telegram_id, name, via, vote, at, cause, mac)
       values (1, 1003, 'Ada', 'telegram', 'yes', now(), 'tap-9', 'guess')`,
    );
    await sql("update approval set state = 'approved'");
    await sql("update run set asks = false");
    await expectNothingDone(runId);
    expect(await bench.approvalOf(runId)).toMatchObject({ state: "stale" });
  });

  test("a yes that was used is not used again when its row says otherwise", async () => {
    const runId = await bench.ask("otto");
    await bench.tap("ada", runId, "Approve");
    await bench.execute(runId);
    await sql("update approval set state = 'approved'");
    await sql("update run set state = 'waiting', asks = false");
    await bench.execute(runId);
    expect(bench.state.effects).toBe(1);
  });

  test.each([
    [
      "that nobody gave",
      `update run_step set state = 'done', result = '{"approvedBy": ["Ada"]}' where kind = 'ask'`,
    ],
    [
      "that nobody gave, with a row that says it was used",
      `with used as (update approval set state = 'consumed')
       update run_step set state = 'done', result = '{"approvedBy": ["Ada"]}' where kind = 'ask'`,
    ],
    [
      "to something that was never asked",
      `with forgotten as (delete from approval)
       update run_step set state = 'done', result = '{"approvedBy": ["Ada"]}' where kind = 'ask'`,
    ],
  ])("a yes %s, written into the journal, is none", async (_what, statement) => {
    const runId = await bench.ask("otto");
    await sql(statement);
    await sql("update run set asks = false, holds = true");
    await expectNothingDone(runId);
    expect(await bench.find(runId)).toMatchObject({ state: "failed" });
  });

  test("what was seen before the yes and changed in the database after its use is not gone by", async () => {
    const runId = await usedAndLeft();
    await sql(`update run_step set result = '{"release": "evil"}' where n = 0`);
    await expectNothingDone(runId);
    expect(await bench.find(runId)).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(/not what was written/),
    });
  });

  test("a yes that was used, and whose process died, is gone by soon, and not hours later", async () => {
    const soon = await usedAndLeft();
    await bench.execute(soon);
    expect(bench.state.effects).toBe(1);
    const late = await usedAndLeft();
    bench.state.skewMs = 11 * MINUTE_MS;
    await bench.execute(late);
    expect(await bench.find(late)).toMatchObject({
      state: "failed",
      reason: expect.stringMatching(/nothing was begun/),
    });
    expect(bench.state.effects).toBe(1);
  });

  test("what was begun by a yes in its time is gone on with, however late", async () => {
    const runId = await usedAndLeft();
    await sql(
      `insert into run_step (run_id, n, name, kind, idempotency_key, baseline, state, epoch, started_at)
       select run_id, 3, 'act', 'act', gen_random_uuid(), 'null', 'started', epoch, now()
       from run_step where run_id = ${runId} and n = 0`,
    );
    bench.state.skewMs = 11 * MINUTE_MS;
    await bench.execute(runId);
    // Nobody counts, so a person is asked.
    expect(await bench.find(runId)).toMatchObject({ state: "unknown" });
  });

  test("a tap after the configuration has changed ends the question", async () => {
    const runId = await bench.ask("otto");
    const said = bench.ballot("ada", await bench.token(runId, "Approve"));
    bench.state.configHash = "config-2";
    expect(await bench.hear(said)).toMatchObject(refusal(/configuration has changed/));
    expect(await bench.find(runId)).toMatchObject({ state: "refused" });
  });

  test("a tap after its record was changed in the database is refused", async () => {
    const runId = await bench.ask("otto");
    const said = bench.ballot("ada", await bench.token(runId, "Approve"));
    await sql(`update approval set parameters = '{"to": "evil"}'`);
    expect(await bench.hear(said)).toMatchObject({ kind: "refused" });
    const fresh = bench.ballot("ada", await bench.token(runId, "Approve"));
    expect(await bench.hear(fresh)).toMatchObject(refusal(/not what was written/));
    await expectNothingDone(runId);
  });
});

/** A run whose yes was used by a process that died before it did anything by it. */
async function usedAndLeft(): Promise<string> {
  const runId = await bench.ask("otto");
  await bench.tap("ada", runId, "Approve");
  const stop = new AbortController();
  bench.state.gate = new Promise(() => undefined);
  const working = bench.engine.execute(runId, stop.signal);
  await expect.poll(async () => (await bench.approvalOf(runId))?.state).toBe("consumed");
  stop.abort();
  await working;
  bench.state.gate = undefined;
  return runId;
}

describe("two taps with a code", () => {
  const codesOf = async (
    runId: string,
  ): Promise<{ readonly right: string; readonly wrong: string }> => {
    const { actions } = await bench.cardOf(runId);
    const code = /approval \w+ (\w{4})/.exec(JSON.stringify(await bench.cardOf(runId)))?.[1] ?? "";
    const labels = (actions[0] ?? []).map(({ label }) => label);
    expect(labels).toHaveLength(3);
    return { right: code, wrong: labels.find((label) => label !== code) ?? "" };
  };

  test("the first tap tells what is asked from the row and brings three codes; the right one approves", async () => {
    const runId = await bench.ask("otto", { needsCode: true });
    const first = await bench.tap("ada", runId, "Approve");
    const { right } = await codesOf(runId);
    expect(first).toEqual({
      kind: "told",
      message: `Tap ${right} to approve. alpha: change, to: new`,
    });
    await bench.execute(runId);
    expect(bench.state.effects).toBe(0);
    expect(await bench.tap("ada", runId, right)).toMatchObject(COUNTED);
    await bench.execute(runId);
    expect(bench.state.effects).toBe(1);
  });

  test("a wrong code approves nothing and brings the first buttons back; three of them deny", async () => {
    const runId = await bench.ask("otto", { needsCode: true });
    for (const reads of [/begin again/, /begin again/, /it is denied/]) {
      expect(await bench.tap("ada", runId, "Approve")).toMatchObject({ kind: "told" });
      const { wrong } = await codesOf(runId);
      expect(await bench.tap("ada", runId, wrong)).toMatchObject(refusal(reads));
    }
    expect(await bench.approvalOf(runId)).toMatchObject({ state: "denied" });
    await expectNothingDone(runId);
  });

  test("whoever chooses a code without the first tap is told what is asked first", async () => {
    const runId = await bench.ask("otto", { needsCode: true });
    await bench.tap("ada", runId, "Approve");
    const { right } = await codesOf(runId);
    expect(await bench.tap("bea", runId, right)).toMatchObject({ kind: "told" });
    expect(await bench.tap("bea", runId, right)).toMatchObject(COUNTED);
  });

  test("the one who asked cannot choose a code either", async () => {
    const runId = await bench.ask("ada", { needsCode: true });
    await bench.tap("bea", runId, "Approve");
    const { right } = await codesOf(runId);
    expect(await bench.tap("ada", runId, right)).toMatchObject(refusal(/somebody else/));
  });
});

describe("a question that is withdrawn", () => {
  test.each(["otto", "ada"] as const)("by %s ends its run", async (who) => {
    const runId = await bench.ask("otto");
    expect(await bench.tap(who, runId, "Withdraw")).toMatchObject(COUNTED);
    expect(await bench.find(runId)).toMatchObject({ state: "cancelled" });
    expect(await bench.approvalOf(runId)).toMatchObject({ state: "revoked" });
    await expectNothingDone(runId);
  });

  test("is not, by somebody whose it is not", async () => {
    const runId = await bench.ask("otto");
    expect(await bench.tap("olga", runId, "Withdraw")).toMatchObject({ kind: "refused" });
    expect(await bench.find(runId)).toMatchObject({ state: "waiting" });
  });

  test("by a cancel of its run ends at once, also between yes and use", async () => {
    const runId = await bench.ask("otto");
    const cancelled = async (): Promise<boolean> =>
      bench.database.transaction(async (tx, now) => bench.engine.cancel(tx, now, runId));
    expect(await cancelled()).toBe(true);
    expect(await bench.find(runId)).toMatchObject({ state: "cancelled" });
    const other = await bench.ask("otto");
    await bench.tap("ada", other, "Approve");
    await bench.database.transaction(async (tx, now) => bench.engine.cancel(tx, now, other));
    await expectNothingDone(other);
    expect(await bench.find(other)).toMatchObject({ state: "cancelled" });
    expect(await bench.approvalOf(other)).toMatchObject({ state: "revoked" });
  });
});

describe("a question whose run was ended past it", () => {
  test("as by going on with a restored database, cannot be answered, and ends without a second outcome", async () => {
    const runId = await bench.ask("otto");
    const said = bench.ballot("ada", await bench.token(runId, "Approve"));
    await bench.database.transaction(async (tx, now) =>
      endOpenRuns(tx, now, bench.target, "an older database was restored under it"),
    );
    expect(await bench.hear(said)).toMatchObject(refusal(/does not ask any more/));
    bench.state.skewMs = 10 * MINUTE_MS;
    await tend();
    expect(await bench.find(runId)).toMatchObject({ state: "failed" });
    expect(await bench.approvalOf(runId)).toMatchObject({ state: "stale" });
    await expectNothingDone(runId);
  });
});

describe("against tired fingers", () => {
  test("a newer question about the same takes the place of the older one", async () => {
    const older = await bench.ask("otto");
    const said = bench.ballot("ada", await bench.token(older, "Approve"));
    const newer = await bench.ask("olga");
    expect(await bench.approvalOf(older)).toMatchObject({ state: "superseded" });
    expect(await bench.find(older)).toMatchObject({
      state: "refused",
      reason: `${runName(newer)} asks for the same, newer.`,
    });
    expect(await bench.hear(said)).toMatchObject(refusal(/newer question/));
    expect(await bench.tap("ada", newer, "Approve")).toMatchObject(COUNTED);
  });

  test("nobody asks more than five times an hour", async () => {
    for (let n = 0; n < 5; n += 1) await bench.ask("otto");
    const sixth = await bench.start("otto");
    await bench.execute(sixth);
    expect(await bench.find(sixth)).toMatchObject({
      state: "refused",
      reason: expect.stringContaining("Otto has asked 5 times within the hour"),
    });
    await sql("update approval set asked_at = asked_at - interval '1 hour'");
    const seventh = await bench.ask("otto");
    expect(await bench.find(seventh)).toMatchObject({ state: "waiting" });
  });

  test("no rule is made to ask more often either, by whoever taps on its alert", async () => {
    for (let n = 0; n < 5; n += 1) await bench.ask("flightdeck");
    const sixth = await bench.start("flightdeck");
    await bench.execute(sixth);
    expect(await bench.find(sixth)).toMatchObject({
      state: "refused",
      reason: expect.stringContaining("the rule has asked 5 times within the hour"),
    });
    expect(await bench.ask("otto")).not.toBe(sixth);
  });

  test("no more than three questions stand open in a chat", async () => {
    for (let n = 0; n < 3; n += 1) {
      const runId = await bench.ask("otto");
      // As if it were about something else, so that none takes the place of another.
      await query(bench.url, "update approval set operation = 'other' where run_id = $1", [runId]);
    }
    const fourth = await bench.start("olga");
    await bench.execute(fourth);
    expect(await bench.find(fourth)).toMatchObject({
      state: "refused",
      reason: expect.stringContaining("3 questions stand open"),
    });
  });

  test("who breaks the glass may ask all the same", async () => {
    for (let n = 0; n < 5; n += 1) await bench.ask("ada");
    expect(await bench.find(await bench.ask("ada"))).toMatchObject({ state: "refused" });
    const sixth = await bench.ask("ada", { policy: "break-glass" });
    expect(await bench.find(sixth)).toMatchObject({ state: "waiting" });
  });

  test("the yes does not stand where it stood the last time", async () => {
    const places = [];
    for (let n = 0; n < 2; n += 1) {
      const { actions } = await bench.cardOf(await bench.ask("otto"));
      places.push(actions[0]?.findIndex(({ label }) => label === "Approve"));
    }
    expect(new Set(places)).toEqual(new Set([0, 1]));
  });
});

describe("one change at a time", () => {
  test("a question keeps nobody from anything, but its yes does", async () => {
    const asks = await bench.ask("otto");
    const works = await bench.start("olga", {}, "plain");
    await bench.tap("ada", asks, "Approve");
    await expectNothingDone(asks);
    expect(await bench.find(asks)).toMatchObject({
      state: "refused",
      reason: `${runName(works)} (plain) is under way; one change at a time.`,
    });
    await bench.execute(works);
    expect(await bench.find(works)).toMatchObject({ state: "ok" });
  });

  test("what was approved holds the target until it has ended", async () => {
    const gate = Promise.withResolvers<void>();
    bench.state.gate = gate.promise;
    const runId = await bench.ask("otto");
    await bench.tap("ada", runId, "Approve");
    const working = bench.execute(runId);
    await expect.poll(async () => (await bench.approvalOf(runId))?.state).toBe("consumed");
    await expect(bench.start("olga", {}, "plain")).rejects.toThrow("busy");
    gate.resolve();
    await working;
    bench.state.gate = undefined;
    expect(await bench.find(runId)).toMatchObject({ state: "ok" });
    expect(await bench.start("olga", {}, "plain")).not.toBe(runId);
  });

  test("what is urgent stops what is under way, once it is approved", async () => {
    const gate = Promise.withResolvers<void>();
    bench.state.gate = gate.promise;
    const works = await bench.start("olga", {}, "plain");
    const working = bench.execute(works);
    await expect.poll(async () => (await bench.find(works)).state).toBe("running");
    const urgent = await bench.ask("otto", {}, "hurry");
    expect((await bench.find(works)).cancelRequestedAt).toBeNull();
    await bench.tap("ada", urgent, "Approve");
    const hurrying = bench.execute(urgent);
    await working;
    expect(await bench.find(works)).toMatchObject({ state: "cancelled" });
    gate.resolve();
    await hurrying;
    expect(await bench.find(urgent)).toMatchObject({ state: "ok" });
    expect(bench.state.effects).toBe(1);
  });

  test("what is urgent takes nothing from anybody by a yes that does not hold any more", async () => {
    const urgent = await bench.ask("otto", {}, "hurry");
    const gate = Promise.withResolvers<void>();
    bench.state.gate = gate.promise;
    const works = await bench.start("olga", {}, "plain");
    const working = bench.execute(works);
    await expect.poll(async () => (await bench.find(works)).state).toBe("running");
    bench.state.observed = { release: "old", deployment: "d-1" };
    await bench.tap("ada", urgent, "Approve");
    await bench.execute(urgent);
    expect(await bench.find(urgent)).toMatchObject({
      state: "refused",
      reason: "deployment was not there and is now d-1.",
    });
    expect((await bench.find(works)).cancelRequestedAt).toBeNull();
    gate.resolve();
    await working;
    expect(await bench.find(works)).toMatchObject({ state: "ok" });
  });

  test("what is urgent waits two minutes for what does not stop, and is refused then", async () => {
    const works = await bench.start("olga", {}, "plain");
    // Somebody has it who gives no sign of life, and whose lease lasts.
    await sql("update run set state = 'running', lease_until = now() + interval '1 day'");
    const urgent = await bench.ask("otto", {}, "hurry");
    await bench.tap("ada", urgent, "Approve");
    const hurrying = bench.execute(urgent);
    await expect
      .poll(async () => (await bench.find(works)).cancelRequestedAt, { timeout: 10_000 })
      .not.toBeNull();
    const waiting = `⏳ ${runName(works)} was asked to stop; this goes on when it has.`;
    expect(JSON.stringify(await bench.cardOf(urgent))).toContain(waiting);
    bench.state.skewMs = 2 * MINUTE_MS + 1_000;
    await hurrying;
    expect(await bench.find(urgent)).toMatchObject({
      state: "refused",
      reason: `${runName(works)} (plain) was asked to stop and did not within 2 minutes.`,
    });
    expect(bench.state.effects).toBe(0);
  });

  test("what is urgent takes the target from what is in doubt, which then does nothing more", async () => {
    const doubtful = await bench.ask("olga");
    await bench.tap("ada", doubtful, "Approve");
    bench.state.effects = 0;
    await query(
      bench.url,
      `update run set state = 'unknown', holds = true, asks = false where id = $1`,
      [doubtful],
    );
    const urgent = await bench.ask("otto", {}, "hurry");
    await bench.tap("ada", urgent, "Approve");
    await bench.execute(urgent);
    expect(await bench.find(urgent)).toMatchObject({ state: "ok" });
    expect(bench.state.effects).toBe(1);
    await sql(`update approval set state = 'consumed' where run_id = ${doubtful}`);
    await sql(`update run_step set state = 'done', result = '{}' where run_id = ${doubtful}`);
    await sql(`update run set state = 'waiting' where id = ${doubtful}`);
    await bench.execute(doubtful);
    expect(await bench.find(doubtful)).toMatchObject({
      state: "failed",
      reason: "another run has taken the target over",
    });
    expect(bench.state.effects).toBe(1);
  });
});

describe("at a terminal", () => {
  const type = async (who: keyof typeof people, runId: string, code: string | undefined) => {
    const { name, telegram, role } = people[who];
    const word = code === undefined ? ({ kind: "no" } as const) : ({ kind: "yes", code } as const);
    return bench.hear({
      by: "terminal",
      voter: { via: "cli", name, telegram: String(telegram), role },
      cause: "cli-1",
      runId,
      word,
    });
  };
  const codeOf = async (runId: string): Promise<string> =>
    /approval \w+ (\w{4})/.exec(JSON.stringify(await bench.cardOf(runId)))?.[1] ?? "";

  test("a yes needs the code, and counts also before the card stands in the chat", async () => {
    const runId = await bench.start("otto");
    await bench.execute(runId);
    expect(await type("ada", runId, "AAAA")).toMatchObject(refusal(/is not the code/));
    expect(await type("otto", runId, await codeOf(runId))).toMatchObject(refusal(/somebody else/));
    expect(await type("ada", runId, (await codeOf(runId)).toLowerCase())).toMatchObject(COUNTED);
    await bench.execute(runId);
    expect(bench.state.effects).toBe(1);
  });

  test("a no needs none", async () => {
    const runId = await bench.ask("otto");
    expect(await type("ada", runId, undefined)).toMatchObject(COUNTED);
    expect(await bench.find(runId)).toMatchObject({ state: "refused" });
  });

  test("there is nothing to say to a run that asks nothing", async () => {
    const runId = await bench.start("otto", {}, "plain");
    expect(await type("ada", runId, "AAAA")).toMatchObject(refusal(/asks nothing/));
  });
});

async function tend(): Promise<void> {
  const { database, engine } = bench;
  for (const runId of await database.transaction(engine.questions.due)) {
    await database.transaction(async (tx, now) => engine.questions.tend(tx, now, runId));
  }
}

async function sql(statement: string): Promise<void> {
  await query(bench.url, statement);
}

async function lock(telegram: number): Promise<void> {
  await query(
    bench.url,
    `insert into operator_lock (target, telegram_id, locked_at, locked_by) values ('alpha', $1, now(), 'Bea')`,
    [telegram],
  );
}
