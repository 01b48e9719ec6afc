/** The slots of a schedule: the moments at which it is due. Who knows calendars and time zones makes one. */
export type Calendar = {
  /** The slots after a moment, the nearest first. */
  after(moment: Date, count: number): readonly Date[];
  /** The slots up to a moment and at it, the newest first. */
  upTo(moment: Date, count: number): readonly Date[];
};

/** A command that Flightdeck gives itself at set times. */
export type Schedule = {
  readonly name: string;
  /** The command line, as people type it behind the slash. */
  readonly run: string;
  /** `deviations`: the chat hears of a run only when it does not end well. */
  readonly announce: "deviations" | "always";
  /** How late a slot may still be run. */
  readonly notLaterThanMs: number;
  /** Pattern and time zone: while they stay the same, the slots do. */
  readonly definition: string;
  readonly calendar: Calendar;
};

/** What is to become of the slots that came due since somebody last looked. */
export type DueSlots = {
  /** The one that is run now. */
  readonly run: Date | undefined;
  /** Those whose time has passed without them, oldest first. */
  readonly missed: readonly Date[];
};

/** More missed slots than this are not counted: whatever the number says, it was long. */
const COUNTED_LIMIT = 1_000;

/**
 * Of the slots after the last one that was dealt with, the newest is run unless it is too late; the others are missed,
 * because doing the same thing twice in a row would prove nothing more.
 */
export function dueSlots(
  { calendar, notLaterThanMs }: Pick<Schedule, "calendar" | "notLaterThanMs">,
  lastSlot: Date,
  now: Date,
): DueSlots {
  const isDue = (slot: Date): boolean => slot.getTime() > lastSlot.getTime();
  if (!calendar.upTo(now, 1).some(isDue)) return { run: undefined, missed: [] };
  const [newest, ...earlier] = calendar.upTo(now, COUNTED_LIMIT).filter(isDue);
  if (newest === undefined) return { run: undefined, missed: [] };
  const isInTime = now.getTime() - newest.getTime() <= notLaterThanMs;
  return isInTime
    ? { run: newest, missed: earlier.toReversed() }
    : { run: undefined, missed: [newest, ...earlier].toReversed() };
}

/** What a slot caused, such as a run: the same slot never causes two. No colon, for subjects are parted by them. */
export function slotCause(target: string, schedule: string, slot: Date): string {
  return `slot-${target}/${schedule}-${slot.toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
}

/** A run that says nothing is wrong; everything else is worth a message. */
export function endedWell(run: {
  readonly state: string;
  readonly verdict: string | null;
}): boolean {
  return run.state === "ok" && run.verdict !== "NO-GO" && run.verdict !== "UNKNOWN";
}
