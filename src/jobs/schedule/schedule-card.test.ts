import { expect, test } from "vitest";

import { cardText } from "../../core/card-text.ts";
import { missedCard, refusedCard, type LostSlots } from "./schedule-card.ts";

const lost: LostSlots = {
  target: "alpha",
  timeZone: "Europe/Berlin",
  schedule: { name: "nightly", run: "preflight", notLaterThanMs: 7_200_000 },
  slots: [new Date("2026-11-23T02:00:00Z")],
  reason: undefined,
  now: new Date("2026-11-23T09:00:00Z"),
};

test("a slot that was missed is told with its time, how late it might have been, and why", () => {
  expect(cardText(missedCard(lost)).split("\n").slice(0, 3)).toEqual([
    "⚠️ alpha · nightly was missed",
    "Its time was Mon 23 Nov 03:00, and not within 2h after it.",
    "Flightdeck did not run, or its database could not be reached.",
  ]);
  const reason = "R-9 (deploy) was under way.";
  expect(cardText(missedCard({ ...lost, reason }))).toContain(reason);
});

test("several that were missed are told with their number and their ends", () => {
  const slots = [new Date("2026-11-22T02:00:00Z"), ...lost.slots];
  expect(cardText(missedCard({ ...lost, slots }))).toContain(
    "2 times, from Sun 22 Nov 03:00 to Mon 23 Nov 03:00, and not within 2h after it.",
  );
});

test("what was refused is told as the command told it", () => {
  const reason = 'There is no check "api".\nUsage: /preflight [check…]';
  expect(
    cardText(refusedCard({ ...lost, reason }))
      .split("\n")
      .slice(0, 3),
  ).toEqual([
    "⚠️ alpha · nightly could not run",
    '/preflight: There is no check "api".',
    "Usage: /preflight [check…]",
  ]);
});

test("a button gives the command now, unless it is too long for one", () => {
  expect(missedCard(lost).actions.flat()).toMatchObject([{ command: "preflight" }]);
  const run = `preflight ${"api-is-live ".repeat(9)}`;
  expect(missedCard({ ...lost, schedule: { ...lost.schedule, run } }).actions).toEqual([]);
});
