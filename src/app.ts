import { randomUUID } from "node:crypto";

import { chartPicture } from "./bot/chart-picture.ts";
import { leaveForeignChat } from "./bot/foreign-chat.ts";
import type { GateRules } from "./bot/gate.ts";
import type { Door } from "./bot/http.ts";
import { ownUsername } from "./bot/introduction.ts";
import { keepMenus } from "./bot/menus.ts";
import { pollUpdates } from "./bot/polling.ts";
import { createRefusalTally } from "./bot/refusal-tally.ts";
import { keepRoundups } from "./bot/roundup.ts";
import { routeInbox } from "./bot/router.ts";
import { sayNow } from "./bot/say-now.ts";
import { sendDue } from "./bot/sender.ts";
import { askTelegram, observeCalls } from "./bot/telegram-calls.ts";
import { createTelegram } from "./bot/telegram.ts";
import { keepWebhook } from "./bot/webhook-registration.ts";
import { outlastWebhook } from "./bot/webhook-removal.ts";
import { performScheduled, scheduledTargets } from "./commands/scheduled-command.ts";
import type { ServedTarget } from "./commands/served-target.ts";
import { plainCard, type Card } from "./core/card.ts";
import type { Secret } from "./core/secret.ts";
import { createBell, together } from "./core/waiting.ts";
import { openFlightdeck, type Flightdeck, type Parts } from "./flightdeck.ts";
import { createAlertDesk } from "./jobs/alert-desk.ts";
import { createAlertNews } from "./jobs/alert-news.ts";
import { makeCalls } from "./jobs/calling.ts";
import { closeChecklists } from "./jobs/checklist-closing.ts";
import { watchDeliveries } from "./jobs/delivery-watch.ts";
import { keepEscalating } from "./jobs/escalating.ts";
import type { HeartbeatSettings } from "./jobs/heartbeat-settings.ts";
import { fullLoop, keepHeartbeat, type HeartbeatParts, type ProofParts } from "./jobs/heartbeat.ts";
import { keepHouse } from "./jobs/housekeeping.ts";
import { watchAlone, type SayNow } from "./jobs/lone-watch.ts";
import type { TakenLook } from "./jobs/look-desk.ts";
import { createRedisCheck } from "./jobs/own-checks.ts";
import { startQueue } from "./jobs/queue.ts";
import { reconcile } from "./jobs/reconciler.ts";
import { keepSchedules } from "./jobs/scheduling.ts";
import { keepSilences } from "./jobs/silence-ends.ts";
import { watch, type WatchedTarget } from "./jobs/watch.ts";
import { ownRedis } from "./own-servers.ts";
import { forgetAlerts } from "./storage/alert.ts";
import { forgetCalls } from "./storage/call.ts";
import { moveChat } from "./storage/chat-move.ts";
import { EVIDENCE_CHANNEL } from "./storage/evidence.ts";
import { createInbox, INBOX_CHANNEL } from "./storage/inbox.ts";
import { startLeadership, type Duties } from "./storage/leadership.ts";
import { answer, forgetSent, OUTBOX_CHANNEL } from "./storage/outbox.ts";
import { forgetRoundups } from "./storage/roundup.ts";
import type { Run } from "./storage/run.ts";
import { forgetSamples } from "./storage/sample.ts";
import { forgetSlots } from "./storage/schedule.ts";
import { keptSealKey } from "./storage/seal-key.ts";
import { createSeal } from "./storage/seal.ts";
import { pingHeartbeat } from "./systems/heartbeat.ts";
import { createRedis } from "./systems/redis.ts";
/** A running Flightdeck: bot, engine and duties. Disposing of it stops taking in, then working, then storing. */
export type App = AsyncDisposable & {
  readonly flightdeck: Flightdeck;
  /** What the gate turned away since the start. */
  readonly refusals: () => Readonly<Record<string, number>>;
  /** Says something in the chat of every target. */
  announce(card: Card): Promise<void>;
};

