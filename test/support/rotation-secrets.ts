import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { Redis } from "ioredis";

import { personas } from "../../sandbox/telegram/personas.ts";
import type { World } from "../../sandbox/world.ts";
import { query } from "./records.ts";
import { startLoad, variableIn, type Load } from "./rotation.ts";
import { loginToPostgres, loginToRedis, withoutDriver } from "./store-logins.ts";

/** Who uses the product while a secret is rotated. */
type Use = Load & {
  /** What was asked for and never came, once there was time enough for all that is only late. */
  lost(): Promise<readonly string[]>;
};

/** A secret of ops/sandbox.yaml as the world outside of the bot sees it. */
export type RotatedSecret = {
  readonly name: string;
  /** Both are accepted for a while, so that nobody who uses it is ever refused. */
  readonly hasOverlap: boolean;
  /** Only a person can make it. */
  readonly byPerson: boolean;
  inForce(world: World): string;
  /** Asks whoever demands it, by a connection of its own. */
  isAccepted(world: World, value: string): Promise<boolean>;
  use(world: World): Use;
  /** Somebody else sees to it that the new one is accepted nowhere. */
  spoil(world: World, minted: string): Promise<void>;
};

const SETTLED_WITHIN_MS = 30_000;

export const apiTokens: RotatedSecret = {
  name: "api-tokens",
  hasOverlap: true,
  byPerson: false,
  inForce: (world) => valueOf(world, "APP_AUTH_BEARER_TOKENS"),
  isAccepted: async (world, token) => (await statusOf(world, token)) === 200,
  // Whoever uses the product takes the first token that there is, as holders do who have no other yet.
  use: (world) =>
    neverLate(
      startLoad(async () => {
        const status = await statusOf(world, tokenOf(world));
        return status === 200 ? undefined : `answered ${status}`;
      }),
    ),
  spoil: async (world, minted) => replaceIn(world, minted, randomBytes(32).toString("base64url")),
};

const xaiKey: RotatedSecret = {
  name: "xai-key",
  hasOverlap: true,
  byPerson: false,
  inForce: (world) => valueOf(world, "LLM_API_KEY"),
  async isAccepted(world, key) {
    const headers = { authorization: `Bearer ${key}` };
    const answer = await fetch(`${world.xai.url}/models`, { headers });
    await answer.arrayBuffer();
    return answer.status === 200;
  },
  use: (world) =>
    // So seldom that the product does not call it too often; what counts are excuses instead of answers.
    neverLate(startLoad(async () => whyNoAnswer(world), 4_000)),
  async spoil(world, minted) {
    world.xai.disableByHand(minted);
  },
};

