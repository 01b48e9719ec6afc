import { z } from "zod";

import type { Measurement, Observation } from "../core/status.ts";
import type { Systems } from "../systems/index.ts";
import { commonSettings } from "./common-settings.ts";
import type { CommonSettings } from "./common-settings.ts";

export type CheckObserved = {
  readonly observations: readonly Observation[];
  readonly measurements?: readonly Measurement[];
};

type CheckContext<Settings, Needs extends keyof Systems> = {
  readonly systems: Pick<Systems, Needs>;
  readonly settings: Settings;
};

/**
 * A check kind is code; a check is an instance of it in YAML. A kind looks and says what it saw; it never decides a
 * status and never changes the target. It throws a SystemError when it could not look, which makes the check `unknown`.
 */
export type CheckKind<Shape extends z.ZodRawShape, Needs extends keyof Systems> = {
  readonly kind: string;
  /** One line for people who choose a kind. */
  readonly summary: string;
  /** What this kind asks for beyond the settings that all checks share. */
  readonly settings: Shape;
  observe(
    context: CheckContext<z.output<z.ZodObject<Shape>>, Needs>,
    signal: AbortSignal,
  ): Promise<CheckObserved>;
};

/** A check as the file describes it, with its kind's code bound to its settings, so that all checks look alike. */
export type ConfiguredCheck = {
  readonly kind: string;
  readonly common: CommonSettings;
  readonly settings: unknown;
  observe(systems: Systems, signal: AbortSignal): Promise<CheckObserved>;
};

/** Erases a kind to the schema of its checks: parsing one binds the typed settings to the kind's code. */
export function defineCheckKind<Shape extends z.ZodRawShape, Needs extends keyof Systems>(
  definition: CheckKind<Shape, Needs>,
) {
  const { kind, summary } = definition;
  return z
    .strictObject({ kind: z.literal(kind), ...commonSettings, ...definition.settings })
    .transform((parsed): ConfiguredCheck => {
      // TypeScript cannot see through a spread of a generic shape; the schema above is the proof.
      const settings = parsed as z.output<z.ZodObject<Shape>>;
      const common = parsed as CommonSettings;
      return {
        kind,
        common,
        settings,
        observe: async (systems, signal) => definition.observe({ systems, settings }, signal),
      };
    })
    .meta({ description: summary });
}
