import type { Fault } from "./fault-registry.ts";
import type { FrontDoor } from "./front-door.ts";
import { createHeldConnections } from "./held-connections.ts";
import { createLostRetry } from "./lost-retry.ts";
import type { PgDumpProgram } from "./pg-dump-program.ts";
import type { ProductBot } from "./product-bot.ts";
import type { ProductPostgres } from "./product-postgres.ts";
import type { ProductRedis } from "./product-redis.ts";
import type { RunningProduct } from "./product/start-product.ts";
import { createQueueBacklog } from "./queue-backlog.ts";
import type { OtherBot } from "./telegram/other-bot.ts";
import type { TelegramServer } from "./telegram/server.ts";
import type { Todoist } from "./todoist.ts";

export type GateFaultName =
  | "api-forgets-our-token"
  | "metrics-lose-their-counters"
  | "webhook-is-stolen"
  | "webhook-backlog"
  | "webhook-secret-is-off"
  | "webhook-secret-differs"
  | "ops-bot-is-the-products"
  | "ops-bot-may-join-groups"
  | "ops-bot-reads-everything"
  | "todoist-token-revoked"
  | "todoist-answers-500"
  | "certificate-expires-soon"
  | "redis-evicts-keys"
  | "redis-memory-full"
  | "connections-used-up"
  | "worker-stopped"
  | "worker-died-silently"
  | "worker-dies-in-a-job"
  | "worker-dies-in-a-sync"
  | "pg-dump-too-old";

type StoreFaultName = "database-down" | "database-frozen" | "redis-down" | "redis-frozen";

type GateFault = Fault<GateFaultName | StoreFaultName | "queue-backlog">;

const workerFaults = [
  "queue-backlog",
  "worker-stopped",
  "worker-died-silently",
  "worker-dies-in-a-job",
  "worker-dies-in-a-sync",
] as const;
type WorkerFaultName = (typeof workerFaults)[number];

/** There is one worker, and it can only be broken in one way at a time. */
export function workerFaultsBut(name: WorkerFaultName): readonly WorkerFaultName[] {
  return workerFaults.filter((other) => other !== name);
}

export type GateBreakable = {
  readonly product: RunningProduct;
  readonly productBot: ProductBot;
  readonly postgres: ProductPostgres;
  readonly redis: ProductRedis;
  readonly telegram: Pick<TelegramServer, "profile" | "botId">;
  readonly todoist: Todoist;
  readonly frontDoor: FrontDoor;
  readonly pgDump: PgDumpProgram;
};

/** A queue that is not long: what is wrong is that nobody works on it. */
const WAITING_JOBS = 3;