/** Starts everything in the order in which it depends on one another; closing runs backwards. */
export async function startApp(parts: Parts): Promise<App> {
  const { logger } = parts;
  await using starting = new AsyncDisposableStack();
  const flightdeck = starting.use(await openFlightdeck(parts, "start"));
  const { database, dataFolder, engine, commands, targets, draw, scrub } = flightdeck;
  const { report: onError } = flightdeck;
  const { telegram, engine: timing, ...settings } = parts.config.settings;

  const logs = flightdeck.logs.map((log) => ({ log, bell: createBell() }));
  for (const { log } of logs) {
    await log.checkKeys();
    await log.checkFile();
  }
  // What is still recorded while the queue closes is vouched for too.
  starting.defer(async () => signLogs(flightdeck));

  const redisUrl =
    settings.redis ?? (await ownRedis({ dataFolder, signal: parts.signal, opening: starting }));
  const queue = starting.use(
    startQueue({
      url: redisUrl,
      prefix: `flightdeck-${settings.target}`,
      concurrency: timing.concurrency,
      execute: engine.execute,
      onError,
    }),
  );
  const dispatch = (run: Run, now: Date): void => {
    // Without Redis the reconciler sees to it.
    queue.add(run, now).catch((error: unknown) => onError(error, "waking the queue"));
  };

  const api = createTelegram(telegram);
  // Loaded only by those whom somebody asks.
  const metrics = settings.http && (await import("./metrics.ts")).createMetrics();
  const calls = observeCalls(api, (method, outcome) => metrics?.telegramCall(method, outcome));
  const sealKey = settings.sealKey ?? (await keptSealKey(dataFolder));
  const botId = botIdOf(telegram.token);
  const inbox = createInbox(botId, createSeal(sealKey));
  const inboxBell = createBell();
  const outboxBell = createBell();
  const tally = createRefusalTally((refused) => logger.info({ refused }, "turned away"));

  const shared = { api, database, onError };
  const onMoved = async (fromChatId: number, toChatId: number): Promise<void> => {
    const isNews = await database.transaction(async (tx, now) => {
      if (!(await moveChat(tx, now, fromChatId, toChatId))) return false;
      const place = { chatId: toChatId, topicId: undefined, replyTo: undefined };
      await answer(tx, now, `notice:moved:${toChatId}`, place, movedCard(toChatId));
      return true;
    });
    if (isNews) parts.startAfresh?.();
  };
  const onForeignChat = (chatId: number): void => {
    leaveForeignChat(shared, chatId).catch((error: unknown) =>
      onError(error, `leaving the chat ${chatId}`),
    );
  };
  const intake = { database, inbox, tally, onMoved, onForeignChat };
  const { webhook } = telegram;

  const { caller, origin } = flightdeck;
  const [first, ...others] = flightdeck.watched;
  const ownChecks = [createRedisCheck(createRedis(), redisUrl)];
  const watched = [{ ...first, ownChecks }, ...others];
  const scenes = new Map(watched.map(({ target, scene }) => [target, scene]));
  const tell = createAlertNews({ scenes, caller, origin });
  const desk = createAlertDesk({ targets: watched, tell });
  const watching = {
    targets: watched,
    concurrency: settings.watch.concurrency,
    keep: async (looks: readonly TakenLook[]) =>
      database.transaction(async (tx, now) => desk.decide(tx, now, looks)),
  };

  const heartbeat =
    settings.heartbeat &&
    heartbeatOf(settings.heartbeat, flightdeck, {
      database,
      instance: parts.instance,
      askRedis: queue.depth,
      askTelegram: async (signal) => askTelegram(api, calls, signal),
      watched: settings.watch.enabled ? watched.map(mostFrequentLook) : [],
    });

  const alone = async (until: AbortSignal): Promise<void> => {
    if (!settings.watch.enabled) return;
    const say: SayNow = async (target, { place, rosterAt }, { once, what, isOver }) => {
      const now = new Date();
      const fired = {
        about: once,
        kind: "fired",
        severity: "page",
        people: rosterAt(now),
      } as const;
      const card = plainCard(`${isOver ? "✅" : "🔴"} ${target} · ${what}`);
      await Promise.all([
        // The end can wait until somebody reads the chat; only what begins is worth a call.
        isOver ? undefined : caller.callNow({ once, target, what, ...fired }, now, until),
        sayNow({ api, scrub }, place, card).catch((error: unknown) =>
          onError(error, "saying something without a database"),
        ),
      ]);
    };
    await watchAlone({ ...watching, standing: desk.standing, say }, until);
  };

  const duties: Duties = async (signal, notified) => {
    notified(OUTBOX_CHANNEL, outboxBell.ring);
    notified(INBOX_CHANNEL, inboxBell.ring);
    notified(EVIDENCE_CHANNEL, () => logs.forEach(({ bell }) => bell.ring()));
    const fetchUpdates = async (until: AbortSignal): Promise<void> => {
      const botUsername = await ownUsername(api, onError, until);
      if (botUsername === undefined) return;
      const rules = gateRules(targets, botUsername);
      const outlast = async (then: AbortSignal): Promise<void> =>
        outlastWebhook({ ...shared, botId }, then);
      await pollUpdates({ ...shared, ...intake, rules, outlastWebhook: outlast }, until);
    };
    const routing = {
      inbox,
      bell: inboxBell,
      outboxBell,
      commands,
      targets,
      engine,
      dispatch,
      tally,
    };
    const groupPerMinute = telegram.messagesPerMinute;
    const sending = { scrub, bell: outboxBell, groupPerMinute, draw, paint: chartPicture, onMoved };
    const scheduling = {
      targets: scheduledTargets(targets),
      perform: performScheduled.bind(undefined, { commands, targets, engine }),
      engine,
      dispatch,
      everyMs: timing.schedule,
    };
    const chores = [
      inbox.forget,
      forgetSamples,
      forgetSent,
      forgetRoundups,
      forgetSlots,
      forgetCalls,
      forgetAlerts,
    ];
    const { secondPath } = flightdeck;
    const calling = { caller, target: settings.target, onCall: targets[0].context.rosterAt };
    await together(signal, [
      async (until) =>
        webhook ? keepWebhook({ ...shared, botId, webhook }, until) : fetchUpdates(until),
      async (until) => routeInbox({ ...shared, ...routing }, until),
      async (until) => sendDue({ ...shared, ...sending }, until),
      async (until) => keepRoundups(shared, until),
      async (until) => reconcile({ ...shared, queue, engine, settings: timing }, until),
      async (until) => keepSchedules({ ...shared, ...scheduling }, until),
      async (until) => closeChecklists({ ...shared, ...scheduling }, until),
      async (until) => keepHouse(database, chores, onError, until),
      async (until) => keepMenus({ api, commands, targets, onError }, until),
      async (until) =>
        keepEscalating({ ...shared, caller, scenes, isAddressed: targets.length > 1 }, until),
      async (until) => keepSilences({ ...shared, scenes, origin }, until),
      async (until) => makeCalls({ ...shared, paths: secondPath }, until),
      async (until) =>
        secondPath.length > 0 ? watchDeliveries({ ...shared, ...calling }, until) : undefined,
      async (until) => (heartbeat ? keepHeartbeat({ ...heartbeat, onError }, until) : undefined),
      ...logs.map(
        ({ log, bell }) =>
          async (until: AbortSignal): Promise<void> =>
            together(until, [log.keepCheckpoints, async (then) => log.keepFile(bell, then)]),
      ),
      async (until) =>
        settings.watch.enabled ? watch({ ...shared, ...watching }, until) : undefined,
    ]);
  };
  let isLeader = false;
  starting.use(
    startLeadership({
      url: flightdeck.databaseUrl,
      channels: [OUTBOX_CHANNEL, INBOX_CHANNEL, EVIDENCE_CHANNEL],
      leaseMs: timing.lease,
      duties,
      alone,
      onChange: (leads, error) => {
        isLeader = leads;
        logger.info({ leads, err: error }, "leadership");
      },
    }),
  );

  const doors: Door[] = [];
  if (settings.http && metrics) {
    const { openHealth } = await import("./health.ts");
    const asked = { http: settings.http, metrics, telegram: calls, fetches: webhook === undefined };
    const health = openHealth({ ...shared, ...asked, queue, isLeader: () => isLeader });
    doors.push(starting.use(health).door);
  }
  if (webhook) {
    const rulesFor = (botUsername: string): GateRules => gateRules(targets, botUsername);
    const { openWebhook } = await import("./bot/webhook.ts");
    const opened = openWebhook({ ...shared, ...intake, webhook, rulesFor, onHeard: calls.brought });
    doors.push(starting.use(opened).door);
  }
  if (doors.length > 0) {
    // Loaded only by those who listen: it brings an HTTP server along.
    const { startDoors } = await import("./bot/http.ts");
    starting.use(await startDoors(doors));
  }

  const started = starting.move();
  return {
    flightdeck,
    refusals: tally.counts,
    announce: async (card) =>
      database.transaction(async (tx, now) => {
        for (const { context, chatId, topicId } of targets) {
          const subject = `notice:${context.target}:${randomUUID()}`;
          await answer(tx, now, subject, { chatId, topicId, replyTo: undefined }, card);
        }
      }),
    [Symbol.asyncDispose]: async () => started.disposeAsync(),
  };
}

