import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { setTimeout as sleep } from "node:timers/promises";

import type { VariableNews } from "../../sandbox/coolify/routes/environment-variables.ts";
import type { WorldNews } from "../../sandbox/world.ts";
import { failOnLeaks, watchProcess, watchVariable, watchWorld } from "../support/canaries.ts";
import { collect } from "./collect.ts";
import { createCompany } from "./company.ts";
import { judge, type Finding } from "./invariants.ts";
import { doMischief, type Done } from "./nemesis.ts";
import { untilQuiet } from "./quiet.ts";
import type { Recorded } from "./record.ts";
import { scheduleOf, type Timed } from "./schedule.ts";
import { openStage, type Stage } from "./stage.ts";

export type NemesisReport = {
  readonly seed: number;
  readonly lastedMs: number;
  readonly recorded: Recorded;
  readonly findings: readonly Finding[];
  /** What the bots have said, for whoever looks for the cause. */
  readonly logs: readonly string[];
};

export type NemesisOptions = {
  readonly seed: number;
  readonly lastsMs: number;
  /** Told what goes wrong as it does. */
  readonly onDone?: (done: Done) => void;
};

const READY_WITHIN_MS = 90_000;
const QUIET_WITHIN_MS = 150_000;

/** People use the bot, everything goes wrong, all is healed, and it is looked at what has become of the promises. */
export async function runNemesis({
  seed,
  lastsMs,
  onDone = () => undefined,
}: NemesisOptions): Promise<NemesisReport> {
  using _watching = watchForSecrets();
  await using stage = await openStage(seed);
  await untilReady(stage);
  const { deeds, mischief, replies } = scheduleOf(seed, lastsMs);
  const company = createCompany(stage, replies);
  const at = new Date();
  const answering = new AbortController();
  const answers = company.answerQuestions(answering.signal);
  const done: Done[] = [];
  await Promise.all([
    ...inTime(deeds, async (what) => company.act(what)),
    ...inTime(mischief, async (what) => {
      const one = await doMischief(stage, what);
      done.push(one);
      onDone(one);
    }),
  ]);
  const lastedMs = Date.now() - at.getTime();

  await stage.world.healAll();
  stage.mark.mode = "answers";
  await untilReady(stage);
  const restless = await untilQuiet(stage.stores.databaseUrl, QUIET_WITHIN_MS);
  answering.abort();
  await answers;
  for (const replica of stage.replicas) await replica.leave();
  await stage.searchForSecrets();
  const logs = stage.replicas.map((replica) => replica.log());
  const stuck = stage.replicas.flatMap((replica, n) =>
    replica.stuck() === 0 ? [] : [`replica ${n} was told to stop and did not, ${replica.stuck()}×`],
  );
  const facts = { at, said: company.said(), done, restless: [...restless, ...stuck] };
  const recorded = await collect(stage, { ...facts, leaks: [] });
  await stage.close();
  // The world is searched when it ends.
  const whole = { ...recorded, leaks: leaks() };
  return { seed, lastedMs, recorded: whole, findings: judge(whole), logs };
}

function inTime<What>(
  all: readonly Timed<What>[],
  work: (what: What) => Promise<void>,
): readonly Promise<void>[] {
  return all.map(async ({ atMs, what }) => {
    await sleep(atMs);
    await work(what);
  });
}

async function untilReady({ replicas }: Stage): Promise<void> {
  const deadline = AbortSignal.timeout(READY_WITHIN_MS);
  while (!replicas.every((replica) => replica.isReady())) {
    if (deadline.aborted) {
      const ends = replicas.map((replica) => replica.log().slice(-2_000)).join("\n--\n");
      throw new Error(`The bots do not start. They say:\n${ends}`);
    }
    await sleep(100);
  }
}

function watchForSecrets(): Disposable {
  const world = (message: unknown): void => watchWorld(message as WorldNews);
  const variable = (message: unknown): void => watchVariable(message as VariableNews);
  const child = (message: unknown): void =>
    watchProcess(message as Parameters<typeof watchProcess>[0]);
  subscribe("sandbox.worlds", world);
  subscribe("sandbox.variables", variable);
  subscribe("child_process", child);
  return {
    [Symbol.dispose]: () => {
      unsubscribe("sandbox.worlds", world);
      unsubscribe("sandbox.variables", variable);
      unsubscribe("child_process", child);
    },
  };
}

function leaks(): readonly string[] {
  try {
    failOnLeaks();
    return [];
  } catch (error) {
    return error instanceof Error ? error.message.split("\n").slice(1) : [String(error)];
  }
}
