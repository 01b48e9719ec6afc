import { z } from "zod";

import { choiceSetting, durationSetting } from "./setting.ts";

const AUDIENCES = ["on-call", "next", "all"] as const;
type Audience = (typeof AUDIENCES)[number];

const stepSetting = z.strictObject({
  after: durationSetting({ maximumMs: 24 * 60 * 60_000 }),
  reach: choiceSetting(AUDIENCES).meta({
    description: "Whoever is on call, the next one on the list, or all of it",
  }),
  by: z
    .array(choiceSetting(["mention", "message", "call"]))
    .min(1)
    .meta({ description: "A mention in the chat, a private message, a call over the second path" }),
});

/** What happens for as long as nobody takes an alert that sounds. */
export const escalationSetting = z
  .array(stepSetting)
  .min(1)
  .max(10)
  .superRefine((steps, context) => {
    for (const [index, step] of steps.entries()) {
      const before = steps[index - 1];
      if (before === undefined || step.after > before.after) continue;
      const message = "expected steps in the order of their times, each later than the one before";
      context.addIssue({ code: "custom", path: [index, "after"], message });
    }
  })
  .default([
    { after: 0, reach: "on-call", by: ["mention"] },
    { after: 2 * 60_000, reach: "on-call", by: ["message", "call"] },
    { after: 5 * 60_000, reach: "next", by: ["message", "call"] },
    { after: 10 * 60_000, reach: "all", by: ["mention", "message", "call"] },
  ])
  .meta({ description: "Who is called, how and when, for as long as nobody takes an alert" });

export type EscalationPolicy = z.output<typeof escalationSetting>;
export type EscalationStep = EscalationPolicy[number] & { readonly index: number };

/** What is known of an alert that sounds. */
export type Escalating = {
  /** When it began to sound: it fired, or nobody has it any more because the last acknowledgement lapsed. */
  readonly since: Date;
  readonly isAcknowledged: boolean;
  /** How many steps were done since then; they are done in order. */
  readonly stepsDone: number;
};

export type Escalation = {
  /** In order. Several at once mean that nobody was there to do them; all of them are still done. */
  readonly due: readonly EscalationStep[];
  /** When to ask again; undefined when nothing more will come by itself. */
  readonly nextAt: Date | undefined;
};

/** Which steps are due, and when the next one comes. */
export function escalationOf(
  { since, isAcknowledged, stepsDone }: Escalating,
  policy: EscalationPolicy,
  now: Date,
): Escalation {
  if (isAcknowledged) return { due: [], nextAt: undefined };
  const dueAt = ({ after }: { readonly after: number }): Date => new Date(since.getTime() + after);
  const open = policy.map((step, index) => ({ ...step, index })).slice(stepsDone);
  const next = open.find((step) => dueAt(step) > now);
  return {
    due: open.filter((step) => dueAt(step) <= now),
    nextAt: next && dueAt(next),
  };
}

/** Those whom a step reaches. Where there is nobody after the one on call, it is the same one again. */
export function reached<Person>(audience: Audience, roster: readonly Person[]): readonly Person[] {
  switch (audience) {
    case "on-call":
      return roster.slice(0, 1);
    case "next":
      return roster.length > 1 ? roster.slice(1, 2) : roster;
    case "all":
      return roster;
  }
}
