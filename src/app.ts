import { announce } from "./bot/announcement.ts";
import { chartPicture } from "./bot/chart-picture.ts";
import { leaveForeignChat } from "./bot/foreign-chat.ts";
import { gateRules } from "./bot/gate-rules.ts";
import { createHandOver } from "./bot/hand-over.ts";
import { createMembership } from "./bot/membership.ts";
import { keepMenus } from "./bot/menus.ts";
import { followChat } from "./bot/moved-chat.ts";
import { pollUpdates } from "./bot/polling.ts";
import { createRefusalTally } from "./bot/refusal-tally.ts";
import { keepRoundups } from "./bot/roundup.ts";
import { routeInbox } from "./bot/router.ts";
import { createSayNow } from "./bot/say-now.ts";
import { sendDue } from "./bot/sender.ts";
import { askTelegram, observeCalls } from "./bot/telegram-calls.ts";
import { createTelegram } from "./bot/telegram.ts";
import { keepWebhook } from "./bot/webhook-registration.ts";
import { performScheduled, scheduledTargets } from "./commands/scheduled-command.ts";
import type { Card } from "./core/card.ts";
import { createBell, together } from "./core/waiting.ts";
import { openDoors } from "./doors.ts";
import { openFlightdeck, type Flightdeck, type Parts } from "./flightdeck.ts";
import { keepQuestions } from "./jobs/approval/approval-desk.ts";
import { closeChecklists } from "./jobs/checklist/checklist-closing.ts";
import { sweepDrills } from "./jobs/drill/drill-workspace.ts";
import { startQueue } from "./jobs/engine/queue.ts";
import { reconcile } from "./jobs/engine/reconciler.ts";
import { keepReviews } from "./jobs/rollback/review-reminders.ts";
import { keepTriggers } from "./jobs/rollback/rollback-triggers.ts";
import { keepHouse } from "./jobs/schedule/housekeeping.ts";
import { keepSchedules } from "./jobs/schedule/scheduling.ts";
import { createAlertDesk } from "./jobs/watch/alert-desk.ts";
import { createAlertNews } from "./jobs/watch/alert-news.ts";
import { makeCalls } from "./jobs/watch/calling.ts";
import { watchDeliveries } from "./jobs/watch/delivery-watch.ts";
import { keepEscalating } from "./jobs/watch/escalating.ts";
import { fullLoop, keepHeartbeat } from "./jobs/watch/heartbeat.ts";
import { watchAlone } from "./jobs/watch/lone-watch.ts";
import type { TakenLook } from "./jobs/watch/look-desk.ts";
import { createRedisCheck } from "./jobs/watch/own-checks.ts";
import { keepSilences } from "./jobs/watch/silence-ends.ts";
import { watch } from "./jobs/watch/watch.ts";
import { ownRedis } from "./own-servers.ts";
import { forgetAlerts } from "./storage/alert.ts";
import { forgetCalls } from "./storage/call.ts";
import { forgetConversations } from "./storage/conversation.ts";
import { EVIDENCE_CHANNEL } from "./storage/evidence.ts";
import { keptHandOverIdentity } from "./storage/hand-over-key.ts";
import { databaseIdentity } from "./storage/identity.ts";
import { createInbox, INBOX_CHANNEL } from "./storage/inbox.ts";
import { startLeadership } from "./storage/leadership.ts";
import { forgetSent, OUTBOX_CHANNEL } from "./storage/outbox.ts";
import { forgetRoundups } from "./storage/roundup.ts";
import type { Run } from "./storage/run.ts";
import { forgetSamples } from "./storage/sample.ts";
import { forgetSlots } from "./storage/schedule.ts";
import { createSeal } from "./storage/seal.ts";
import { pingHeartbeat } from "./systems/heartbeat.ts";
import { createRedis } from "./systems/redis.ts";
import { botIdOf } from "./systems/telegram-bot.ts";

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
  const { logger, instance } = parts;
  await using starting = new AsyncDisposableStack();
  const flightdeck = starting.use(await openFlightdeck(parts, "start"));
  const { database, dataFolder, engine, commands, targets, draw, scrub, http } = flightdeck;
  const { caller, secondPath, origin, report: onError } = flightdeck;
  const { telegram, engine: timing, ...settings } = parts.config.settings;
  const { webhook } = telegram;

  // Before anything is done it has to be certain that it can be recorded and signed.
  const logs = flightdeck.logs.map((log) => ({ log, bell: createBell() }));
  for (const { log } of logs) {
    await log.checkKeys();
    await log.checkFile();
  }
  // A drill that was killed has left rows of production in clear.
  await sweepDrills(dataFolder).catch((error: unknown) => onError(error, "clearing up a drill"));
  // What is still recorded while the queue closes is vouched for too.
  starting.defer(async () => signLogs(flightdeck));

  const redisUrl =
    settings.redis ?? (await ownRedis({ dataFolder, signal: parts.signal, opening: starting }));
  const queue = starting.use(
    startQueue({
      url: redisUrl,
      prefix: `flightdeck-${await databaseIdentity(database)}`,
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
  const botId = botIdOf(telegram.token);
  const inbox = createInbox(botId, createSeal(await flightdeck.sealKey()));
  const tally = createRefusalTally((refused) => logger.info({ refused }, "turned away"));
  const shared = { api, database, onError };
  const onMoved = async (fromChatId: number, toChatId: number): Promise<void> => {
    if (await followChat(database, fromChatId, toChatId)) parts.startAfresh?.();
  };
  const intake = {
    ...shared,
    botId,
    inbox,
    tally,
    rulesFor: gateRules(targets),
    onMoved,
    onForeignChat: (chatId: number) => void leaveForeignChat(shared, chatId),
  };
  const [inboxBell, outboxBell] = [createBell(), createBell()];
  const giving = { commands, targets, engine };
  const members = createMembership(api);
  const handOver = createHandOver({
    ...shared,
    supplies: flightdeck.supplies,
    identity: async () => keptHandOverIdentity(flightdeck.dataFolder),
  });
  const hearing = { inbox, bell: inboxBell, outboxBell, tally, members, handOver };
  const routing = { ...shared, ...giving, ...hearing, dispatch };
  const sending = {
    ...shared,
    scrub,
    bell: outboxBell,
    groupPerMinute: telegram.messagesPerMinute,
    draw,
    paint: chartPicture,
    onMoved,
  };

  const scheduling = {
    ...shared,
    targets: scheduledTargets(targets),
    perform: performScheduled.bind(undefined, giving),
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
    forgetConversations,
  ];

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
  const say = createSayNow({ api, scrub, caller, onError });
  const escalating = { ...shared, caller, scenes, isAddressed: targets.length > 1 };
  const onCall = targets[0].context.rosterAt;
  const delivering = { ...shared, caller, target: settings.target, onCall };
  const proofs = fullLoop({
    database,
    instance,
    askRedis: queue.depth,
    askTelegram: async (signal) => askTelegram(api, calls, signal),
    watched: settings.watch.enabled ? watched : [],
  });

  const reviewed = targets.map(({ context, chatId, topicId }) => ({
    ...context,
    place: { chatId, topicId, replyTo: undefined },
  }));
  const { heartbeat } = settings;
  const duties: Duty[] = [
    async (until) =>
      webhook ? keepWebhook({ ...shared, botId, webhook }, until) : pollUpdates(intake, until),
    async (until) => routeInbox(routing, until),
    async (until) => sendDue(sending, until),
    async (until) => keepRoundups(shared, until),
    async (until) => reconcile({ ...shared, queue, engine, settings: timing }, until),
    async (until) => keepSchedules(scheduling, until),
    async (until) => closeChecklists(scheduling, until),
    async (until) => keepHouse(database, chores, onError, until),
    async (until) => keepMenus({ ...shared, commands, targets }, until),
    async (until) => keepEscalating(escalating, until),
    async (until) => keepQuestions({ ...shared, questions: engine.questions }, until),
    async (until) =>
      keepTriggers({ ...shared, targets: flightdeck.triggers, engine, dispatch }, until),
    async (until) => keepReviews({ ...shared, targets: reviewed }, until),
    async (until) => keepSilences({ ...shared, scenes, origin }, until),
    async (until) => makeCalls({ ...shared, paths: secondPath }, until),
    ...logs.flatMap(({ log, bell }): Duty[] => [
      log.keepCheckpoints,
      async (until) => log.keepFile(bell, until),
    ]),
  ];
  if (secondPath.length > 0) duties.push(async (until) => watchDeliveries(delivering, until));
  if (settings.watch.enabled)
    duties.push(async (until) => watch({ ...shared, ...watching }, until));
  if (heartbeat) {
    const ping: Duty = async (until) => pingHeartbeat(http, heartbeat.url, until);
    const beating = { everyMs: heartbeat.every, ping, proofs, onError };
    duties.push(async (until) => keepHeartbeat(beating, until));
  }

  let isLeader = false;
  starting.use(
    startLeadership({
      url: flightdeck.databaseUrl,
      channels: [OUTBOX_CHANNEL, INBOX_CHANNEL, EVIDENCE_CHANNEL],
      leaseMs: timing.lease,
      async duties(signal, notified) {
        notified(OUTBOX_CHANNEL, outboxBell.ring);
        notified(INBOX_CHANNEL, inboxBell.ring);
        notified(EVIDENCE_CHANNEL, () => logs.forEach(({ bell }) => bell.ring()));
        await together(signal, duties);
      },
      async alone(until) {
        if (!settings.watch.enabled) return;
        await watchAlone({ ...watching, standing: desk.standing, say }, until);
      },
      onChange: (leads, error) => {
        isLeader = leads;
        logger.info({ leads, err: error }, "leadership");
      },
    }),
  );
  starting.use(
    await openDoors({
      ...intake,
      http: settings.http,
      webhook,
      metrics,
      queue,
      telegram: calls,
      onHeard: calls.brought,
      isLeader: () => isLeader,
    }),
  );

  if (parts.startAfresh) {
    const closing = new AbortController();
    const watched = flightdeck.watchOwnCopies(closing.signal);
    starting.defer(async () => {
      closing.abort();
      await watched;
    });
  }

  const started = starting.move();
  return {
    flightdeck,
    refusals: tally.counts,
    announce: async (card) => announce(database, targets, card),
    [Symbol.asyncDispose]: async () => started.disposeAsync(),
  };
}

/** What the leader does until it is told to stop. */
type Duty = (until: AbortSignal) => Promise<void>;

async function signLogs({ logs, report }: Flightdeck): Promise<void> {
  for (const log of logs) {
    await log
      .finish()
      .catch((error: unknown) => report(error, `signing the log of ${log.target} at the end`));
  }
}
