import type { Actor } from "../../core/actor.ts";
import { dueSlots, endedWell, slotCause, type Schedule } from "../../core/schedule.ts";
import { pause } from "../../core/waiting.ts";
import type { Database, Transaction } from "../../storage/database.ts";
import { answer, openSubject, type Place } from "../../storage/outbox.ts";
import { findRun, type Run } from "../../storage/run.ts";
import {
  endedSlots,
  forgetAnchorsBut,
  hasSlot,
  holdAnchor,
  keepSlot,
  moveAnchor,
  noteObstacle,
  readAnchors,
  settleSlot,
  type Anchor,
} from "../../storage/schedule.ts";
import type { Engine } from "../engine/engine.ts";
import { subjectOf } from "../engine/run-record.ts";
import { missedCard, refusedCard, type LostSlots } from "./schedule-card.ts";

export type ScheduledTarget = {
  readonly target: string;
  readonly timeZone: string;
  /** Where it is talked about. */
  readonly place: Place;
  readonly schedules: readonly Schedule[];
};

/** A command that is due, with the slot as its cause. */
export type SlotOrder = {
  readonly target: string;
  readonly schedule: Schedule;
  readonly cause: string;
  readonly actor: Actor;
};

/** What came of it: a run, an answer that is complete, a wait for another run, or a command that makes no sense. */
export type Performed =
  | { readonly kind: "run"; readonly run: Run }
  | { readonly kind: "answered" }
  | { readonly kind: "busy"; readonly reason: string }
  | { readonly kind: "refused"; readonly reason: string };

export type SchedulingParts = {
  readonly database: Database;
  readonly targets: readonly ScheduledTarget[];
  readonly engine: Pick<Engine, "recordCommand">;
  /** Gives the command as a person would, within the transaction that keeps its slot. */
  readonly perform: (tx: Transaction, now: Date, order: SlotOrder) => Promise<Performed>;
  /** Called after the commit, to have the run executed without delay. */
  readonly dispatch: (run: Run, now: Date) => void;
  readonly everyMs: number;
  readonly onError: (error: unknown, during: string) => void;
};

/** What the chat hears of a slot that was tried until it was too late; the reasons stand in the log. */
const FAILED = "Flightdeck itself failed on it; its own log says why.";

/** The leader's duty: gives every command at its time, once, until the signal. */
export async function keepSchedules(parts: SchedulingParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const target of parts.targets) {
      await tick(parts, target).catch((error: unknown) =>
        parts.onError(error, `looking at the schedules of ${target.target}`),
      );
    }
    await pause(parts.everyMs, signal);
  }
}

async function tick(parts: SchedulingParts, target: ScheduledTarget): Promise<void> {
  const { anchors, now } = await parts.database.transaction(async (tx, now) => ({
    anchors: await readAnchors(tx, target.target),
    now,
  }));
  const names = target.schedules.map(({ name }) => name);
  if (anchors.some(({ name }) => !names.includes(name))) {
    await parts.database.transaction(async (tx) => forgetAnchorsBut(tx, target.target, names));
  }
  for (const schedule of target.schedules) {
    const anchor = anchors.find(({ name }) => name === schedule.name);
    if (anchor && isQuiet(schedule, anchor, now)) continue;
    // One that fails must not keep the others from their time.
    await decide(parts, target, schedule).catch(async (error: unknown) => {
      parts.onError(error, `giving the command of the schedule ${schedule.name}`);
      await parts.database.transaction(async (tx) =>
        noteObstacle(tx, { target: target.target, name: schedule.name }, FAILED),
      );
    });
  }
  await settle(parts, target);
}

/** Whether there is nothing to write down, which is so nearly always. */
function isQuiet(schedule: Schedule, anchor: Anchor, now: Date): boolean {
  const { run, missed } = dueSlots(schedule, anchor.since, now);
  const isSame = anchor.definition === schedule.definition && anchor.since <= now;
  return isSame && run === undefined && missed.length === 0;
}

/** Deals with all slots that are due in one transaction: a slot and what it caused are kept together or not at all. */
async function decide(
  parts: SchedulingParts,
  target: ScheduledTarget,
  schedule: Schedule,
): Promise<void> {
  const started = await parts.database.transaction(async (tx, now) => {
    const key = { target: target.target, name: schedule.name };
    const anchor = await holdAnchor(tx, now, key, schedule.definition);
    // The clock went back. What has a slot of its own is not done again; what has none comes when its time comes.
    if (anchor.since > now) {
      await moveAnchor(tx, key, now);
      return undefined;
    }
    const { run: slot, missed } = dueSlots(schedule, anchor.since, now);
    const performed = slot && (await performOnce(parts, tx, now, { target, schedule, slot }));
    if (performed?.kind === "busy") {
      await noteObstacle(tx, key, performed.reason);
      return undefined;
    }
    const last = slot ?? missed.at(-1);
    if (!last) return undefined;
    await moveAnchor(tx, key, last);
    if (missed.length > 0) {
      const reason = slot ? "run once afterwards" : (anchor.obstacle ?? undefined);
      const lost = { target, schedule, slots: missed, reason };
      await lose(parts, tx, now, { ...lost, isTold: slot === undefined });
    }
    return performed?.kind === "run" ? { run: performed.run, now } : undefined;
  });
  if (started) parts.dispatch(started.run, started.now);
}

