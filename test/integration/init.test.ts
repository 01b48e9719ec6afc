import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { startTelegram, type TelegramServer } from "../../sandbox/telegram/server.ts";
import { startWorld, type World } from "../../sandbox/world.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { talkWith, type Talk } from "../support/init-child.ts";

const TOKEN = `7000000001:${"InitTestToken".padEnd(35, "x")}`;
const PAIR = /\/pair (\w{4}-\w{4})\n/;

describe("from nothing to the first preflight, by what is printed alone", () => {
  const opened = new AsyncDisposableStack();
  let world: World;
  let cwd: string;
  beforeAll(async () => {
    world = opened.use(await startWorld());
    ({ path: cwd } = opened.use(await temporaryDirectory("init")));
  });
  afterAll(async () => {
    await opened.disposeAsync();
  });

  test("a team of three is paired, its bot starts, and answers GO", async () => {
    const token = world.environment["FLIGHTDECK_BOT_TOKEN"] ?? "";
    const topic = world.telegram.openTopic("Alerts");
    await using talk = talkWith(["init", "--api-root", world.telegram.url], { cwd });
    talk.type(token);

    await talk.until(/The token is good; the bot is @flightdeck_sandbox_bot/);
    const [, first = ""] = await talk.until(PAIR);
    world.as("stranger").say("/pair AAAA-BBBB");
    await talk.until(/Sid \(6001\) typed a wrong code in “Ops”: 1 of 5/);
    world.as("approver").say(`/pair ${first}`);
    await talk.until(/Ada \(1003\) typed it in “Ops”, and is the first approver/);
    world.as("approver").say("hello", { topic });
    await talk.until(/✓ send a message\n {2}✓ edit it\n {2}✓ pin it\n {2}✓ be an administrator/);

    const second = await nextCode(talk, [first]);
    world.as("operator").say(`/pair ${second}`);
    await talk.until(/Is Otto \(1002\) a viewer, an operator or an approver\?/);
    talk.type("boss");
    await talk.until(/That is none of viewer, operator, approver/);
    talk.type("operator");
    const third = await nextCode(talk, [first, second]);
    world.as("viewer").say("/start", { chat: "private" });
    world.as("viewer").say(`/pair ${third}`);
    await talk.until(/Is Vera \(1001\) a viewer/);
    talk.type("viewer");
    await nextCode(talk, [first, second, third]);
    talk.type("");

    await talk.until(/✗ write to Otto: .*Otto opens https:\/\/t\.me\/flightdeck_sandbox_bot/);
    await talk.until(/✓ write to Vera/);
    await talk.until(/What should answer 200 on a good day/);
    talk.type(`${world.product.apiUrl}/health/live`);
    expect(await talk.exited).toBe(0);

    const [, check = "", start = ""] =
      /Next:\n\n {2}flightdeck (.*)\n {2}flightdeck (.*)\n/.exec(talk.said()) ?? [];
    await using checked = talkWith(check.split(" "), { cwd });
    expect(await checked.exited).toBe(0);
    expect(checked.said()).toContain("ops/production.yaml is valid: production, 2 checks.");

    // Somebody else on this machine may listen where the file says that it does.
    const written = join(cwd, "ops/production.yaml");
    const text = await readFile(written, "utf8");
    expect(text).toContain("\nhttp: {}\n");
    await writeFile(written, text.replace("http: {}", "http: { listen: 127.0.0.1:0 }"));
    await using bot = talkWith(start.split(" "), { cwd });
    await bot.until(/"started"/);
    world.as("operator").say("/preflight");
    const card = await world.telegram.waitFor(
      () => world.telegram.messages().find((message) => /production · GO/.test(message.text)),
      { timeoutMs: 30_000 },
    );
    expect(card.text).toContain("2 passed");

    const file = await readFile(join(cwd, "ops/production.yaml"), "utf8");
    expect(file).toContain(`# All its topics belong to it; seen were: ${topic}`);
    expect(file).toContain("role: viewer");
    const kept = join(cwd, "data/bot-token");
    expect((await readFile(kept, "utf8")).trim()).toBe(token);
    expect((await stat(kept)).mode & 0o777).toBe(0o600);
    for (const text of [file, talk.said(), bot.said()]) expect(text).not.toContain(token);
    // The group hears of the set-up what its trial of rights says, and nobody is answered.
    const texts = world.telegram.messages().filter(({ from }) => from.isBot);
    expect(texts.map(({ text }) => text)).not.toContainEqual(expect.stringMatching(/pair|code/i));
    expect(world.telegram.violations()).toEqual([]);
  }, 90_000);
});

