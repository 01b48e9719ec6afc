import { expect, test } from "vitest";

import type { Review } from "../storage/review.ts";
import { reviewsGiven } from "./reviews-given.ts";

const hour = (of: number): Date => new Date(Date.UTC(2026, 10, 23, of));
const review: Review = {
  runId: "12",
  target: "production",
  actedBy: { via: "telegram", name: "Ada", telegram: "1003", role: "approver" },
  reason: "nobody answered",
  askedAt: hour(3),
  dueAt: hour(27),
  reminders: 0,
  given: undefined,
};

const look = async (now: Date, open: readonly Review[]) => {
  const { observations } = await reviewsGiven.observe({
    systems: {},
    settings: {},
    reviews: async () => ({ now, open }),
  });
  return observations.map(({ actual, ok }) => [actual, ok]);
};

test("is well while nothing is owed", async () => {
  expect(await look(hour(4), [])).toEqual([["nothing", true]]);
});

test("is well for a day while a review is owed", async () => {
  expect(await look(hour(26), [review])).toEqual([["nothing yet", true]]);
});

test("fails from then on, and names the run and who acted", async () => {
  expect(await look(hour(28), [review])).toEqual([["R-C, by Ada 1d 1h ago", false]]);
});
