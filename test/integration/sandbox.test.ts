import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { type BotProcess, startBotProcess } from "../../sandbox/bot-process.ts";
import { type Sandbox, startSandbox } from "../../sandbox/sandbox.ts";

const root = join(import.meta.dirname, "../..");

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sandbox-test-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const script = (code: string) => ({ command: process.execPath, args: ["-e", code] });
const livesOn = "setInterval(() => {}, 1000);";

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("the bot of the sandbox", () => {
  const said: string[] = [];
  let bot: BotProcess | undefined;
  beforeEach(() => {
    said.length = 0;
  });
  afterEach(async () => {
    await bot?.[Symbol.asyncDispose]();
  });
  const start = (code: string, pausesMs: readonly number[] = [10, 20]): BotProcess => {
    bot = startBotProcess({
      ...script(code),
      directory,
      environment: { CANARY: "sings" },
      logFile: join(directory, "bot.log"),
      say: (line) => said.push(line),
      pausesMs,
    });
    return bot;
  };
  const running = async (bot: BotProcess): Promise<void> => {
    await expect.poll(() => bot.pid, { timeout: 5_000 }).toBeGreaterThan(0);
  };

  test("has every line in its log, and only what matters on the terminal", async () => {
    const lines = [
      { level: 30, msg: "the canary $CANARY" },
      { level: 40, msg: "late" },
      { level: 50, msg: "lost", err: { message: "no route" } },
    ].map((entry) => JSON.stringify(entry));
    start(
      `const lines = ${JSON.stringify(lines)};
       for (const line of lines) console.log(line.replace("$CANARY", process.env.CANARY));
       console.error("not a log line");
       ${livesOn}`,
    );
    await expect
      .poll(() => said.toSorted(), { timeout: 5_000 })
      .toEqual(["bot: late", "bot: lost: no route", "bot: not a log line"]);
    await bot![Symbol.asyncDispose]();
    const log = readFileSync(join(directory, "bot.log"), "utf8").trimEnd().split("\n");
    expect(log).toHaveLength(4);
    expect(log).toContain('{"level":30,"msg":"the canary sings"}');
  });

  test("is started again when it was killed, and that is said", async () => {
    const bot = start(livesOn);
    await running(bot);
    const first = bot.pid!;
    bot.kill();
    await expect
      .poll(() => bot.pid !== undefined && bot.pid !== first, { timeout: 5_000 })
      .toBe(true);
    expect(said).toEqual(["The bot ended by SIGKILL; it starts again in 0.01 s."]);
  });

  test("is left alone after its last pause, until somebody restarts it", async () => {
    const bot = start("process.exit(3)");
    await expect.poll(() => bot.state, { timeout: 10_000 }).toBe("given up");
    expect(said.slice(0, 3)).toEqual([
      "The bot ended with exit code 3; it starts again in 0.01 s.",
      "The bot ended with exit code 3; it starts again in 0.02 s.",
      expect.stringMatching(/^The bot ended with exit code 3, 3 times in a row\. It stays down/),
    ]);
    said.length = 0;
    await bot.restart();
    await expect.poll(() => said.length, { timeout: 10_000 }).toBe(4);
  });

  test("is restarted in order, without a word", async () => {
    const bot = start(
      `process.on("SIGTERM", () => process.exit(0)); console.log("{}"); ${livesOn}`,
    );
    await running(bot);
    const first = bot.pid!;
    await bot.restart();
    await expect
      .poll(() => bot.pid !== undefined && bot.pid !== first, { timeout: 5_000 })
      .toBe(true);
    expect(said).toEqual([]);
  });

  test("ends with the sandbox, also while it waits to be started again", async () => {
    const bot = start(livesOn, [60_000]);
    await running(bot);
    const pid = bot.pid!;
    bot.kill();
    await expect.poll(() => bot.state, { timeout: 5_000 }).toBe("waiting");
    await bot[Symbol.asyncDispose]();
    expect([bot.state, isAlive(pid)]).toEqual(["stopped", false]);
  });

  test("says nothing more on the terminal once it is to end, and goes on in its log", async () => {
    const bot = start(
      `process.on("SIGTERM", () => { console.log("broken off"); process.exit(0); }); console.log("up"); ${livesOn}`,
    );
    await expect.poll(() => said, { timeout: 5_000 }).toEqual(["bot: up"]);
    await bot[Symbol.asyncDispose]();
    expect(said).toEqual(["bot: up"]);
    expect(readFileSync(join(directory, "bot.log"), "utf8")).toBe("up\nbroken off\n");
  });

  test("is ended even when the sandbox ends before it has begun", async () => {
    const bot = start(livesOn);
    await bot[Symbol.asyncDispose]();
    expect([bot.state, bot.pid]).toEqual(["stopped", undefined]);
  });

  test("whose program is missing says so, and the sandbox goes on", async () => {
    bot = startBotProcess({
      command: join(directory, "no-such-program"),
      args: [],
      directory,
      environment: {},
      logFile: join(directory, "bot.log"),
      say: (line) => said.push(line),
      pausesMs: [],
    });
    await expect.poll(() => bot!.state, { timeout: 5_000 }).toBe("given up");
    expect(said.join("\n")).toContain("no-such-program");
  });
});