const todoistToken: RotatedSecret = {
  name: "todoist-token",
  hasOverlap: false,
  byPerson: true,
  inForce: (world) => valueOf(world, "TODOIST_TOKEN", "worker"),
  async isAccepted(world, token) {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${world.todoist.url}/user`, { headers });
    await answer.arrayBuffer();
    return answer.status === 200;
  },
  use(world) {
    const jobs: string[] = [];
    const load = startLoad(async () => {
      const { status, job } = await askForSync(world);
      if (job !== undefined) jobs.push(job);
      return status === 200 ? undefined : `a sync was answered ${status}`;
    }, 1_500);
    return { ...load, lost: async () => settled(async () => notCompleted(world, jobs)) };
  },
  async spoil(world) {
    world.todoist.setRevoked(true);
  },
};

const databaseLogin: RotatedSecret = {
  name: "database-login",
  hasOverlap: true,
  byPerson: false,
  inForce: (world) => valueOf(world, "DATABASE_URL"),
  isAccepted: async (_world, url) => (await loginToPostgres(url)) === "accepted",
  use: (world) => neverLate(startLoad(async () => whyNotReady(world))),
  async spoil(world, minted) {
    const { username } = new URL(minted);
    const password = randomBytes(16).toString("hex");
    await query(
      world.environment["SANDBOX_DATABASE_ROTATION_URL"] ?? "",
      `alter role ${username} password '${password}'`,
    );
  },
};

const redisPassword: RotatedSecret = {
  name: "redis-password",
  hasOverlap: true,
  byPerson: false,
  inForce: (world) => valueOf(world, "REDIS_URL"),
  isAccepted: async (_world, url) => (await loginToRedis(url)) === "accepted",
  use: (world) => neverLate(startLoad(async () => whyNotReady(world))),
  async spoil(world, minted) {
    const password = decodeURIComponent(new URL(minted).password);
    const hash = createHash("sha256").update(password).digest("hex");
    const admin = new Redis(world.environment["SANDBOX_REDIS_ROTATION_URL"] ?? "");
    await admin.acl("SETUSER", "default", `!${hash}`);
    admin.disconnect();
  },
};

const webhookSecret: RotatedSecret = {
  name: "webhook-secret",
  hasOverlap: false,
  byPerson: false,
  inForce: (world) => valueOf(world, "TELEGRAM_WEBHOOK_SECRET"),
  async isAccepted(world, secret) {
    const answer = await fetch(world.productBot.webhookUrl, {
      method: "POST",
      headers: { "content-type": "application/json", "x-telegram-bot-api-secret-token": secret },
      body: JSON.stringify({ update_id: 1 }),
    });
    await answer.arrayBuffer();
    return answer.status === 200;
  },
  use(world) {
    const { bot } = world.productBot;
    let written = 0;
    const load = startLoad(async () => {
      bot.say(personas.stranger, `remind me of thing ${(written += 1)}`);
      return undefined;
    }, 150);
    const waiting = async (): Promise<readonly string[]> =>
      bot.pending() === 0 ? [] : [`${bot.pending()} messages of ${written}`];
    return { ...load, lost: async () => settled(waiting) };
  },
  spoil: async (world, minted) => replaceIn(world, minted, randomBytes(32).toString("base64url")),
};

/** The six of them. The token of the API comes last: Flightdeck's own copy of it is dead then. */
export const ROTATED_SECRETS: readonly RotatedSecret[] = [
  xaiKey,
  todoistToken,
  databaseLogin,
  redisPassword,
  webhookSecret,
  apiTokens,
];

/** The one value that it has in production. */
function valueOf(world: World, key: string, application: "api" | "worker" = "api"): string {
  const value = variableIn(world, application, key).production ?? "";
  return withoutDriver(value);
}

function tokenOf(world: World): string {
  return valueOf(world, "APP_AUTH_BEARER_TOKENS").split(",")[0] ?? "";
}

/** Somebody edits the variables in Coolify. */
function replaceIn({ coolify }: World, value: string, other: string): void {
  for (const row of coolify.state.variables) {
    if (row.value?.includes(value)) row.value = row.value.replaceAll(value, other);
  }
}

async function statusOf(world: World, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${world.product.apiUrl}/v1/sync/todoist/status`, { headers });
  await answer.arrayBuffer();
  return answer.status;
}

async function whyNoAnswer(world: World): Promise<string | undefined> {
  const answer = await fetch(`${world.product.apiUrl}/v1/query/ask`, {
    method: "POST",
    headers: { authorization: `Bearer ${tokenOf(world)}`, "content-type": "application/json" },
    body: JSON.stringify({ chat_id: "load", query: "What is there to do?" }),
  });
  const { confidence } = (await answer.json()) as { readonly confidence?: number };
  return confidence === 0 ? "an excuse" : undefined;
}

/** Uses what needs the database and Redis both. */
async function whyNotReady({ product }: World): Promise<string | undefined> {
  const answer = await fetch(`${product.apiUrl}/health/ready`);
  const text = await answer.text();
  return answer.status === 200 ? undefined : `${answer.status} ${text}`;
}

async function askForSync(world: World) {
  const answer = await fetch(`${world.product.apiUrl}/v1/sync/todoist`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${tokenOf(world)}`,
      "idempotency-key": randomBytes(8).toString("hex"),
      "content-type": "application/json",
    },
    body: "{}",
  });
  const { job_id: job } = (await answer.json()) as { readonly job_id?: string };
  return { status: answer.status, job };
}

async function notCompleted(world: World, jobs: readonly string[]): Promise<readonly string[]> {
  const { rows } = await query<{ job: string }>(
    databaseLogin.inForce(world),
    "select substr(request_id, 5) as job from event_log where event_type = 'worker_topic_completed'",
  );
  const completed = new Set(rows.map(({ job }) => job));
  return jobs.filter((job) => !completed.has(job));
}

function neverLate(load: Load): Use {
  return { ...load, lost: async () => [] };
}

/** What is left once nothing more comes. */
async function settled(left: () => Promise<readonly string[]>): Promise<readonly string[]> {
  const deadline = AbortSignal.timeout(SETTLED_WITHIN_MS);
  for (;;) {
    const still = await left();
    if (still.length === 0 || deadline.aborted) return still;
    await sleep(300);
  }
}
