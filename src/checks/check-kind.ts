import type { z } from "zod";

import type { Measurement, Observation } from "../core/status.ts";
import type { Systems } from "../systems/index.ts";

export type CheckObserved = {
  readonly observations: readonly Observation[];
  readonly measurements?: readonly Measurement[];
};

export type CheckContext<Settings, Needs extends keyof Systems> = {
  readonly systems: Pick<Systems, Needs>;
  readonly settings: Settings;
};

/**
 * A check kind is code; a check is an instance of it in YAML. A kind looks and says what it saw; it never decides a
 * status and never changes the target. It throws a SystemError when it could not look, which makes the check `unknown`.
 */
export type CheckKind<Schema extends z.ZodType, Needs extends keyof Systems> = {
  readonly kind: string;
  /** One line for people who choose a kind. */
  readonly summary: string;
  readonly settings: Schema;
  observe(
    context: CheckContext<z.output<Schema>, Needs>,
    signal: AbortSignal,
  ): Promise<CheckObserved>;
};