async function signLogs({ logs, report }: Flightdeck): Promise<void> {
  for (const log of logs) {
    await log
      .finish()
      .catch((error: unknown) => report(error, `signing the log of ${log.target} at the end`));
  }
}

function heartbeatOf(
  { url, every: everyMs }: HeartbeatSettings,
  { http }: Flightdeck,
  proofs: ProofParts,
): Omit<HeartbeatParts, "onError"> {
  const ping = async (signal: AbortSignal): Promise<void> => pingHeartbeat(http, url, signal);
  return { everyMs, ping, proofs: fullLoop(proofs) };
}

/** A target is looked at as often as its most frequent check. */
function mostFrequentLook({ target, checks }: WatchedTarget) {
  return { target, everyMs: Math.min(...checks.map((check) => check.everyMs)) };
}

function movedCard(toChatId: number): Card {
  return plainCard(
    "This group has a new id",
    `It has become a supergroup; Flightdeck follows it to ${toChatId}.`,
    `Put \`chat: ${toChatId}\` into the configuration when you next change it.`,
  );
}

/** The gate hears the chats of all targets and the people who are somebody to any of them. */
function gateRules(targets: readonly ServedTarget[], botUsername: string): GateRules {
  return {
    chatIds: new Set(targets.map(({ chatId }) => chatId)),
    operators: targets.flatMap(({ context }) => context.operators),
    botUsername,
  };
}

/** Telegram puts the bot's user id in front of the token's colon. */
function botIdOf(token: Secret): number {
  return Number(token.reveal().split(":")[0]);
}
