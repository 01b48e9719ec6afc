import { SystemError, type SystemErrorKind } from "./system-error.ts";

/** After these it may have been done; any other kind is a clear no. */
const DOUBTFUL: readonly SystemErrorKind[] = ["unreachable", "timeout", "malformed"];

/** Writes something that can be seen. An answer that says nothing of it is no failure when it is there all the same. */
export async function doneAllTheSame(
  write: () => Promise<unknown>,
  isThere: () => Promise<boolean>,
): Promise<void> {
  try {
    await write();
  } catch (error) {
    const isDoubtful = error instanceof SystemError && DOUBTFUL.includes(error.kind);
    // Who cannot look either has learnt nothing: what went wrong first is told.
    if (isDoubtful && (await isThere().catch(() => false))) return;
    throw error;
  }
}