describe("what is wrong is said once, with what to do", () => {
  let opened: AsyncDisposableStack;
  let telegram: TelegramServer;
  let cwd: string;
  beforeEach(async () => {
    opened = new AsyncDisposableStack();
    telegram = opened.use(await startTelegram({ botToken: TOKEN }));
    ({ path: cwd } = opened.use(await temporaryDirectory("init")));
  });
  afterEach(async () => {
    await opened.disposeAsync();
  });

  const init = (...more: readonly string[]): Talk =>
    opened.use(talkWith(["init", "--api-root", telegram.url, ...more], { cwd }));

  /** Up to the moment at which the first person is paired. */
  async function paired(talk: Talk): Promise<void> {
    talk.type(TOKEN);
    const [, code = ""] = await talk.until(PAIR);
    telegram.as("approver").say(`/pair ${code}`);
    await talk.until(/is the first approver/);
  }

  /** How a set-up that says these words ended, and what it left behind. */
  async function ending(talk: Talk, words: RegExp) {
    const exitCode = await talk.exited;
    const exists = async (path: string): Promise<boolean> =>
      stat(join(cwd, path)).then(
        () => true,
        () => false,
      );
    return {
      exitCode,
      timesSaid: talk.said().match(new RegExp(words, "g"))?.length ?? 0,
      tokenShown: talk.said().includes(TOKEN),
      stackShown: /\n\s+at .*\.ts:\d+/.test(talk.said()),
      written: (await exists("ops/production.yaml")) || (await exists("data/bot-token")),
    };
  }
  const NOTHING_DONE = {
    exitCode: 1,
    timesSaid: 1,
    tokenShown: false,
    stackShown: false,
    written: false,
  };

  test("a wrong token", async () => {
    const talk = init();
    talk.type(`7000000002:${"y".repeat(35)}`);
    expect(await ending(talk, /does not accept this bot token \(401\)/)).toEqual(NOTHING_DONE);
  });

  test("what is no token at all, without repeating it", async () => {
    const talk = init();
    talk.type("correct horse battery staple");
    expect(await ending(talk, /is no token; expected a bot's token/)).toEqual(NOTHING_DONE);
    expect(talk.said()).not.toContain("horse");
  });

  test("standard input that is closed before the token", async () => {
    const talk = init();
    talk.hangUp();
    expect(await ending(talk, /No token came from standard input/)).toEqual(NOTHING_DONE);
  });

  test("a Telegram that cannot be reached", async () => {
    const talk = opened.use(talkWith(["init", "--api-root", "http://127.0.0.1:9"], { cwd }));
    talk.type(TOKEN);
    expect(await ending(talk, /Telegram gave no usable answer/)).toEqual(NOTHING_DONE);
  });

  test("a token that is revoked while it waits", async () => {
    const talk = init();
    talk.type(TOKEN);
    await talk.until(PAIR);
    opened.use(telegram.faults.add({ kind: "revoke" }));
    telegram.as("viewer").say("hello");
    expect(await ending(talk, /does not accept this bot token \(401\)/)).toEqual(NOTHING_DONE);
  });

  test("a second program that fetches the updates", async () => {
    const talk = init();
    talk.type(TOKEN);
    await talk.until(PAIR);
    // As any bot does, it asks again and again; whoever asks last ends the other's request.
    const rival = setInterval(() => {
      fetch(`${telegram.url}/bot${TOKEN}/getUpdates?timeout=0`).catch(() => {});
    }, 300);
    opened.defer(() => clearInterval(rival));
    expect(await ending(talk, /Another program fetches the updates of this bot \(409\)/)).toEqual(
      NOTHING_DONE,
    );
  });

  test("a webhook that is there, unless it is said that it may go", async () => {
    const hook = "http://127.0.0.1:9/secret-path";
    await fetch(`${telegram.url}/bot${TOKEN}/setWebhook?url=${encodeURIComponent(hook)}`);
    const talk = init();
    talk.type(TOKEN);
    expect(
      await ending(talk, /has a webhook already: its updates go to http:\/\/127\.0\.0\.1:9\/…/),
    ).toEqual(NOTHING_DONE);
    expect(talk.said()).not.toContain("secret-path");
    const again = init("--operators", "1", "--delete-webhook");
    await paired(again);
    again.hangUp();
    expect(await again.exited).toBe(0);
  });

  test("a webhook that is set while it waits", async () => {
    const talk = init();
    talk.type(TOKEN);
    await talk.until(PAIR);
    const hook = encodeURIComponent("http://127.0.0.1:9/");
    await fetch(`${telegram.url}/bot${TOKEN}/setWebhook?url=${hook}`);
    expect(await ending(talk, /\(409\)/)).toEqual(NOTHING_DONE);
  });

  test("somebody who guesses", async () => {
    const talk = init();
    talk.type(TOKEN);
    await talk.until(PAIR);
    for (let guess = 0; guess < 5; guess += 1) {
      telegram
        .as("stranger")
        .say(`/pair WRNG-000${guess}`, { chat: guess % 2 ? "group" : "private" });
    }
    expect(await ending(talk, /5 wrong codes were typed/)).toEqual(NOTHING_DONE);
    expect(telegram.calls().filter(({ method }) => method.startsWith("send"))).toEqual([]);
  });

  test("an interruption", async () => {
    const talk = init();
    talk.type(TOKEN);
    await talk.until(PAIR);
    talk.interrupt();
    expect(await ending(talk, /Stopped; nothing was written/)).toEqual(NOTHING_DONE);
  });

  test("a file that exists, before anybody types anything", async () => {
    await mkdir(join(cwd, "ops"));
    await writeFile(join(cwd, "ops/production.yaml"), "mine");
    const talk = init();
    expect(await talk.exited).toBe(1);
    expect(talk.said()).toContain("ops/production.yaml exists and is never overwritten");
    expect(await readFile(join(cwd, "ops/production.yaml"), "utf8")).toBe("mine");
    expect(telegram.calls()).toEqual([]);
  });

  test("a bot that is no administrator: it goes on, and says what to give it", async () => {
    telegram.setBotStatus("member");
    const talk = init("--operators", "1");
    await paired(talk);
    await talk.until(/✗ pin it: .*not enough rights.*Make the bot an administrator/);
    await talk.until(/✗ be an administrator: It is a member/);
    talk.hangUp();
    expect(await talk.exited).toBe(0);
  });

  test("a bot that BotFather lets do more than it needs", async () => {
    opened.use(telegram.profile.change({ can_join_groups: true }));
    const talk = init("--operators", "1");
    await paired(talk);
    talk.hangUp();
    expect(await talk.exited).toBe(0);
    expect(talk.said()).toMatch(/The bot can do more than it needs:\n {2}! .*\/setjoingroups/);
  });

  test("a basic group, which it follows when it becomes a supergroup", async () => {
    const talk = init("--operators", "1");
    talk.type(TOKEN);
    const [, code = ""] = await talk.until(PAIR);
    const from = { id: 1003, is_bot: false, first_name: "Ada" };
    const basic = { chat: { id: -77, type: "group", title: "Ops" }, from, date: unixNow() };
    telegram.deliver({ message: { ...basic, message_id: 1, text: `/pair ${code}` } });
    await talk.until(/“Ops” is a basic group, whose id would change one day/);
    telegram.deliver({ message: { ...basic, message_id: 2, migrate_to_chat_id: telegram.chatId } });
    await talk.until(/is a supergroup now/);
    await talk.until(/Ada \(1003\) typed it/);
    talk.hangUp();
    expect(await talk.exited).toBe(0);
    const file = await readFile(join(cwd, "ops/production.yaml"), "utf8");
    expect(file).toContain(`chat: ${telegram.chatId}`);
  });

  test("nobody at the terminal: each further person gets the least role", async () => {
    const talk = init("--operators", "2", "--health-url", "http://127.0.0.1:9/");
    await paired(talk);
    talk.hangUp();
    const [, , code = ""] = await talk.until(
      /(\/pair [^]*)(?:\/pair (\w{4}-\w{4})\n)(?![^]*\/pair)/,
    );
    telegram.as("operator").say(`/pair ${code}`);
    await talk.until(/Nobody answers at the terminal, so Otto is a viewer/);
    expect(await talk.exited).toBe(0);
  });

  test("a token in a file is referred to where it is, and others who may read it are named", async () => {
    await writeFile(join(cwd, "token"), `${TOKEN}\n`);
    await chmod(join(cwd, "token"), 0o644);
    const talk = init("--operators", "1", "--token-file", "token");
    const [, code = ""] = await talk.until(PAIR);
    telegram.as("approver").say(`/pair ${code}`);
    talk.hangUp();
    expect(await talk.exited).toBe(0);
    expect(talk.said()).toContain("chmod 600 token");
    expect(await readFile(join(cwd, "ops/production.yaml"), "utf8")).toContain(
      "token: ${file:token}\n",
    );
    await expect(stat(join(cwd, "data/bot-token"))).rejects.toThrow("ENOENT");
  });
});

/** The newest code, which is none of those before. */
async function nextCode(talk: Talk, before: readonly string[]): Promise<string> {
  const not = before.join("|");
  const [, code = ""] = await talk.until(new RegExp(`/pair (?!${not})(\\w{4}-\\w{4})\\n`));
  return code;
}

function unixNow(): number {
  return Math.floor(Date.now() / 1_000);
}
