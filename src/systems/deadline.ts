/** Whether a signal aborted because time ran out, rather than because somebody stopped the work. */
export function isTimeout(signal: AbortSignal): boolean {
  return signal.reason instanceof Error && signal.reason.name === "TimeoutError";
}
