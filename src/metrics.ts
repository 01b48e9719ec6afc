import { Counter, Gauge, Histogram, Registry } from "prom-client";

import type { Readings } from "./storage/readings.ts";

/** What is known at the moment of the question; what could not be found out is undefined, and then not shown. */
export type Snapshot = {
  readonly upForSeconds: number;
  readonly heapBytes: number;
  readonly loopLagSeconds: { readonly mean: number; readonly p99: number; readonly max: number };
  readonly isLeader: boolean;
  readonly readings: Readings | undefined;
  readonly queue: Readonly<Record<string, number>> | undefined;
};

export type Metrics = {
  telegramCall(method: string, outcome: string): void;
  /** A word that should sound was this long on its way from its decision into the chat. */
  wordHeard(dwellMs: number): void;
  expose(now: Snapshot): Promise<{ readonly contentType: string; readonly text: string }>;
};

/** The goal is two seconds; what is beyond an hour is an outage, whatever its length. */
const DWELL_BUCKETS_SECONDS = [0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];

/** Metrics of one process, in a registry of their own: two in one process must not meet. */
export function createMetrics(): Metrics {
  const register = new Registry();
  const registers = [register];
  const gauge = (name: string, help: string, labelNames: string[] = []): Gauge =>
    new Gauge({ name: `flightdeck_${name}`, help, labelNames, registers });

  const calls = new Counter({
    name: "flightdeck_telegram_calls_total",
    help: "Calls to Telegram by how they ended: ok, slow-down, refused, moved or in-doubt.",
    labelNames: ["method", "outcome"],
    registers,
  });
  const dwell = new Histogram({
    name: "flightdeck_alert_dwell_seconds",
    help: "From the decision that something must sound until it was in the chat.",
    buckets: DWELL_BUCKETS_SECONDS,
    registers,
  });
  const runs = new Counter({
    name: "flightdeck_runs_total",
    help: "Runs that ended, by operation and outcome.",
    labelNames: ["target", "operation", "outcome"],
    registers,
  });
  const uptime = gauge("uptime_seconds", "How long this process has been up.");
  const heap = gauge("heap_used_bytes", "Memory that our own values take.");
  const lag = gauge("event_loop_lag_seconds", "Delay of the event loop.", ["quantile"]);
  const leader = gauge("leader", "1 in the process that leads.");
  const reachable = gauge("store_up", "1 when the store answered for this answer.", ["store"]);
  const inbox = gauge("inbox_waiting", "Updates that are not handled yet.");
  const outbox = gauge("outbox_waiting", "Messages that are behind what they should say.");
  const unsent = gauge("outbox_oldest_unsent_seconds", "Age of the oldest message never sent.");
  const jobs = gauge("queue_jobs", "Jobs of BullMQ by state.", ["state"]);
  const called = gauge("calls", "Calls over the second path, by state.", ["state"]);
  const entries = gauge("evidence_entries", "Entries of an evidence log.", ["log"]);
  const unrendered = gauge("evidence_unrendered", "Entries that its file lacks.", ["log"]);
  const behind = gauge("evidence_lag_seconds", "Age of the first entry that it lacks.", ["log"]);
  const trouble = gauge("evidence_file_in_trouble", "1 when it cannot be written.", ["log"]);
  const alerts = gauge("alerts", "Alerts that are not over.", ["target", "severity", "state"]);
  const plain = [inbox, outbox, unsent];
  const labelled = [called, entries, unrendered, behind, trouble, alerts, jobs];

  const show = (readings: Readings): void => {
    const ageSeconds = (since: Date | undefined): number =>
      since === undefined ? 0 : Math.max(0, (readings.now.getTime() - since.getTime()) / 1_000);
    inbox.set(readings.inboxWaiting);
    outbox.set(readings.outboxWaiting);
    unsent.set(ageSeconds(readings.outboxWaitingSince));
    called.set({ state: "waiting" }, readings.callsWaiting);
    called.set({ state: "failed" }, readings.callsFailed);
    for (const { log, ...file } of readings.logs) {
      entries.set({ log }, file.entries);
      unrendered.set({ log }, file.unrendered);
      behind.set({ log }, ageSeconds(file.behindSince));
      trouble.set({ log }, file.trouble === undefined ? 0 : 1);
    }
    // Counted in the database, where it survives a restart; here it only takes the form of a counter.
    runs.reset();
    for (const { count, ...labels } of readings.runs) runs.inc(labels, count);
    for (const { count, ...labels } of readings.alerts) alerts.set(labels, count);
  };

  return {
    telegramCall: (method, outcome) => calls.inc({ method, outcome }),
    wordHeard: (dwellMs) => dwell.observe(dwellMs / 1_000),
    async expose({ readings, queue, ...now }) {
      uptime.set(now.upForSeconds);
      heap.set(now.heapBytes);
      leader.set(now.isLeader ? 1 : 0);
      lag.set({ quantile: "mean" }, now.loopLagSeconds.mean);
      lag.set({ quantile: "0.99" }, now.loopLagSeconds.p99);
      lag.set({ quantile: "1" }, now.loopLagSeconds.max);
      // What is not known is not shown: an old number would pass for a new one.
      for (const stale of labelled) stale.reset();
      for (const stale of plain) stale.remove();
      if (readings) show(readings);
      for (const [state, count] of Object.entries(queue ?? {})) jobs.set({ state }, count);
      reachable.set({ store: "postgres" }, readings ? 1 : 0);
      reachable.set({ store: "redis" }, queue ? 1 : 0);
      return { contentType: register.contentType, text: await register.metrics() };
    },
  };
}