type SlotOf = {
  readonly target: ScheduledTarget;
  readonly schedule: Schedule;
  readonly slot: Date;
};

/** Gives the command unless its slot has been dealt with, as before a clock went back. */
async function performOnce(
  parts: SchedulingParts,
  tx: Transaction,
  now: Date,
  { target, schedule, slot }: SlotOf,
): Promise<Performed | undefined> {
  const key = { target: target.target, name: schedule.name };
  if (await hasSlot(tx, key, slot)) return undefined;
  const cause = slotCause(target.target, schedule.name, slot);
  const order = { target: target.target, schedule, cause, actor: actorOf(schedule) };
  const performed = await parts.perform(tx, now, order);
  const kept = { name: schedule.name, slot, runId: null, reason: null };
  switch (performed.kind) {
    case "busy":
      break;
    case "run":
      await keepSlot(tx, now, key.target, { ...kept, outcome: "run", runId: performed.run.id });
      break;
    case "answered":
      await keepSlot(tx, now, key.target, { ...kept, outcome: "answered" });
      break;
    case "refused": {
      const { reason } = performed;
      await keepSlot(tx, now, key.target, { ...kept, outcome: "refused", reason });
      await recordLoss(parts, tx, now, { target, schedule, slots: [slot], reason }, "refused");
      const card = refusedCard(lostSlots({ target, schedule, slots: [slot], reason }, now));
      await answer(tx, now, `notice:${cause}`, target.place, card);
      break;
    }
  }
  return performed;
}

type Loss = {
  readonly target: ScheduledTarget;
  readonly schedule: Schedule;
  readonly slots: readonly Date[];
  readonly reason: string | undefined;
};

async function lose(
  parts: SchedulingParts,
  tx: Transaction,
  now: Date,
  loss: Loss & { readonly isTold: boolean },
): Promise<void> {
  const { target, schedule, slots, reason = null } = loss;
  const slot = slots.at(-1);
  if (!slot || (await hasSlot(tx, { target: target.target, name: schedule.name }, slot))) return;
  const kept = { name: schedule.name, slot, outcome: "missed", runId: null, reason } as const;
  await keepSlot(tx, now, target.target, kept);
  await recordLoss(parts, tx, now, loss, "missed");
  if (!loss.isTold) return;
  const subject = `notice:${slotCause(target.target, schedule.name, slot)}`;
  await answer(tx, now, subject, target.place, missedCard(lostSlots(loss, now)));
}

async function recordLoss(
  { engine }: SchedulingParts,
  tx: Transaction,
  now: Date,
  { target, schedule, slots, reason }: Loss,
  result: "missed" | "refused",
): Promise<void> {
  const [first] = slots;
  const last = slots.at(-1);
  if (!first || !last) return;
  await engine.recordCommand(tx, now, {
    target: target.target,
    operation: "schedule",
    cause: slotCause(target.target, schedule.name, last),
    actor: actorOf(schedule),
    event: {
      kind: "slot.missed",
      result,
      facts: {
        schedule: schedule.name,
        command: schedule.run,
        slots: String(slots.length),
        first: first.toISOString(),
        last: last.toISOString(),
        ...(reason === undefined ? {} : { reason }),
      },
    },
  });
}

/** Tells of runs that did not end well; the others leave no word in the chat. */
async function settle(
  { database }: SchedulingParts,
  { target, place }: ScheduledTarget,
): Promise<void> {
  await database.transaction(async (tx, now) => {
    for (const { name, slot, runId } of await endedSlots(tx, target)) {
      const run = await findRun(tx, runId);
      // Opened already where success is announced, or an effect was in doubt; then this changes nothing.
      if (run && !endedWell(run)) await openSubject(tx, now, subjectOf(run), place);
      await settleSlot(tx, now, { target, name }, slot);
    }
  });
}

function lostSlots({ target, schedule, slots, reason }: Loss, now: Date): LostSlots {
  return { target: target.target, timeZone: target.timeZone, schedule, slots, reason, now };
}

function actorOf(schedule: Schedule): Actor {
  return { via: "flightdeck", name: `schedule ${schedule.name}` };
}
