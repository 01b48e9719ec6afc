import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";

import { ids } from "../../sandbox/coolify/ids.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { Secret } from "../../src/core/secret.ts";
import { createLogger } from "../../src/logger.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { createSeal } from "../../src/storage/seal.ts";
import { createTestDatabase, createTestRedisPrefix } from "../database.ts";
import {
  checkKeys,
  environmentCanaries,
  failOnLeaks,
  searchTemporaryFolders,
} from "../support/canaries.ts";
import { FAST_ENGINE } from "../support/config.ts";
import { query } from "../support/records.ts";
import { spawnBot } from "../support/spawn-bot.ts";

const execute = promisify(execFile);

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const secret = (name: string): string => world.namedSecrets[name]!;
/** What the hook after each test would say, at the end of what is let go of at once. */
const told = (): string => {
  try {
    failOnLeaks();
  } catch (error) {
    return (error as Error).message;
  }
  return "nothing has leaked";
};

/** Leaks on purpose, one for every way out. They clean up behind themselves, as a test does. */
const leaks: readonly {
  readonly sink: string;
  readonly named: string;
  leak(): unknown;
}[] = [
  {
    sink: "the log",
    named: "xaiKey is in the log",
    leak: () => log(`could not call xAI with ${secret("xaiKey")}`),
  },
  {
    sink: "the log, in the URL of a database",
    named: "databaseReaderPassword is in the log",
    leak: () => log(world.environment["SANDBOX_DATABASE_URL"]!),
  },
  {
    sink: "the log, by a header of the product",
    named: "productHeader is in the log",
    leak: async () => {
      const { headers } = await fetch(`${world.product.apiUrl}/health/live`);
      log(JSON.stringify([...headers]));
    },
  },
  {
    sink: "the log, by the body of an error of Todoist",
    named: "todoistErrorBody is in the log",
    leak: async () => {
      await world.break("todoist-answers-500");
      const headers = { authorization: `Bearer ${secret("todoistToken")}` };
      const answer = await fetch(`${world.todoist.url}/projects`, { headers });
      await world.heal("todoist-answers-500");
      log(await answer.text());
    },
  },
  {
    sink: "the log, by the body of an error of xAI",
    named: "xaiErrorBody is in the log",
    leak: async () => {
      await world.break("xai-answers-500");
      const headers = { authorization: `Bearer ${secret("xaiKey")}` };
      const answer = await fetch(`${world.environment["SANDBOX_XAI_URL"]}/models`, { headers });
      await world.heal("xai-answers-500");
      log(await answer.text());
    },
  },
  {
    sink: "the log, by what a job died of",
    named: "jobError is in the log",
    leak: async () => {
      await world.break("dead-letters-grow");
      const { rows } = await query<{ error: string }>(
        world.environment["SANDBOX_DATABASE_URL"]!,
        "select payload_json->>'error' as error from event_log where payload_json ? 'error'",
      );
      await world.heal("dead-letters-grow");
      log(rows[0]!.error);
    },
  },
  {
    sink: "the log, by what pg_dump says",
    named: "pgDumpOutput is in the log",
    leak: async () =>
      log((await execute(world.environment["SANDBOX_PG_DUMP"]!, ["--version"])).stderr),
  },
  {
    sink: "the arguments of a program",
    named: "databaseOwnerPassword is in the arguments of true",
    leak: () => execute("true", [world.product.databaseUrl]),
  },
  {
    sink: "the output of a command line",
    named: `CANARY_1 is in the output of node`,
    leak: () => execute(process.execPath, ["-e", "console.log(process.env.CANARY_1)"]),
  },
  {
    sink: "the output of a command line, on its other way out, cut in two",
    named: `CANARY_2 is in the output of node`,
    leak: () =>
      execute(process.execPath, [
        "-e",
        `const text = process.env.CANARY_2;
         process.stderr.write(text.slice(0, 9), () =>
           setTimeout(() => process.stderr.write(text.slice(9)), 50));`,
      ]),
  },
  {
    sink: "Redis, for a moment",
    named: "redisOwnerPassword is in the command SET to Redis",
    leak: async () => {
      const redis = new Redis(inject("redisUrl"));
      const key = `${createTestRedisPrefix()}:leak`;
      await redis.set(key, secret("redisOwnerPassword"));
      await redis.del(key);
      redis.disconnect();
    },
  },
  {
    sink: "the payload of a job",
    named: "webhookSecret is in the command HMSET to Redis",
    leak: () => inJob({ secret: secret("webhookSecret") }),
  },
  {
    sink: "a row of Flightdeck's own database",
    named: "coolifyToken is in the table kept",
    leak: () => keep("jsonb", JSON.stringify({ list: [secret("coolifyToken")] })),
  },
  {
    sink: "the bytes of a row",
    named: "apiToken is in the table kept",
    leak: () => keep("bytea", Buffer.from(`sealed? ${secret("apiToken")}`)),
  },
  {
    sink: "the log of the evidence, in base64",
    named: "coolifySensitiveToken is in the file log.md",
    leak: async () => {
      await using folder = await temporaryDirectory("canaries");
      const text = Buffer.from(`token=${secret("coolifySensitiveToken")}`).toString("base64");
      await writeFile(join(folder.path, "log.md"), `## #1\n${text}\n`);
      await searchTemporaryFolders();
    },
  },
  {
    sink: "the mode of a key",
    named: "others may read the key seal.key",
    leak: async () => {
      await using folder = await temporaryDirectory("canaries");
      await writeFile(join(folder.path, "seal.key"), "a key of no world");
      await chmod(join(folder.path, "seal.key"), 0o640);
      await checkKeys(folder.path);
    },
  },
];

