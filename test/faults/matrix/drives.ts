import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "vitest";

import { ids } from "../../../sandbox/coolify/ids.ts";
import type { ChatMessage, PersonaName } from "../../../sandbox/telegram/server.ts";
import type { World } from "../../../sandbox/world.ts";
import { query, readEntries } from "../../support/records.ts";
import { variableIn } from "../../support/rotation.ts";
import type { Family } from "./families.ts";
import type { Scene } from "./scene.ts";

/** How one family is begun, and held to what it promises. */
type Drive = {
  /** A moment in the middle of it, after something was done and before all of it was. */
  readonly midst: string;
  /** What has to be so before. */
  prepare(world: World): Promise<void>;
  begins(world: World): { readonly who: PersonaName; readonly line: string };
  /** How its card reads when all is well. */
  readonly ends: RegExp;
  /** What is done to the world, each as often as it has to be. */
  readonly effects: Readonly<Record<string, number>>;
  /** How the world is afterwards. */
  expectDone(world: World): Promise<void>;
};

/** Something that was begun, and what people do to bring it to its end. */
export type Undertaking = {
  /** The updates by which people asked for it, and for all that it asked them. */
  updates(): readonly number[];
  answers(): readonly ChatMessage[];
  /** Says yes to whatever is asked, until the newest card reads so. */
  until(reads: RegExp, withinMs?: number): Promise<ChatMessage>;
  /** What was done to the world so far. */
  grown(): Promise<Readonly<Record<string, number>>>;
  /** Until all is well. */
  finish(): Promise<void>;
  /** That everything was done once, and told once. */
  expectOnce(): Promise<void>;
};

const WITHIN_MS = 240_000;

const nothing = async (): Promise<void> => undefined;

const services = ({ coolify }: World) =>
  coolify.state.applications.filter(({ uuid }) => uuid === ids.api || uuid === ids.worker);

async function place(world: World, release: "current" | "good"): Promise<void> {
  const { coolify, releases } = world;
  const rows = coolify.push(releases[release], services(world));
  await Promise.all(rows.map(async (row) => coolify.ended(row)));
}

function expectRuns(world: World, release: "current" | "migrates"): void {
  const commit = world.releases[release];
  expect([world.deployed("api"), world.deployed("worker")]).toEqual([commit, commit]);
}

const reading: Drive = {
  midst: "act.returned@a thought becomes a task",
  prepare: nothing,
  begins: () => ({ who: "operator", line: "/smoke" }),
  ends: /smoke GO/,
  // The summary of the thought, the sync and the reconciliation.
  effects: { captures: 1, tasksCreated: 1, jobsEnqueued: 3 },
  expectDone: nothing,
};

const backup: Drive = {
  midst: "step.closed@dump",
  async prepare({ s3 }) {
    for (const key of s3.keys()) s3.meddle(key, undefined);
  },
  begins: () => ({ who: "operator", line: "/backup" }),
  ends: /backup SAVED/,
  // The artifact and its manifest.
  effects: { objectsStored: 2 },
  async expectDone({ s3 }) {
    expect(s3.keys()).toHaveLength(2);
    expect(s3.openUploads()).toEqual([]);
  },
};

const tokensOf = (world: World): string =>
  variableIn(world, "api", "APP_AUTH_BEARER_TOKENS").production ?? "";
const before = new WeakMap<World, string>();

const rotate: Drive = {
  midst: "act.returned@both are in the environment of api",
  async prepare(world) {
    before.set(world, tokensOf(world));
  },
  begins: () => ({ who: "operator", line: "/rotate api-tokens" }),
  ends: /🟢 .* api-tokens rotated/,
  effects: { rollbacks: 2 },
  async expectDone(world) {
    const statuses = [tokensOf(world), before.get(world) ?? ""].map(async (token) => {
      const answer = await fetch(`${world.product.apiUrl}/v1/sync/todoist/status`, {
        headers: { authorization: `Bearer ${token}` },
      });
      await answer.arrayBuffer();
      return answer.status;
    });
    expect(await Promise.all(statuses)).toEqual([200, 401]);
  },
};

const deploy: Drive = {
  midst: "act.returned@the API is deployed",
  async prepare(world) {
    await place(world, "current");
    for (const { settings } of services(world)) settings.is_auto_deploy_enabled = true;
    world.coolify.state.tasks.splice(0);
    await query(
      world.product.databaseUrl,
      `update alembic_version set version_num = 'c3a2b7d9f1e0';
       alter table inbox_items drop column if exists urgency`,
    );
  },
  begins: ({ releases }) => ({
    who: "approver",
    line: `/deploy ${releases.migrates} --override preflight,backup --because "it is only a test"`,
  }),
  ends: /to be signed/,
  effects: {
    rollbacks: 2,
    autoDeployChanged: 2,
    tasksWritten: 1,
    tasksExecuted: 1,
    migrationsApplied: 1,
  },
  expectDone: async (world) => expectRuns(world, "migrates"),
};

const rollback: Drive = {
  midst: "act.returned@the worker is deployed",
  async prepare(world) {
    await place(world, "current");
    await place(world, "good");
    for (const { settings } of services(world)) settings.is_auto_deploy_enabled = true;
  },
  begins: ({ releases }) => ({
    who: "operator",
    line: `/rollback ${releases.current.slice(0, 7)}`,
  }),
  ends: /🟢 .* rolled back to/,
  effects: { rollbacks: 2, autoDeployChanged: 2 },
  expectDone: async (world) => expectRuns(world, "current"),
};

