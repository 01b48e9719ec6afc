import type { Observation } from "../core/status.ts";
import { SystemError } from "../systems/system-error.ts";

/**
 * A refused connection is a fact about the target only for a check that asks for it (`reachable: true`). For every
 * other question it means that we could not look, and the error rises.
 */
export function refusedConnection(
  error: unknown,
  isExpected: boolean | undefined,
): Observation | undefined {
  if (isExpected !== true || !(error instanceof SystemError)) return undefined;
  const actual = REFUSALS[error.code ?? ""];
  return actual === undefined
    ? undefined
    : { what: "connection", expected: "accepted", actual, ok: false };
}

const REFUSALS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refused: nothing listens there",
  "53300": "refused: too many connections are open",
  "57P03": "refused: the server starts or stops",
};
