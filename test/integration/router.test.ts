import { randomBytes } from "node:crypto";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createRefusalTally } from "../../src/bot/refusal-tally.ts";
import { routeInbox } from "../../src/bot/router.ts";
import { createTelegram } from "../../src/bot/telegram.ts";
import { commands } from "../../src/commands/index.ts";
import { ROLES, type Role } from "../../src/core/operator.ts";
import { Secret } from "../../src/core/secret.ts";
import { createBell } from "../../src/core/waiting.ts";
import { createEngine } from "../../src/jobs/engine/engine.ts";
import { createCaller } from "../../src/jobs/watch/calling.ts";
import type { Database } from "../../src/storage/database.ts";
import { openLog } from "../../src/storage/evidence.ts";
import { createInbox } from "../../src/storage/inbox.ts";
import { createSeal } from "../../src/storage/seal.ts";
import { nobodyAsked, someApprovals } from "../support/engine-target.ts";
import { createMarkOperation } from "../support/mark.ts";
import { openOwnDatabase } from "../support/own-database.ts";
import { query } from "../support/records.ts";

const OPS = -1001;
const AGES_SECONDS = [0, 110, 130, 590, 610, 21_600] as const;
const people = ROLES.map((role, index) => ({ name: role, telegram: 100 + index, role }));
const NOBODY = 999;
const NOWHERE = "http://127.0.0.1:9";

/** What is typed for each command so that it is understood; those that are not here need nothing. */
const WORDS: Readonly<Record<string, string>> = {
  answer: "x",
  approve: "R-1 K7QX",
  cancel: "R-1",
  decide: "R-1 abort",
  deny: "R-1",
  lock: "nobody-known",
  unlock: "nobody-known",
};

const opened = new AsyncDisposableStack();
let database: Database;
let url: string;

beforeAll(async () => {
  ({ database, url } = opened.use(await openOwnDatabase()));
  await database.transaction(async (tx) => openLog(tx, "alpha", "test/alpha"));
});
afterAll(async () => {
  await opened.disposeAsync();
});

type Case = {
  readonly updateId: number;
  readonly role: Role | "stranger";
  readonly command: (typeof commands)[number];
  readonly ageSeconds: number;
};

const cases: readonly Case[] = [...ROLES, "stranger" as const].flatMap((role, r) =>
  commands.flatMap((command, c) =>
    AGES_SECONDS.map((ageSeconds, a) => ({
      updateId: 1 + r * 10_000 + c * 100 + a,
      role,
      command,
      ageSeconds,
    })),
  ),
);

/** The rule in its own words: who, then how old; what is neither refused nor stale was handed to the command. */
function expected({ role, command, ageSeconds }: Case): "silence" | "role" | "stale" | "answered" {
  if (role === "stranger") return "silence";
  if (ROLES.indexOf(role) < ROLES.indexOf(command.role)) return "role";
  const limit = command.effect === "mutate" ? 120 : 600;
  return ageSeconds > limit ? "stale" : "answered";
}

describe("every command, from every person, at every age", () => {
  test(`is refused, put off or answered as the rule says, in ${cases.length} cases`, async () => {
    const inbox = createInbox(7, createSeal(new Secret(randomBytes(32).toString("base64"))));
    const stopping = new AbortController();
    const bell = createBell();
    const operators = people;
    const engine = createEngine({
      approvals: someApprovals,
      database,
      targets: new Map([
        [
          "alpha",
          {
            ...nobodyAsked,
            // What `/webhook` starts; whether it would work does not matter here.
            operations: [{ ...createMarkOperation(NOWHERE), name: "webhook", effect: "read" }],
            timeZone: "UTC",
            configHash: "0",
            place: { chatId: OPS, topicId: undefined, replyTo: undefined },
          },
        ],
      ]),
      settings: { lease: 5_000, reconcile: 5_000, schedule: 5_000, concurrency: 1 },
      origin: { build: "test", instance: "test", scrub: (text) => text },
      onError: () => undefined,
    });
    await database.transaction(async (tx, now) => {
      const received = cases.map(({ updateId, role, command, ageSeconds }) => ({
        updateId,
        chatId: OPS,
        body: JSON.stringify({
          kind: "command",
          userId: people.find((one) => one.role === role)?.telegram ?? NOBODY,
          chatId: OPS,
          messageId: updateId,
          sentAt: Math.floor(now.getTime() / 1000) - ageSeconds,
          text: `/${command.name} ${WORDS[command.name] ?? ""}`.trim(),
        }),
      }));
      await inbox.receive(tx, now, received);
    });
    const smoke = { flow: undefined, flows: {} };
    const context = {
      target: "alpha",
      timeZone: "UTC",
      checks: [],
      board: [],
      smoke,
      checklists: [],
      schedules: [],
      maintenance: [],
      backup: undefined,
      operations: [],
      applications: [],
      rotated: {},
      handedOver: [],
      operators,
      rosterAt: () => operators,
      caller: createCaller([], (text) => text),
    };
    const routing = routeInbox(
      {
        api: createTelegram({ token: new Secret("1:nobody"), apiRoot: NOWHERE }),
        database,
        inbox,
        bell,
        outboxBell: createBell(),
        commands,
        targets: [{ context, chatId: OPS, topicId: undefined }],
        engine,
        dispatch: () => undefined,
        tally: createRefusalTally(() => undefined),
        handOver: {
          recipient: async () => "age1nobody",
          take: async () => undefined,
          recall: () => undefined,
        },
        members: { recall: () => "member", ask: async () => undefined },
        onError: () => undefined,
      },
      stopping.signal,
    );
    await expect
      .poll(
        async () =>
          (await query(url, "select from inbox where state = 'received' and attempts = 0")).rows
            .length,
        { timeout: 30_000 },
      )
      .toBe(0);
    stopping.abort();
    await routing;

    const { rows } = await query<{ subject: string; title: string | null }>(
      url,
      "select subject, card ->> 'title' as title from outbox",
    );
    const started = await query<{ cause: string }>(url, "select cause from run");
    for (const { cause } of started.rows)
      rows.push({ subject: `reply:${cause}`, title: "started" });
    const titles = new Map(rows.map(({ subject, title }) => [subject, title ?? ""]));
    const subjects = [...titles.keys()];
    const wrong = cases.filter((one) => {
      const subject = subjects.find(
        (name) => name === `reply:tg-${one.updateId}` || name === `status:alpha:tg-${one.updateId}`,
      );
      const title = subject === undefined ? undefined : (titles.get(subject) ?? "");
      const seen =
        title === undefined
          ? "silence"
          : /needs the role/.test(title)
            ? "role"
            : title.startsWith("Not run:")
              ? "stale"
              : "answered";
      return seen !== expected(one);
    });
    expect(wrong.map(({ role, command, ageSeconds }) => [role, command.name, ageSeconds])).toEqual(
      [],
    );
    expect(cases.length).toBeGreaterThan(200);
  });
});