export const drives: Readonly<Record<Exclude<Family, "alerts">, Drive>> = {
  reading,
  backup,
  rotate,
  deploy,
  rollback,
};

/** Says what begins it. What is done from then on is counted. */
export async function drive(
  { begins, ends, effects, expectDone }: Drive,
  { world, databaseUrl, log }: Scene,
): Promise<Undertaking> {
  const counted = await world.effects();
  const { who, line } = begins(world);
  const { messageId, updateId } = world.as(who).say(line);
  const asked = world.telegram.messages().find(({ id }) => id === messageId);
  if (asked === undefined) throw new Error("What was said stands in the group.");
  const taps: number[] = [];
  const answers = (): readonly ChatMessage[] => answersTo(world, asked);
  const until = async (reads: RegExp, withinMs = WITHIN_MS): Promise<ChatMessage> =>
    pressing(world, { answers, reads, withinMs, taps }).catch((cause: unknown) => {
      const said = answers().map(({ text }) => text);
      throw new Error(`Nothing reads ${reads}:\n${said.join("\n--\n")}\n${log()}`, { cause });
    });
  const grown = async (): Promise<Readonly<Record<string, number>>> => {
    const now = await world.effects();
    const names = Object.keys(effects);
    return Object.fromEntries(names.map((name) => [name, (now[name] ?? 0) - (counted[name] ?? 0)]));
  };
  return {
    updates: () => [updateId, ...taps],
    answers,
    until,
    grown,
    async finish() {
      await until(ends);
    },
    async expectOnce() {
      expect(await grown()).toEqual(effects);
      await expectDone(world);
      await expectOneRun(databaseUrl);
      expectToldOnce(answers(), ends);
    },
  };
}

/** Says yes to whatever is asked, by its code where it wants one, until the newest card reads so. */
async function pressing(
  world: World,
  {
    answers,
    reads,
    withinMs,
    taps,
  }: {
    readonly answers: () => readonly ChatMessage[];
    readonly reads: RegExp;
    readonly withinMs: number;
    readonly taps: number[];
  },
): Promise<ChatMessage> {
  const deadline = AbortSignal.timeout(withinMs);
  for (;;) {
    const card = answers().at(-1);
    if (card && reads.test(card.text)) return card;
    deadline.throwIfAborted();
    await sleep(200);
    const label = card && yesOf(card);
    if (card === undefined || label === undefined) continue;
    const tap = tapIfThere(world, { messageId: card.id, label });
    if (tap === undefined) continue;
    taps.push(tap.updateId);
    // Who sees the button still, because nobody answered, taps again.
    const heard = () => world.telegram.callbackAnswers().find((one) => one.queryId === tap.queryId);
    await world.telegram.waitFor(heard, { timeoutMs: 3_000 }).catch(() => undefined);
  }
}

/** Between looking at a card and tapping on it the card may have become another. */
function tapIfThere(
  world: World,
  target: { readonly messageId: number; readonly label: string },
): { readonly updateId: number; readonly queryId: string } | undefined {
  try {
    return world.as("approver").tap(target);
  } catch {
    return undefined;
  }
}

function yesOf({ text, buttons }: ChatMessage): string | undefined {
  const code = /code (\w{4})/.exec(text)?.[1];
  return buttons
    .flat()
    .map(({ label }) => label)
    .find((label) => label === "Approve" || label === "Confirm" || label === code);
}

/** Where this group goes on as another one nothing can answer what was said before; there an answer stands by itself. */
function answersTo(world: World, asked: ChatMessage): readonly ChatMessage[] {
  return world.telegram
    .messages()
    .filter(
      ({ chatId, replyTo, from, text }) =>
        from.isBot &&
        (chatId === asked.chatId
          ? replyTo?.id === asked.id
          : chatId < 0 && replyTo === undefined && /\bR-1\b/.test(text)),
    );
}

async function expectOneRun(databaseUrl: string): Promise<void> {
  const { rows } = await query<{ state: string }>(databaseUrl, "select state from run");
  expect(rows).toEqual([{ state: "ok" }]);
  const kinds = (await readEntries(databaseUrl))
    .filter(({ kind }) => /^(?:run|step|approval)\./.test(kind))
    .map(({ kind, step = "" }) => `${kind} ${step}`);
  // Every intent has one outcome, and the run has one end.
  expect(new Set(kinds).size).toBe(kinds.length);
  expect(kinds.filter((kind) => kind.startsWith("run.result"))).toHaveLength(1);
}

/** One card in each group, and one more at most, which says so, where nobody could know whether the first had arrived. */
function expectToldOnce(cards: readonly ChatMessage[], ends: RegExp): void {
  const again = cards.filter(({ text }) => text.includes("(resent)"));
  const groups = cards.filter((card) => !again.includes(card)).map(({ chatId }) => chatId);
  expect(new Set(groups).size).toBe(groups.length);
  expect(again.length).toBeLessThanOrEqual(1);
  expect(cards.at(-1)?.text).toMatch(ends);
}