describe("the sandbox", () => {
  const said: string[] = [];
  let sandbox: Sandbox;
  let occupied: ReturnType<typeof createServer>;
  beforeAll(async () => {
    occupied = createServer().listen(0, "127.0.0.1");
    await once(occupied, "listening");
    sandbox = await startSandbox({
      port: (occupied.address() as AddressInfo).port,
      // By their prints, because the values are secrets, and what a bot prints is searched for secrets.
      bot: script(
        `const print = (text) => require("node:crypto").createHash("sha256").update(text).digest("hex");
         const env = Object.entries(process.env).map(([name, value]) => [name, print(value)]);
         console.log(JSON.stringify({ level: 30, env: Object.fromEntries(env) })); ${livesOn}`,
      ),
      directory: root,
      dataDirectory: join(directory, "data"),
      environment: { INHERITED: "yes" },
      say: (line) => said.push(line),
      pausesMs: [10, 10, 10],
    });
  });
  afterAll(async () => {
    await sandbox[Symbol.asyncDispose]();
    occupied.close();
  });
  const post = (path: string, body: object = {}): Promise<Response> =>
    fetch(`${sandbox.url}/api/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });

  test("takes the next free port for its page when the first is taken, and serves it", async () => {
    expect(Number(new URL(sandbox.url).port)).toBeGreaterThan(
      (occupied.address() as AddressInfo).port,
    );
    const page = await fetch(sandbox.url);
    expect([page.status, page.headers.get("content-type")]).toEqual([
      200,
      "text/html; charset=UTF-8",
    ]);
  });

  test("gives the bot the world's names beside what it inherits", async () => {
    const log = join(directory, "data", "bot.log");
    await expect.poll(() => readFileSync(log, "utf8"), { timeout: 5_000 }).toContain("\n");
    const { env } = JSON.parse(readFileSync(log, "utf8").split("\n")[0]!) as {
      env: Record<string, string>;
    };
    const given = Object.entries({ ...sandbox.world.environment, INHERITED: "yes" });
    expect(env).toMatchObject(
      Object.fromEntries(
        given.map(([name, value]) => [name, createHash("sha256").update(value).digest("hex")]),
      ),
    );
  });

  test("breaks and heals by HTTP, and counts effects by HTTP", async () => {
    expect((await post("faults/xai-key-revoked", { on: true })).status).toBe(200);
    expect(sandbox.world.faults().filter((fault) => fault.on)).toMatchObject([
      { name: "xai-key-revoked" },
    ]);
    expect((await post("actions/heal-all")).status).toBe(200);
    expect(sandbox.world.faults().filter((fault) => fault.on)).toEqual([]);
    const effects = await fetch(`${sandbox.url}/api/effects`);
    expect(await effects.json()).toEqual(await sandbox.world.effects());
  });

  test.each([
    ["an unknown fault", "faults/tea-is-cold", { on: true }],
    ["a switch that is neither on nor off", "faults/xai-hangs", { on: "maybe" }],
    ["an unknown action", "actions/dance", {}],
  ])("refuses %s", async (_, path, body) => {
    const response = await post(path, body);
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.status).toBeLessThan(500);
  });

  test("kills and restarts the bot by HTTP", async () => {
    for (const action of ["kill-bot", "restart-bot"]) {
      const { pid } = sandbox.bot;
      expect((await post(`actions/${action}`)).status).toBe(200);
      await expect
        .poll(() => sandbox.bot.pid !== undefined && sandbox.bot.pid !== pid, { timeout: 5_000 })
        .toBe(true);
    }
    expect(said).toEqual(["The bot ended by SIGKILL; it starts again in 0.01 s."]);
  });

  test("takes the bot with it, even when it is killed itself", async () => {
    const options = {
      port: 4_700,
      bot: script(livesOn),
      directory: root,
      dataDirectory: join(directory, "other"),
      environment: {},
    };
    const owner = spawn(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `const { startSandbox } = await import(${JSON.stringify(join(root, "sandbox/sandbox.ts"))});
         const sandbox = await startSandbox({ ...${JSON.stringify(options)}, say: () => {} });
         while (sandbox.bot.pid === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
         console.log(sandbox.bot.pid);`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const [line] = (await once(createInterface({ input: owner.stdout }), "line")) as [string];
    expect(isAlive(Number(line))).toBe(true);
    owner.kill("SIGKILL");
    await once(owner, "exit");
    await expect.poll(() => isAlive(Number(line)), { timeout: 15_000 }).toBe(false);
  });

  test("says what is wrong with a port that is none", () => {
    const { status, stderr } = spawnSync(process.execPath, ["sandbox/main.ts"], {
      cwd: root,
      env: { SANDBOX_PORT: "many" },
      encoding: "utf8",
    });
    expect(status).toBe(2);
    expect(stderr).toBe('SANDBOX_PORT is "many"; expected a port such as 4600.\n');
  });

  test("pushes a release by HTTP", async () => {
    expect((await post("actions/push-good")).status).toBe(200);
    expect(sandbox.world.coolify.state.branchHead).toBe(sandbox.world.releases.good);
    expect(sandbox.world.deployed("api")).toBe(sandbox.world.releases.current);
  });

  test("says what is wrong with an emptiness that is neither", () => {
    const { status, stderr } = spawnSync(process.execPath, ["sandbox/main.ts"], {
      cwd: root,
      env: { SANDBOX_EMPTY: "very" },
      encoding: "utf8",
    });
    expect(status).toBe(2);
    expect(stderr).toBe(
      'SANDBOX_EMPTY is "very"; expected 1 for a production that was never deployed, or 0.\n',
    );
  });

  test("says what is wrong with a revision that the product does not have", () => {
    const { status, stderr } = spawnSync(process.execPath, ["sandbox/main.ts"], {
      cwd: root,
      env: { SANDBOX_REVISION: "C" },
      encoding: "utf8",
    });
    expect(status).toBe(2);
    expect(stderr).toBe(
      'SANDBOX_REVISION is "C"; expected A, which has Todoist, or B, which has work items.\n',
    );
  });
});
