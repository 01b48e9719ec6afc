import { formatDuration } from "./duration.ts";

/** A secret as its age is judged. */
export type AgingSecret = {
  readonly name: string;
  /** How old it may become, and how long before that it is said. */
  readonly everyMs: number;
  readonly warnBeforeMs: number;
  /** Undefined when nobody knows: Flightdeck has not made it, and the configuration does not say. */
  readonly madeAt: Date | undefined;
};

/** `soon`: it is not too old yet, and will be before long. */
export type AgeStanding = "young" | "soon" | "too-old" | "unknown";

export function standingOfAge(
  { madeAt, everyMs, warnBeforeMs }: AgingSecret,
  now: Date,
): AgeStanding {
  if (madeAt === undefined) return "unknown";
  const leftMs = madeAt.getTime() + everyMs - now.getTime();
  if (leftMs <= 0) return "too-old";
  return leftMs <= warnBeforeMs ? "soon" : "young";
}

/** `12d old, due in 78d`; whole days, where there are any, for nobody plans a rotation by the hour. */
export function ageWords({ madeAt, everyMs }: AgingSecret, now: Date): string {
  if (madeAt === undefined) return "of unknown age";
  const ageMs = Math.max(0, now.getTime() - madeAt.getTime());
  const leftMs = madeAt.getTime() + everyMs - now.getTime();
  const due = leftMs > 0 ? `due in ${inDays(leftMs)}` : `due ${inDays(-leftMs)} ago`;
  return `${inDays(ageMs)} old, ${due}`;
}

const DAY_MS = 86_400_000;

export function inDays(durationMs: number): string {
  if (durationMs < DAY_MS) return formatDuration(Math.max(1_000, durationMs));
  return `${Math.floor(durationMs / DAY_MS)}d`;
}
