import { setTimeout as sleep } from "node:timers/promises";

import { Redis } from "ioredis";

import type { FaultProxy } from "../support/fault-proxy.ts";
import type { Mischief } from "./schedule.ts";
import type { Stage } from "./stage.ts";

/** What was really done, and when: what could not be done says why. */
export type Done = {
  readonly what: Mischief;
  readonly from: Date;
  readonly until: Date;
  readonly failure: string | undefined;
};

/** Does one piece of mischief, from its beginning to its end. Never throws: what is impossible is told. */
export async function doMischief(stage: Stage, what: Mischief): Promise<Done> {
  const from = new Date();
  const failure = await perform(stage, what).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  return { what, from, until: new Date(), failure };
}

async function perform(stage: Stage, what: Mischief): Promise<void> {
  const { lastsMs } = what;
  switch (what.kind) {
    case "kill":
      return stage.replicas[what.replica].end("SIGKILL", lastsMs);
    case "stop":
      return stage.replicas[what.replica].end("SIGTERM", lastsMs);
    case "pause":
      return stage.replicas[what.replica].pause(lastsMs);
    case "cut":
      return stage.lines[what.line].cut();
    case "down":
    case "latency":
    case "black-hole":
    case "slicer":
    case "reset-peer":
    case "bandwidth":
    case "limit-data":
    case "cut-after-request": {
      using _toxic = toxicOf(stage.lines[what.line], what);
      await sleep(lastsMs);
      return;
    }
    case "empty-redis":
      return emptyRedis(stage.stores.redisUrl);
    case "restart-redis":
      return inTurn("redis", async () => stage.restartRedis(lastsMs));
    case "restart-database":
      return inTurn("database", async () => stage.stores.restartDatabase("SIGTERM", lastsMs));
    case "kill-database":
      return inTurn("database", async () => stage.stores.restartDatabase("SIGKILL", lastsMs));
    case "full-disk":
      return fillDisk(stage, lastsMs);
    case "telegram": {
      const method =
        what.fault === "lost-answer" ? /^(send|edit)/ : /^(send|edit|answer|getUpdates)/;
      using _fault = stage.world.telegram.faults.add({ kind: what.fault, method, retryAfter: 2 });
      await sleep(lastsMs);
      return;
    }
    case "mark":
      stage.mark.mode = what.mode;
      await sleep(lastsMs);
      stage.mark.mode = "answers";
      return;
    case "world":
      await stage.world.break(what.fault);
      await sleep(lastsMs);
      return stage.world.heal(what.fault);
  }
}

function toxicOf(line: FaultProxy, what: Mischief): Disposable {
  switch (what.kind) {
    case "down":
      return line.down();
    case "latency":
      return line.toxic("latency", { delayMs: what.delayMs, jitterMs: what.jitterMs });
    case "black-hole":
      return line.toxic("timeout", { probability: what.probability });
    case "slicer":
      return line.toxic("slicer", { bytes: 40, delayMs: 1, probability: what.probability });
    case "reset-peer":
      return line.toxic("reset-peer", { probability: what.probability });
    case "bandwidth":
      return line.toxic("bandwidth", { bytesPerSecond: what.bytesPerSecond });
    case "limit-data":
      return line.toxic("limit-data", { bytes: what.bytes, probability: what.probability });
    case "cut-after-request":
      return line.toxic("cut-after-request", {
        probability: what.probability,
        ...(what.line === "redis" ? {} : { matching: CHANGES[what.line] }),
      });
    default:
      throw new Error(`${what.kind} is no toxic.`);
  }
}

/** What changes something at the other end; elsewhere a lost answer is but another reset. */
const CHANGES = {
  database: /commit/i,
  telegram: /^POST \S+\/(?:send|edit)/,
  coolify: /^(?:POST|PATCH|DELETE) /,
} as const;

async function emptyRedis(url: string): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1, retryStrategy: () => null });
  redis.on("error", () => {
    // The command that waits gets the failure; an unheard event would end the process.
  });
  try {
    await redis.flushall();
  } finally {
    redis.disconnect();
  }
}

async function fillDisk({ disk }: Stage, lastsMs: number): Promise<void> {
  if (!disk) throw new Error("nobody may make a small disk here");
  await disk.fill();
  await sleep(lastsMs);
  await disk.empty();
}

const turns = new Map<string, Promise<void>>();

/** A server that is being restarted is not restarted meanwhile. */
async function inTurn(server: string, work: () => Promise<void>): Promise<void> {
  const turn = (turns.get(server) ?? Promise.resolve()).then(work);
  turns.set(
    server,
    turn.catch(() => undefined),
  );
  return turn;
}
