import type { MigrationMood } from "./containers.ts";
import { type DeploymentFaultName, deploymentFaults } from "./coolify/deployment-faults.ts";
import { type CoolifyFaultName, coolifyFaults } from "./coolify/faults.ts";
import type { Runtime } from "./coolify/runtime.ts";
import type { CoolifyServer } from "./coolify/server.ts";
import { createDeadLetters } from "./dead-letters.ts";
import type { Fault } from "./fault-registry.ts";
import {
  type GateBreakable,
  type GateFaultName,
  gateFaults,
  workerFaultsBut,
} from "./gate-faults.ts";
import { createQueueBacklog } from "./queue-backlog.ts";
import { bucketFaults, type BucketFaultName } from "./s3/faults.ts";
import type { S3Server } from "./s3/server.ts";
import type { TelegramServer } from "./telegram/server.ts";
import type { Xai } from "./xai.ts";

export type FaultName =
  | BucketFaultName
  | CoolifyFaultName
  | DeploymentFaultName
  | GateFaultName
  | "xai-key-revoked"
  | "xai-hangs"
  | "xai-answers-500"
  | "api-hangs"
  | "api-answers-500"
  | "api-accepts-strangers"
  | "database-down"
  | "database-frozen"
  | "database-behind"
  | "redis-down"
  | "redis-frozen"
  | "queue-backlog"
  | "dead-letters-grow"
  | "telegram-rate-limits"
  | "telegram-loses-answers";

export type Breakable = GateBreakable & {
  readonly xai: Xai;
  readonly coolify: CoolifyServer;
  readonly containers: Runtime;
  readonly migrations: MigrationMood;
  readonly telegram: Pick<TelegramServer, "faults">;
  readonly s3: S3Server;
  readonly deadLetterEveryMs: number;
  /** A password that stands in what the dead jobs died of. */
  readonly indiscretion: string;
  /** Aborted when the world ends. */
  readonly signal: AbortSignal;
};

const BACKLOG_JOBS = 250;

/** What is written into a store needs the store. */
const databaseFaults: readonly FaultName[] = ["database-down", "database-frozen"];
const redisFaults: readonly FaultName[] = ["redis-down", "redis-frozen"];

/** Everything that can be broken in this world, in the order of its buttons. */
export function faultsOf(world: Breakable): readonly Fault<FaultName>[] {
  const { product, postgres, redis, xai, telegram } = world;
  const { switches, worker } = product;
  const deadLetters = createDeadLetters({
    postgres,
    redis,
    everyMs: world.deadLetterEveryMs,
    indiscretion: world.indiscretion,
    signal: world.signal,
  });
  const backlog = createQueueBacklog({ worker, redis, length: BACKLOG_JOBS });
  return [
    {
      name: "xai-key-revoked",
      title: "The xAI key is revoked",
      break: () => xai.setRevoked(true),
      heal: () => xai.setRevoked(false),
    },
    {
      name: "xai-hangs",
      title: "xAI hangs",
      insteadOf: ["xai-answers-500"],
      break: () => xai.setMood("hangs"),
      heal: () => xai.setMood("answers"),
    },
    {
      name: "xai-answers-500",
      title: "xAI answers 500",
      insteadOf: ["xai-hangs"],
      break: () => xai.setMood("fails"),
      heal: () => xai.setMood("answers"),
    },
    {
      name: "api-hangs",
      title: "The API hangs",
      break: () => switches.gate.shut(),
      heal: () => switches.gate.open(),
    },
    {
      name: "api-answers-500",
      title: "The API answers 500",
      break: () => {
        switches.failsAlways = true;
      },
      heal: () => {
        switches.failsAlways = false;
      },
    },
    {
      name: "api-accepts-strangers",
      title: "The API lets strangers in",
      break: () => {
        switches.acceptsStrangers = true;
      },
      heal: () => {
        switches.acceptsStrangers = false;
      },
    },
    {
      name: "database-down",
      title: "The database is down",
      insteadOf: ["database-frozen"],
      break: () => postgres.stop(),
      heal: () => postgres.start(),
    },
    {
      name: "database-frozen",
      title: "The database is frozen",
      insteadOf: ["database-down"],
      break: () => postgres.freeze(),
      heal: () => postgres.thaw(),
    },
    {
      name: "database-behind",
      title: "The database misses a migration",
      insteadOf: databaseFaults,
      break: () => postgres.setMigrated("before"),
      heal: () => postgres.setMigrated("head"),
    },
    {
      name: "redis-down",
      title: "Redis is down",
      insteadOf: ["redis-frozen"],
      break: () => redis.stop(),
      heal: () => redis.start(),
    },
    {
      name: "redis-frozen",
      title: "Redis is frozen",
      insteadOf: ["redis-down"],
      break: () => redis.freeze(),
      heal: () => redis.thaw(),
    },
    {
      name: "queue-backlog",
      title: "The worker stands still and jobs pile up",
      insteadOf: [...redisFaults, ...workerFaultsBut("queue-backlog")],
      break: () => backlog.pileUp(),
      heal: () => backlog.clear(),
    },
    {
      name: "dead-letters-grow",
      title: "Dead letters grow",
      insteadOf: [...databaseFaults, ...redisFaults],
      break: () => deadLetters.grow(),
      heal: () => deadLetters.removeAll(),
    },
    ...gateFaults(world),
    ...coolifyFaults(world.coolify),
    ...deploymentFaults(world),
    ...bucketFaults(world.s3.mood),
    telegramFault(telegram, {
      name: "telegram-rate-limits",
      title: "Telegram refuses messages: too many requests",
      fault: { kind: "rate-limit", method: /^(send|edit)/, retryAfter: 5 },
    }),
    telegramFault(telegram, {
      name: "telegram-loses-answers",
      title: "Telegram does as told, but its answers get lost",
      fault: { kind: "lost-answer", method: /^(send|edit)/ },
    }),
  ];
}

function telegramFault(
  telegram: Breakable["telegram"],
  {
    name,
    title,
    fault,
  }: Pick<Fault<FaultName>, "name" | "title"> & {
    readonly fault: Parameters<TelegramServer["faults"]["add"]>[0];
  },
): Fault<FaultName> {
  let added: Disposable | undefined;
  return {
    name,
    title,
    break: () => {
      added = telegram.faults.add(fault);
    },
    heal: () => {
      added?.[Symbol.dispose]();
      added = undefined;
    },
  };
}
