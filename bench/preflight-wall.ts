import { setTimeout as sleep } from "node:timers/promises";

import { z } from "zod";

import { startHttpServer } from "../sandbox/http-server.ts";
import { Secret } from "../src/core/secret.ts";
import { pause } from "../src/core/waiting.ts";
import { openDatabase, type Database } from "../src/storage/database.ts";
import { stepsOf } from "../src/storage/run-step.ts";
import { recentRuns } from "../src/storage/run.ts";
import type { Bench, Round } from "./bench.ts";
import { openInstallation, type Installation } from "./installation.ts";
import type { NodeProcess } from "./node-process.ts";

const TARGET = "sandbox";
/** The sandbox answers in a few milliseconds, and no check of a real production does. */
const SLOW_ANSWER_MS = 300;
const SLOW_CHECK = "answer-takes-its-time";
const LOOK_EVERY_MS = 50;
const START_TIMEOUT_MS = 60_000;
const RUN_TIMEOUT_MS = 30_000;
/** The gate hears no longer command than 512 characters. */
const COMMAND_LIMIT = 480;

const reportsSchema = z.array(
  z.object({ check: z.string(), status: z.string(), durationMs: z.number() }),
);

export const preflightWall: Bench = {
  name: "preflight-wall",
  summary: "how long a preflight takes beyond its slowest check",
  usualRounds: 15,
  async measure({ rounds, signal }) {
    await using opened = new AsyncDisposableStack();
    const slow = opened.use(
      await startHttpServer(async () => {
        await sleep(SLOW_ANSWER_MS);
        return new Response("at last");
      }),
    );
    const installation = opened.use(
      await openInstallation({ signal, checks: { [SLOW_CHECK]: { kind: "http", url: slow.url } } }),
    );
    const flightdeck = opened.use(await installation.start());
    // Once it talks to Telegram it has migrated its database.
    await flightdeck.during(
      installation.world.telegram.waitFor(
        ({ calls }) => calls().find(({ method }) => method === "getMe"),
        { timeoutMs: START_TIMEOUT_MS },
      ),
    );
    const preflight = opened.use(openPreflights(installation, flightdeck));

    // The first one of a process also pays for what is loaded and connected once. It tells the names of the checks, too.
    const { checks } = await preflight.ask("/preflight");
    const quick = namesWithin(
      COMMAND_LIMIT,
      checks.filter((check) => check !== SLOW_CHECK),
    );
    const withSlow: Round[] = [];
    const withoutSlow: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      withSlow.push((await preflight.ask("/preflight")).round);
      withoutSlow.push((await preflight.ask(`/preflight ${quick.join(" ")}`)).round);
    }
    return [
      {
        what: `/preflight of ${checks.length} checks, one answered after ${SLOW_ANSWER_MS} ms`,
        unit: "ms",
        besideName: "its slowest check",
        rounds: withSlow,
        goal: { of: "ratio", atMost: 1.15 },
      },
      {
        what: `/preflight of ${quick.length} checks, all answered at once`,
        unit: "ms",
        besideName: "its slowest check",
        rounds: withoutSlow,
      },
    ];
  },
};

/** As many names as one command may hold. */
function namesWithin(limit: number, names: readonly string[]): readonly string[] {
  const fitting: string[] = [];
  for (const name of names) {
    if ([...fitting, name].join(" ").length <= limit) fitting.push(name);
  }
  return fitting;
}

type Preflight = { readonly checks: readonly string[]; readonly round: Round };

/** Asks for preflights in the chat, and reads from the database how long each took. */
function openPreflights({ world, stores }: Installation, flightdeck: NodeProcess) {
  const database = openDatabase({
    url: new Secret(stores.databaseUrl),
    clock: (now) => now,
    onIdleError: () => {},
  });
  let lastId = 0n;
  return {
    async ask(command: string): Promise<Preflight> {
      const deadline = AbortSignal.timeout(RUN_TIMEOUT_MS);
      world.as("operator").say(command);
      const { id, preflight } = await flightdeck.during(endedAfter(database, lastId, deadline));
      lastId = id;
      return preflight;
    },
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

async function endedAfter(
  database: Database,
  lastId: bigint,
  deadline: AbortSignal,
): Promise<{ readonly id: bigint; readonly preflight: Preflight }> {
  for (;;) {
    const ended = await database.transaction(async (tx) => {
      const [run] = await recentRuns(tx, TARGET, 1);
      if (!run?.startedAt || !run.endedAt || BigInt(run.id) <= lastId) return undefined;
      const [step] = await stepsOf(tx, run.id);
      const wallMs = run.endedAt.getTime() - run.startedAt.getTime();
      return { id: BigInt(run.id), wallMs, reports: reportsSchema.parse(step?.result) };
    });
    if (ended) return { id: ended.id, preflight: preflightOf(ended) };
    if (deadline.aborted) throw new Error(`No preflight ended within ${RUN_TIMEOUT_MS} ms.`);
    await pause(LOOK_EVERY_MS, deadline);
  }
}

function preflightOf(ended: {
  readonly wallMs: number;
  readonly reports: z.output<typeof reportsSchema>;
}): Preflight {
  const troubled = ended.reports.filter(
    ({ status }) => status !== "pass" && status !== "not-configured",
  );
  // A check that gave up early or waited for its timeout would make any ratio look good.
  if (troubled.length > 0) {
    const names = troubled.map(({ check, status }) => `${check} (${status})`).join(", ");
    throw new Error(`The world is healthy, so every check should have passed, but not ${names}.`);
  }
  return {
    checks: ended.reports.map((report) => report.check),
    round: {
      ours: ended.wallMs,
      beside: Math.max(...ended.reports.map((report) => report.durationMs)),
    },
  };
}
