import { randomBytes } from "node:crypto";

import { Pool } from "undici";

import { startTelegram } from "../sandbox/telegram/server.ts";
import { pause } from "../src/core/waiting.ts";
import { startBareProcess } from "./bare-process.ts";
import type { Bench, Round } from "./bench.ts";
import { freePort } from "./free-port.ts";
import { openInstallation } from "./installation.ts";
import type { NodeProcess } from "./node-process.ts";

/** As many connections as Telegram opens to a webhook unless it is told otherwise. */
const CONNECTIONS = 40;
const UPDATES = 2_000;
const WARM_UP_UPDATES = 400;
const START_TIMEOUT_MS = 60_000;
const BARE_TOKEN = "7000000002:a-bot-that-is-brought-its-updates-and-keeps";
const OPERATOR = 1_002;

export const webhookIntake: Bench = {
  name: "webhook-intake",
  summary: "updates a second that are stored for good, beside a bare webhook that stores nothing",
  usualRounds: 5,
  async measure({ rounds, signal }) {
    await using opened = new AsyncDisposableStack();
    const secret = randomBytes(24).toString("hex");
    const [ourPort, barePort] = [await freePort(), await freePort()];
    const installation = opened.use(
      await openInstallation({
        signal,
        webhook: {
          url: `http://127.0.0.1:${ourPort}/`,
          secret: "${env:WEBHOOK_SECRET}",
          listen: `127.0.0.1:${ourPort}`,
        },
      }),
    );
    const bareTelegram = opened.use(await startTelegram({ botToken: BARE_TOKEN }));
    const flightdeck = opened.use(await installation.start({ WEBHOOK_SECRET: secret }));
    const bare = opened.use(
      await startBareProcess({
        script: "bench/bare-webhook.ts",
        botToken: BARE_TOKEN,
        telegramUrl: bareTelegram.url,
        webhook: { port: barePort, secret },
        signal,
      }),
    );
    const { chatId } = installation.world.telegram;
    const sideAt = (port: number, bot: NodeProcess): Side => {
      const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS });
      opened.defer(async () => pool.destroy());
      return { pool, bot, secret, chatId };
    };
    const ours = sideAt(ourPort, flightdeck);
    const beside = sideAt(barePort, bare);

    for (const side of [ours, beside]) {
      await isReady(side);
      await bring(side, WARM_UP_UPDATES);
    }
    const measured: Round[] = [];
    for (let round = 0; round < rounds; round += 1) {
      measured.push({ ours: await bring(ours, UPDATES), beside: await bring(beside, UPDATES) });
    }
    return [
      {
        what: `updates a second through ${CONNECTIONS} connections, each stored before its answer`,
        unit: "/s",
        besideName: "a bare grammY webhook, nothing stored",
        rounds: measured,
        goal: { of: "ratio", atLeast: 0.5 },
      },
    ];
  },
};

type Side = {
  readonly pool: Pool;
  readonly bot: NodeProcess;
  readonly secret: string;
  readonly chatId: number;
};

let lastUpdate = 900_000_000;

/** A tap on a button that nobody knows: let in and stored like any other, and soon dealt with. */
async function post({ pool, secret, chatId }: Side): Promise<number> {
  lastUpdate += 1;
  const { statusCode, body } = await pool.request({
    method: "POST",
    path: "/",
    headers: {
      "content-type": "application/json",
      "x-telegram-bot-api-secret-token": secret,
    },
    body: JSON.stringify({
      update_id: lastUpdate,
      callback_query: {
        id: String(lastUpdate),
        from: { id: OPERATOR, is_bot: false, first_name: "Otto" },
        chat_instance: "1",
        data: "nobody knows this button",
        message: {
          message_id: 1,
          date: 1_795_000_000,
          chat: { id: chatId, type: "supergroup", title: "ops" },
          text: "a card",
        },
      },
    }),
  });
  await body.dump();
  return statusCode;
}

async function isReady(side: Side): Promise<void> {
  const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
  for (;;) {
    const status = await side.bot.during(post(side).catch(() => 0));
    if (status === 200) return;
    if (deadline.aborted) throw new Error(`The webhook answers ${status}.`);
    await pause(100, deadline);
  }
}

/** How many a second are answered when as many as the connections bear are under way all the time. */
async function bring(side: Side, updates: number): Promise<number> {
  const startedAtMs = performance.now();
  let left = updates;
  const connection = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const status = await post(side);
      if (status !== 200) throw new Error(`An update was answered by ${status}.`);
    }
  };
  await side.bot.during(Promise.all(Array.from({ length: CONNECTIONS }, connection)));
  return updates / ((performance.now() - startedAtMs) / 1_000);
}
