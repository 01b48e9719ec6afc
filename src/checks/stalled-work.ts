/** How many jobs waited when somebody looked. */
export type QueueLook = { readonly at: Date; readonly jobs: number };

export type Stall = "stalled" | "not-stalled" | "cannot-tell";

/**
 * Whether jobs wait and none was completed for `withinMs`. A queue does not say how long a job has been in it, so earlier
 * looks bound the time: it is at least as long as every look since then has seen jobs, and less than the time since
 * somebody saw none. Jobs that came a moment ago to a queue that was idle all night are no stall.
 */
export function decideStall(
  looks: readonly QueueLook[],
  now: Date,
  { completedAgoMs, withinMs }: { readonly completedAgoMs: number; readonly withinMs: number },
): Stall {
  const lastEmpty = looks.findLastIndex((look) => look.jobs === 0);
  const ageOf = (look: QueueLook | undefined): number | undefined =>
    look && now.getTime() - look.at.getTime();
  const waitingAtLeastMs = ageOf(looks[lastEmpty + 1]) ?? 0;
  const waitingAtMostMs = ageOf(looks[lastEmpty]) ?? Number.POSITIVE_INFINITY;
  if (Math.min(waitingAtLeastMs, completedAgoMs) >= withinMs) return "stalled";
  if (Math.min(waitingAtMostMs, completedAgoMs) < withinMs) return "not-stalled";
  return "cannot-tell";
}