/** What a preflight has to find beyond servers that are down. */
export function gateFaults(world: GateBreakable): readonly GateFault[] {
  const { product, productBot, postgres, redis, telegram, todoist, frontDoor, pgDump } = world;
  const { switches, worker } = product;
  const connections = createHeldConnections(postgres);
  const waiting = createQueueBacklog({ worker, redis, length: WAITING_JOBS });
  const lostRetry = createLostRetry({ worker, postgres });
  return [
    {
      name: "api-forgets-our-token",
      title: "The API no longer knows our token",
      break: () => {
        switches.forgetsTokens = true;
      },
      heal: () => {
        switches.forgetsTokens = false;
      },
    },
    {
      name: "metrics-lose-their-counters",
      title: "The metrics come without their counters",
      break: () => {
        switches.metricsWithoutCounters = true;
      },
      heal: () => {
        switches.metricsWithoutCounters = false;
      },
    },
    {
      name: "webhook-is-stolen",
      title: "The product's webhook leads to somebody else",
      insteadOf: ["webhook-backlog"],
      break: () => productBot.stealWebhook(),
      heal: () => productBot.registerWebhook(),
    },
    {
      name: "webhook-backlog",
      title: "The product refuses Telegram's updates, which pile up",
      insteadOf: ["webhook-is-stolen"],
      break: () => productBot.pileUpRefused(),
      heal: () => productBot.registerWebhook(),
    },
    {
      name: "webhook-secret-is-off",
      title: "The product's webhook takes updates from anybody",
      insteadOf: ["webhook-secret-differs"],
      break: () => {
        switches.webhookSecret = "";
      },
      heal: () => {
        switches.webhookSecret = undefined;
      },
    },
    {
      name: "webhook-secret-differs",
      title: "The product expects another webhook secret than ours",
      insteadOf: ["webhook-secret-is-off"],
      break: () => {
        switches.webhookSecret = "a-secret-that-nobody-was-told";
      },
      heal: () => {
        switches.webhookSecret = undefined;
      },
    },
    profileFault({
      name: "ops-bot-is-the-products",
      title: "The product was given the ops bot's token",
      profile: productBot.bot.profile,
      part: { id: telegram.botId },
    }),
    profileFault({
      name: "ops-bot-may-join-groups",
      title: "Anybody may add the ops bot to groups",
      profile: telegram.profile,
      part: { can_join_groups: true },
    }),
    profileFault({
      name: "ops-bot-reads-everything",
      title: "The ops bot reads all messages of groups",
      profile: telegram.profile,
      part: { can_read_all_group_messages: true },
    }),
    {
      name: "todoist-token-revoked",
      title: "The Todoist token is revoked",
      break: () => todoist.setRevoked(true),
      heal: () => todoist.setRevoked(false),
    },
    {
      name: "todoist-answers-500",
      title: "Todoist answers 500",
      break: () => todoist.setFailing(true),
      heal: () => todoist.setFailing(false),
    },
    {
      name: "certificate-expires-soon",
      title: "The certificate expires in 5 days",
      break: () => frontDoor.serve("expiring"),
      heal: () => frontDoor.serve("fresh"),
    },
    {
      name: "redis-evicts-keys",
      title: "Redis throws keys away when its memory is full",
      insteadOf: ["redis-down", "redis-frozen"],
      break: () => setRedis(redis, "maxmemory-policy", "allkeys-lru"),
      heal: () => setRedis(redis, "maxmemory-policy", "noeviction"),
    },
    {
      name: "redis-memory-full",
      title: "Redis has no memory left",
      insteadOf: ["redis-down", "redis-frozen"],
      // Well below what it holds, for what it holds is more at one moment and less at the next.
      break: async () =>
        setRedis(redis, "maxmemory", String(Math.floor((await usedBytes(redis)) / 2))),
      heal: () => setRedis(redis, "maxmemory", "0"),
    },
    {
      name: "connections-used-up",
      title: "Somebody holds nearly all connections of the database",
      insteadOf: ["database-down", "database-frozen"],
      break: () => connections.hold(),
      heal: () => connections.release(),
    },
    {
      name: "worker-stopped",
      title: "The worker has stopped, and jobs wait",
      insteadOf: ["redis-down", "redis-frozen", ...workerFaultsBut("worker-stopped")],
      break: () => waiting.pileUp(),
      heal: () => waiting.clear(),
    },
    {
      name: "worker-died-silently",
      title: "The worker died with a job in its hands; the queue is empty",
      insteadOf: ["database-down", "database-frozen", ...workerFaultsBut("worker-died-silently")],
      break: () => lostRetry.lose(),
      heal: () => lostRetry.forget(),
    },
    {
      name: "worker-dies-in-a-job",
      title: "The worker dies with the next job in its hands, and stays dead",
      insteadOf: workerFaultsBut("worker-dies-in-a-job"),
      break: () => worker.dieHolding({ holds: () => true, comesBack: false }),
      heal: () => worker.revive(),
    },
    {
      name: "worker-dies-in-a-sync",
      title: "The worker dies with the next sync in its hands, and comes back",
      insteadOf: workerFaultsBut("worker-dies-in-a-sync"),
      break: () =>
        worker.dieHolding({ holds: ({ topic }) => topic.startsWith("sync."), comesBack: true }),
      heal: () => worker.revive(),
    },
    {
      name: "pg-dump-too-old",
      title: "The pg_dump of the bot is older than the database",
      break: () => pgDump.setTooOld(true),
      heal: () => pgDump.setTooOld(false),
    },
  ];
}

function profileFault({
  name,
  title,
  profile,
  part,
}: Pick<GateFault, "name" | "title"> & {
  readonly profile: OtherBot["profile"];
  readonly part: Parameters<OtherBot["profile"]["change"]>[0];
}): GateFault {
  let changed: Disposable | undefined;
  return {
    name,
    title,
    break: () => {
      changed = profile.change(part);
    },
    heal: () => {
      changed?.[Symbol.dispose]();
      changed = undefined;
    },
  };
}

async function setRedis(redis: ProductRedis, name: string, value: string): Promise<void> {
  await redis.run((redis) => redis.config("SET", name, value));
}

async function usedBytes(redis: ProductRedis): Promise<number> {
  const info = await redis.run((redis) => redis.info("memory"));
  return Number(/^used_memory:(\d+)/m.exec(info)?.[1]);
}
