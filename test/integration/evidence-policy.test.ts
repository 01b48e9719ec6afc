import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";

import { cardText } from "../../src/core/card-text.ts";
import { plainCard } from "../../src/core/card.ts";
import { createEngine } from "../../src/jobs/engine/engine.ts";
import { tellOfEvidence } from "../../src/jobs/evidence/evidence-news.ts";
import { defineOperation } from "../../src/jobs/operation.ts";
import { engineSettings } from "../../src/jobs/settings.ts";
import { noteRendered, noteTrouble, type FileTrouble } from "../../src/storage/evidence-file.ts";
import { nobodyAsked, someApprovals } from "../support/engine-target.ts";
import {
  appendEntry,
  LOG,
  openEvidenceLog,
  PLACE,
  type EvidenceLog,
} from "../support/evidence-log.ts";
import { query } from "../support/records.ts";

let log: EvidenceLog;

beforeAll(async () => {
  log = await openEvidenceLog();
});
afterAll(async () => log[Symbol.asyncDispose]());
beforeEach(async () => {
  await query(log.url, "delete from evidence_file; delete from outbox; delete from run");
});

const operation = (name: string, effect: "read" | "mutate", urgent?: boolean) =>
  defineOperation({
    name,
    summary: name,
    effect,
    ...(urgent === undefined ? {} : { urgent }),
    input: z.strictObject({}),
    steps: () => [],
    conclude: () => ({ verdict: "DONE", facts: {} }),
    details: () => [],
    card: () => plainCard("a card"),
  });

const admit = async (name: string) => {
  const engine = engineWith();
  return log.database.transaction(async (tx, now) =>
    engine.admit(tx, now, {
      target: LOG.target,
      operation: name,
      input: {},
      cause: `test-${name}`,
      actor: { via: "flightdeck", name: "the test" },
    }),
  );
};

function engineWith() {
  const operations = [
    operation("look", "read"),
    operation("change", "mutate"),
    operation("hurry", "mutate", true),
  ];
  const target = { ...nobodyAsked, operations, timeZone: "UTC", configHash: "test", place: PLACE };
  return createEngine({
    approvals: someApprovals,
    database: log.database,
    targets: new Map([[LOG.target, target]]),
    settings: engineSettings.parse({}),
    origin: { build: "test", instance: "test", scrub: (text) => text },
    onError: () => {},
  });
}

async function inTrouble(kind: FileTrouble): Promise<void> {
  await log.database.transaction(async (tx, now) =>
    noteTrouble(tx, now, LOG.target, { kind, detail: "the detail" }),
  );
}

describe("when the log's file was edited", () => {
  test.each([
    ["look", "created"],
    ["change", "refused"],
    ["hurry", "created"],
  ])("an order to %s is %s", async (name, outcome) => {
    await inTrouble("edited");
    expect((await admit(name)).kind).toBe(outcome);
  });

  test("a refusal says what is wrong and what to do, and leaves no run behind", async () => {
    await inTrouble("edited");
    const { message } = (await admit("change")) as { readonly message: string };
    expect(message).toContain("log.md was edited: the detail");
    expect(message).toContain('flightdeck evidence repair --reason "…"');
    expect((await query(log.url, "select from run")).rows).toEqual([]);
  });

  test("the cards of runs say so in their first line", async () => {
    const admission = await admit("look");
    if (admission.kind !== "created") throw new Error("It was not admitted.");
    const drawn = async () =>
      log.database.transaction(async (tx, now) => engineWith().cardOf(tx, now, admission.run.id));
    expect((await drawn())?.parts).toEqual([]);
    await inTrouble("edited");
    const card = await drawn();
    expect(card && cardText(card)).toContain("⚠️ evidence: log.md was edited");
  });
});

describe("a file that is behind", () => {
  test.each([
    ["2 minutes", "created"],
    ["16 minutes", "refused"],
  ])("by %s: an order to change is %s", async (behind, outcome) => {
    await appendEntry(log.database);
    await query(
      log.url,
      `set session_replication_role = replica;
       update evidence set at = clock_timestamp() - interval '${behind}' where seq = 1`,
    );
    expect((await admit("change")).kind).toBe(outcome);
  });
});

describe("the chat", () => {
  test("hears of a trouble at once, of the same one not again, and of its end", async () => {
    await upToDate();
    await using _telling = startTelling();
    await inTrouble("edited");
    await expect.poll(told).toEqual(["🚨 sandbox · the evidence file needs a person"]);
    await inTrouble("edited");
    await upToDate();
    await expect
      .poll(told)
      .toEqual([
        "🚨 sandbox · the evidence file needs a person",
        "✅ sandbox · the evidence file is up to date again",
      ]);
  });

  test("is reminded after half an hour", async () => {
    await upToDate();
    await inTrouble("cannot-write");
    await using _telling = startTelling();
    await expect.poll(told).toHaveLength(1);
    await query(log.url, "update evidence_file set told_at = told_at - interval '29 minutes'");
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await told()).toHaveLength(1);
    await query(log.url, "update evidence_file set told_at = told_at - interval '2 minutes'");
    await expect.poll(told).toHaveLength(2);
  });
});

async function upToDate(): Promise<void> {
  await log.database.transaction(async (tx, now) =>
    noteRendered(tx, now, LOG.target, { bytes: 1, rendered: 1_000n }),
  );
}

function startTelling(): AsyncDisposable {
  const stopping = new AbortController();
  const telling = tellOfEvidence(
    {
      database: log.database,
      target: LOG.target,
      place: PLACE,
      lookEveryMs: 10,
      onError: () => {},
    },
    stopping.signal,
  );
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await telling;
    },
  };
}

async function told(): Promise<readonly string[]> {
  const { rows } = await query<{ title: string }>(
    log.url,
    "select card->>'title' as title from outbox order by id",
  );
  return rows.map(({ title }) => title);
}
