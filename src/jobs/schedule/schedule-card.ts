import { line, type Card } from "../../core/card.ts";
import { formatDuration } from "../../core/duration.ts";
import { slotTime } from "../../core/moment.ts";
import type { Schedule } from "../../core/schedule.ts";

/** With the name of a target in front it still fits on a button. */
const BUTTON_COMMAND_BYTES = 40;

export type LostSlots = {
  readonly target: string;
  readonly timeZone: string;
  readonly schedule: Pick<Schedule, "name" | "run" | "notLaterThanMs">;
  /** Oldest first, and at least one. */
  readonly slots: readonly Date[];
  readonly reason: string | undefined;
  readonly now: Date;
};

/** A slot that could not run is told: nobody sees what did not happen. */
export function missedCard(lost: LostSlots): Card {
  const { target, schedule, slots, reason } = lost;
  const time = (slot: Date): string => slotTime(slot, lost.now, lost.timeZone);
  const [first] = slots;
  const last = slots.at(-1);
  const between =
    slots.length > 1 && first && last
      ? `${slots.length} times, from ${time(first)} to ${time(last)}`
      : `Its time was ${last ? time(last) : "unknown"}`;
  const late = formatDuration(schedule.notLaterThanMs);
  return {
    title: `⚠️ ${target} · ${schedule.name} was missed`,
    parts: [
      line(`${between}, and not within ${late} after it.`),
      line(reason ?? "Flightdeck did not run, or its database could not be reached."),
    ],
    actions: runNow(schedule.run),
  };
}

/** Nobody was there to be told that the command makes no sense as it stands in the file. */
export function refusedCard(lost: LostSlots): Card {
  const { target, schedule, reason = "" } = lost;
  const [problem = "", ...rest] = reason.split("\n");
  return {
    title: `⚠️ ${target} · ${schedule.name} could not run`,
    parts: [line("/", { code: schedule.run }, `: ${problem}`), ...rest.map((text) => line(text))],
    actions: runNow(schedule.run),
  };
}

function runNow(command: string): Card["actions"] {
  if (Buffer.byteLength(command) > BUTTON_COMMAND_BYTES) return [];
  return [[{ label: "Run it now", command, style: "primary" }]];
}
