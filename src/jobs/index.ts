import type { Operation } from "./operation.ts";
import { createPreflight, type PreflightParts } from "./preflight.ts";

/** Everything Flightdeck does, one line each. */
export function createOperations(parts: PreflightParts): readonly Operation[] {
  return [createPreflight(parts)];
}
