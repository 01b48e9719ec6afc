import { ServerError } from "./server-error.ts";

/** Runs a start under the caller's signal and a deadline of its own, and says which server was late on what. */
export async function startWithin<Server>(
  what: string,
  timeoutMs: number,
  callersSignal: AbortSignal | undefined,
  start: (signal: AbortSignal) => Promise<Server>,
): Promise<Server> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const signal =
    callersSignal === undefined ? deadline : AbortSignal.any([callersSignal, deadline]);
  signal.throwIfAborted();
  try {
    return await start(signal);
  } catch (error) {
    if (callersSignal?.aborted === true) throw callersSignal.reason;
    if (!deadline.aborted || error instanceof ServerError) throw error;
    throw new ServerError(`${what} was not ready within ${timeoutMs / 1000} s`, { cause: error });
  }
}