describe("a secret that comes out is caught and named", () => {
  test.each(leaks)("in $sink", async ({ named, leak }) => {
    await leak();
    // Some ways out are watched from afar. What was told once is not told again.
    let heard = "";
    await expect.poll(() => (heard += `${told()}\n`), { timeout: 5_000 }).toContain(named);
  });

  test("in a message, an edit and a file in Telegram, by the end of the world", async () => {
    const other = await startWorld();
    const { botToken, xaiKey, stagingApiToken, todoistToken, webhookSecret } = other.namedSecrets;
    const call = async (method: string, body: string | FormData): Promise<Response> => {
      const headers = { "content-type": "application/json" };
      const init = typeof body === "string" ? { headers, body } : { body };
      return fetch(`${other.telegram.url}/bot${botToken}/${method}`, { method: "POST", ...init });
    };
    const to = { chat_id: other.telegram.chatId };
    const sent = await call("sendMessage", JSON.stringify({ ...to, text: `it is ${xaiKey}` }));
    const { result } = (await sent.json()) as { readonly result: { readonly message_id: number } };
    // What stood there for a moment only was seen all the same.
    for (const text of [encodeURIComponent(`first ${stagingApiToken}`), "nothing any more"]) {
      const edit = { ...to, message_id: result.message_id, text };
      await call("editMessageText", JSON.stringify(edit));
    }
    const file = new FormData();
    file.set("chat_id", String(to.chat_id));
    file.set("document", new Blob([`token: ${todoistToken}`]), "details.txt");
    await call("sendDocument", file);
    // Telegram has to know this one, and nobody sees it there.
    const webhook = { url: "https://127.0.0.1:8443/x", secret_token: webhookSecret };
    await call("setWebhook", JSON.stringify(webhook));
    await other[Symbol.asyncDispose]();
    const message = told();
    expect(message.split("\n").toSorted()).toEqual([
      "  stagingApiToken is in the call editMessageText to Telegram",
      "  todoistToken is in the file details.txt in Telegram",
      "  xaiKey is in the call sendMessage to Telegram",
      "Secrets have leaked:",
    ]);
    for (const value of other.secrets) expect(message).not.toContain(value);
  });

  test.fails("so that the test fails that let it out", () => {
    const leaked = secret("xaiKey");
    log(leaked);
    expect(leaked).toContain("xai-");
  });
});

