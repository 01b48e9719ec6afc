import { z } from "zod";

import { formatDuration } from "../core/duration.ts";
import { runName } from "../core/run-name.ts";
import type { CheckKind, ReviewsOwed } from "./check-kind.ts";

const NOTHING_OWED: ReviewsOwed = { now: new Date(0), open: [] };

const settings = {} satisfies z.ZodRawShape;

/** Who acted alone at night answers to somebody in the morning; whether anybody asked is known by our own rows. */
export const reviewsGiven = {
  kind: "reviews-given",
  summary: "what somebody did without a second person was looked at by somebody else in time",
  settings,
  async observe({ reviews }) {
    const { now, open } = (await reviews()) ?? NOTHING_OWED;
    const overdue = open.filter(({ dueAt }) => now >= dueAt);
    const told = overdue.map(({ runId, actedBy, askedAt }) => {
      const since = formatDuration(now.getTime() - askedAt.getTime());
      return `${runName(runId)}, by ${actedBy.name} ${since} ago`;
    });
    return {
      observations: [
        {
          what: "what was done alone and not reviewed in time",
          expected: "nothing",
          actual: told.join("; ") || (open.length === 0 ? "nothing" : "nothing yet"),
          ok: overdue.length === 0,
        },
      ],
      measurements: [{ name: "reviewsOwed", value: open.length }],
    };
  },
} satisfies CheckKind<typeof settings, never, "reviews">;
