import { expect, test } from "vitest";

import { alertListCard, type AlertListView, type ListedAlert } from "./alert-list-card.ts";
import type { Alert } from "./alert.ts";
import { cardText } from "./card-text.ts";
import { addressedTo } from "./card.ts";

const clock = (time: string): Date => new Date(`2026-11-23T${time}Z`);

const course = {
  since: clock("03:04:05"),
  lookedAt: clock("03:16:00"),
  trouble: { kind: "down", seen: "status should be 200, is 503" },
  goodSince: undefined,
  relapses: 0,
  behind: undefined,
} as const;
const fired = { firedAt: clock("03:09:05"), toldAt: clock("03:09:05"), owesWord: false };
const firing: Alert = { ...course, ...fired, state: "firing" };
const taken: Alert = {
  ...course,
  ...fired,
  state: "acknowledged",
  acknowledgedBy: "Otto",
  acknowledgedAt: clock("03:10:00"),
};

const listed = (id: number, change: Partial<ListedAlert> = {}): ListedAlert => ({
  id: String(id),
  check: `check-${id}`,
  severity: "page",
  alert: firing,
  isSilenced: false,
  ...change,
});

const view: AlertListView = {
  target: "production",
  alerts: [],
  silences: [],
  windows: [],
  now: clock("03:20:00"),
  timeZone: "UTC",
};

const text = (change: Partial<AlertListView>): string =>
  cardText(alertListCard({ ...view, ...change }));

test("an empty list says that nothing fires", () => {
  expect(text({})).toBe("🟢 production · nothing fires\nas of 03:20:00");
});

test("what fires and who has it come first, then what is quiet and why", () => {
  const card = alertListCard({
    ...view,
    alerts: [
      listed(1),
      listed(2, { severity: "warn", alert: { ...firing, relapses: 5 } }),
      listed(3, { alert: taken }),
      listed(4, { alert: { ...firing, behind: "check-1" } }),
      listed(5, { isSilenced: true }),
      listed(6, { alert: { ...course, state: "pending" } }),
    ],
    silences: [
      {
        id: "3",
        checks: ["check-5"],
        until: clock("07:00:00"),
        setBy: "Ada",
        reason: "the disk is being replaced",
      },
      { id: "4", checks: [], until: undefined, setBy: "Otto", reason: "" },
    ],
    windows: [{ name: "nightly-restart", checks: "all", until: clock("03:30:00") }],
  });
  expect(cardText(card)).toBe(
    [
      "🔴 production · 2 fire, 1 taken, 1 behind others, 1 silenced, 1 pending",
      "🔴 A-1 check-1 fails since 03:04",
      "🟠 A-2 check-2 fails since 03:04 · flapping ×5",
      "👤 A-3 check-3 fails since 03:04 · Otto has it",
      "  ↳ A-4 check-4 fails since 03:04 · behind check-1",
      "  🔕 A-5 check-5 fails since 03:04",
      "  ⏳ A-6 check-6 fails since 03:04",
      "🔕 3 check-5 until 07:00 · Ada: the disk is being replaced",
      "🔕 4 all checks until its alert is over · Otto",
      "🛠 nightly-restart until 03:30 · all checks",
      "as of 03:20:00",
    ].join("\n"),
  );
  expect(card.actions.map((row) => row.map(({ command }) => command))).toEqual([
    ["ack A-1", "ack A-2"],
    ["unsilence 3", "unsilence 4"],
  ]);
});

test.each<[readonly ListedAlert[], string]>([
  [[listed(1)], "🔴 production · 1 fires"],
  [[listed(1, { severity: "warn" })], "🟠 production · 1 fires"],
  [[listed(1, { alert: taken })], "👤 production · nothing fires, 1 taken"],
  [[listed(1, { isSilenced: true })], "🟢 production · nothing fires, 1 silenced"],
])("the first line is as urgent as what is on top: %#", (alerts, title) => {
  expect(alertListCard({ ...view, alerts }).title).toBe(title);
});

test("fits a phone however much there is, and its buttons fit Telegram", () => {
  const card = alertListCard({
    ...view,
    alerts: [
      ...Array.from({ length: 40 }, (_, index) => listed(index + 1)),
      ...Array.from({ length: 40 }, (_, index) => listed(index + 50, { isSilenced: true })),
    ],
    silences: Array.from({ length: 9 }, (_, index) => ({
      id: String(index + 1),
      checks: ["a", "b", "c"],
      until: clock("07:00:00"),
      setBy: "Ada",
      reason: "x".repeat(500),
    })),
    windows: [
      { name: "nightly", checks: ["a"], until: clock("03:30:00") },
      { name: "weekly", checks: "all", until: clock("03:25:00") },
    ],
  });
  expect(card.parts.length + 1).toBeLessThanOrEqual(12);
  const lines = cardText(card).split("\n");
  expect(lines).toContain("… and 36 more");
  expect(lines).toContain("  … and 20 more");
  expect(lines).toContain("… and 7 more silences");
  expect(lines).toContain("🛠 nightly until 03:30 · a and 1 more");
  for (const { command } of addressedTo("t".repeat(20), card).actions.flat()) {
    expect(Buffer.byteLength(`c:${command}`)).toBeLessThanOrEqual(64);
  }
});
