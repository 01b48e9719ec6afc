import { expect, test } from "vitest";

import { createMetrics, type Snapshot } from "./metrics.ts";
import type { Readings } from "./storage/readings.ts";

const NOW = new Date("2026-11-23T03:04:05Z");
const readings: Readings = {
  now: NOW,
  inboxWaiting: 2,
  outboxWaiting: 3,
  outboxWaitingSince: new Date(NOW.getTime() - 90_000),
  callsWaiting: 1,
  callsFailed: 4,
  logs: [
    {
      log: "production",
      entries: 12,
      unrendered: 2,
      behindSince: new Date(NOW.getTime() - 7_000),
      trouble: "cannot-write",
    },
  ],
  runs: [{ target: "production", operation: "preflight", outcome: "GO", count: 5 }],
  alerts: [{ target: "production", severity: "page", state: "firing", count: 1 }],
};
const snapshot: Snapshot = {
  upForSeconds: 60,
  heapBytes: 1_000_000,
  loopLagSeconds: { mean: 0.01, p99: 0.02, max: 0.03 },
  isLeader: true,
  readings,
  queue: { waiting: 1, active: 2 },
};

/** The samples of an exposition; a line that is none fails. */
function parsed(text: string): ReadonlyMap<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || /^# (?:HELP|TYPE) flightdeck_\w+ .+$/.test(line)) continue;
    const match = /^(flightdeck_\w+(?:\{(?:\w+="[^"\\]*",?)+\})?) (-?\d\S*)$/.exec(line);
    if (!match) throw new Error(`No sample: ${line}`);
    samples.set(match[1] ?? "", Number(match[2]));
  }
  return samples;
}

const exposed = async (now: Snapshot, metrics = createMetrics()) =>
  parsed((await metrics.expose(now)).text);

test("what is known stands under the names and units of Prometheus", async () => {
  const metrics = createMetrics();
  metrics.telegramCall("sendMessage", "ok");
  metrics.telegramCall("sendMessage", "slow-down");
  metrics.wordHeard(1_500);
  const samples = await exposed(snapshot, metrics);
  expect(Object.fromEntries(samples)).toMatchObject({
    'flightdeck_telegram_calls_total{method="sendMessage",outcome="ok"}': 1,
    'flightdeck_telegram_calls_total{method="sendMessage",outcome="slow-down"}': 1,
    'flightdeck_alert_dwell_seconds_bucket{le="1"}': 0,
    'flightdeck_alert_dwell_seconds_bucket{le="2"}': 1,
    flightdeck_alert_dwell_seconds_sum: 1.5,
    flightdeck_leader: 1,
    'flightdeck_store_up{store="postgres"}': 1,
    'flightdeck_store_up{store="redis"}': 1,
    flightdeck_inbox_waiting: 2,
    flightdeck_outbox_waiting: 3,
    flightdeck_outbox_oldest_unsent_seconds: 90,
    'flightdeck_calls{state="failed"}': 4,
    'flightdeck_queue_jobs{state="active"}': 2,
    'flightdeck_event_loop_lag_seconds{quantile="0.99"}': 0.02,
    'flightdeck_evidence_entries{log="production"}': 12,
    'flightdeck_evidence_unrendered{log="production"}': 2,
    'flightdeck_evidence_lag_seconds{log="production"}': 7,
    'flightdeck_evidence_file_in_trouble{log="production"}': 1,
    'flightdeck_runs_total{target="production",operation="preflight",outcome="GO"}': 5,
    'flightdeck_alerts{target="production",severity="page",state="firing"}': 1,
  });
});

test("runs that the database counts are not counted again at every question", async () => {
  const metrics = createMetrics();
  await metrics.expose(snapshot);
  const samples = await exposed(snapshot, metrics);
  const name = 'flightdeck_runs_total{target="production",operation="preflight",outcome="GO"}';
  expect(samples.get(name)).toBe(5);
});

test("an alert that is over is not shown any more", async () => {
  const metrics = createMetrics();
  await metrics.expose(snapshot);
  const samples = await exposed({ ...snapshot, readings: { ...readings, alerts: [] } }, metrics);
  expect([...samples.keys()].filter((name) => name.startsWith("flightdeck_alerts"))).toEqual([]);
});

test("what cannot be found out is not shown: an old number would pass for a new one", async () => {
  const metrics = createMetrics();
  await metrics.expose(snapshot);
  const samples = await exposed({ ...snapshot, readings: undefined, queue: undefined }, metrics);
  expect(samples.get('flightdeck_store_up{store="postgres"}')).toBe(0);
  expect(samples.get('flightdeck_store_up{store="redis"}')).toBe(0);
  const names = [...samples.keys()].join("\n");
  for (const silent of ["inbox", "outbox", "evidence", "alerts", "calls{", "queue_jobs"]) {
    expect(names).not.toContain(`flightdeck_${silent}`);
  }
});

test("two in one process do not meet", async () => {
  createMetrics().telegramCall("getMe", "ok");
  const samples = await exposed(snapshot);
  expect([...samples.keys()].some((name) => name.includes("telegram_calls"))).toBe(false);
});