describe("a secret that nobody knew before it was made in a rotation is caught", () => {
  const name = "LLM_API_KEY as it was written";
  const ways: readonly (readonly [string, (minted: string) => unknown])[] = [
    ["the log", (minted) => log(`handed out: ${minted}`)],
    ["the arguments of true", (minted) => execute("true", [`--key=${minted}`])],
    ["the command HMSET to Redis", (minted) => inJob({ secret: minted })],
    ["the table kept", (minted) => keep("jsonb", JSON.stringify({ notes: minted }))],
    ["the table kept", (minted) => keep("bytea", Buffer.from(`not sealed: ${minted}`))],
    ["the file log.md", (minted) => inLogFile(minted)],
    ["the call sendMessage to Telegram", (minted) => inChat(minted)],
  ];

  test.each(ways)("in %s, after it was handed out", async (sink, leak) => {
    const minted = randomBytes(24).toString("base64url");
    await handOut(minted);
    await leak(minted);
    let heard = "";
    await expect
      .poll(() => (heard += `${told()}\n`), { timeout: 5_000 })
      .toContain(`${name} is in ${sink}`);
  });

  test.each(ways)("in %s, before it was handed out", async (sink, leak) => {
    const minted = randomBytes(24).toString("base64url");
    await leak(minted);
    // What is watched from afar comes to be seen a moment later.
    await new Promise((resolve) => setTimeout(resolve, 200));
    await handOut(minted);
    expect(told()).toContain(`${name} is in ${sink}`);
  });

  test("and sealed it is let through, in a row as it is kept while a rotation lasts", async () => {
    const minted = randomBytes(24).toString("base64url");
    await handOut(minted);
    const seal = createSeal(new Secret(randomBytes(32).toString("base64")));
    await keep("bytea", seal.close(minted, "secret_rotation:1:new"));
    expect(told()).toBe("nothing has leaked");
  });

  /** As a rotation does it: by Coolify's API, where the world hears of it. */
  async function handOut(minted: string): Promise<void> {
    const { SANDBOX_COOLIFY_URL: url, SANDBOX_COOLIFY_WRITE_TOKEN: token } = world.environment;
    const answer = await fetch(`${url}/api/v1/applications/${ids.worker}/envs`, {
      method: "PATCH",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ key: "LLM_API_KEY", value: minted, is_preview: false }),
    });
    expect(answer.status).toBe(201);
  }

  async function inLogFile(minted: string): Promise<void> {
    await using folder = await temporaryDirectory("canaries");
    await writeFile(join(folder.path, "log.md"), `## #1\nnew: ${minted}\n`);
    await searchTemporaryFolders();
  }

  /** At its end a world's chats and calls are searched. */
  async function inChat(minted: string): Promise<void> {
    await using other = await startWorld();
    const { botToken } = other.namedSecrets;
    await fetch(`${other.telegram.url}/bot${botToken}/sendMessage`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ chat_id: other.telegram.chatId, text: `it is ${minted}` }),
    });
  }
});

test("a world and its bots hold fifty secrets, each of them another", () => {
  const all = [...world.secrets, ...Object.values(environmentCanaries)];
  expect(all.length).toBeGreaterThanOrEqual(50);
  expect(new Set(all).size).toBe(all.length);
});

test("a bot as a child has the canaries in its environment, its programs are seen, and nothing comes out", async () => {
  await using database = await createTestDatabase();
  {
    await using bot = await spawnBot({
      environment: {
        ...world.environment,
        OWN_DATABASE: database.url,
        OWN_REDIS: inject("redisUrl"),
      },
      more: `database: \${env:OWN_DATABASE}\nredis: \${env:OWN_REDIS}\n${FAST_ENGINE}`,
    });
    await expect.poll(() => bot.log(), { timeout: 20_000 }).toContain('"ready"');
    const { messageId } = world
      .as("operator")
      .say("/preflight pg-dump-is-not-older-than-the-server");
    await world.telegram.waitFor(
      ({ messages }) =>
        messages().find(({ replyTo, text }) => replyTo?.id === messageId && /GO/.test(text)),
      { timeoutMs: 20_000 },
    );
    expect(bot.programs()).toContain("--version");
  }
  expect(told()).toBe("nothing has leaked");
});

function log(text: string): void {
  createLogger(
    () => undefined,
    (line) => line,
  ).info({}, text);
}

async function keep(type: "jsonb" | "bytea", value: unknown): Promise<void> {
  await using database = await createTestDatabase();
  await query(database.url, `create table kept (value ${type})`);
  await query(database.url, "insert into kept values ($1)", [value]);
}

async function inJob(payload: object): Promise<void> {
  const redis = new Redis(inject("redisUrl"), { maxRetriesPerRequest: null });
  const queue = new Queue("leaks", { connection: redis, prefix: createTestRedisPrefix() });
  await queue.add("job", payload);
  await queue.obliterate({ force: true });
  await queue.close();
  redis.disconnect();
}
