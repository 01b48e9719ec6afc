import { pause } from "../../core/waiting.ts";
import { SystemError } from "../../systems/system-error.ts";

const PASSING: readonly string[] = ["unreachable", "timeout", "rate-limited"];
const WITHIN_MS = 60_000;
const EVERY_MS = 3_000;
/** All tokens of one owner share their requests; who is told to slow down does. */
const SLOWLY = 5;

/**
 * Looks until there is an answer. Trouble that passes by itself says nothing about what was asked, and to call that unclear
 * would wake a person for it. Only for what reads: nothing that acts is ever repeated.
 */
export async function lookPatiently<Result>(
  look: () => Promise<Result>,
  signal: AbortSignal,
  options: { readonly withinMs?: number; readonly everyMs?: number } = {},
): Promise<Result> {
  const { withinMs = WITHIN_MS, everyMs = EVERY_MS } = options;
  const patience = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
  for (;;) {
    try {
      return await look();
    } catch (error) {
      signal.throwIfAborted();
      const mayPass = error instanceof SystemError && PASSING.includes(error.kind);
      if (!mayPass || patience.aborted) throw error;
      await pause(error.kind === "rate-limited" ? SLOWLY * everyMs : everyMs, patience);
      signal.throwIfAborted();
    }
  }
}

const ALLOWED_AGAIN_MS = 15_000;

/**
 * Asks again when a system says that it was asked too often: a request that it refused for that had no effect, so this
 * holds for acts too. Whatever else goes wrong is thrown as it is.
 */
export async function whenAllowed<Result>(
  ask: () => Promise<Result>,
  signal: AbortSignal,
  everyMs = ALLOWED_AGAIN_MS,
): Promise<Result> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof SystemError) || error.kind !== "rate-limited") throw error;
      await pause(everyMs, signal);
      if (signal.aborted) throw error;
    }
  }
}
