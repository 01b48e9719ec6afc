import { expect, test } from "vitest";

import { remindersDue } from "./review-reminders.ts";

const askedAt = new Date(Date.UTC(2026, 10, 23, 3));
const after = (hours: number): Date => new Date(askedAt.getTime() + hours * 3_600_000);

test.each([
  [0, 0],
  [0.99, 0],
  [1, 1],
  [5.99, 1],
  [6, 2],
  [24, 3],
  [240, 3],
])("after %d hours a review was asked for %d times again", (hours, count) => {
  expect(remindersDue(askedAt, after(hours))).toBe(count);
});
