import { z } from "zod";

import type { AgingSecret } from "../core/secret-age.ts";
import type { Limit, Measurement, Observation } from "../core/status.ts";
import type { Drill } from "../storage/drill.ts";
import type { Review } from "../storage/review.ts";
import type { Systems } from "../systems/index.ts";
import type { SystemsSettings } from "../systems/settings.ts";
import { commonSettings } from "./common-settings.ts";
import type { CommonSettings } from "./common-settings.ts";
import { unknownApplications } from "./coolify-names.ts";

export type CheckObserved = {
  readonly observations: readonly Observation[];
  readonly measurements?: readonly Measurement[];
  /** Why nothing could be judged although everybody answered; only beside an empty list of observations. */
  readonly reason?: string;
};

/** What the same check read at an earlier moment. */
export type EarlierLook = { readonly at: Date; readonly measurements: readonly Measurement[] };

/** What one drill came to, as far as a check asks. */
type KnownDrill = Pick<Drill, "verdict" | "backup" | "endedAt" | "recoveryMs">;

/** What the drills of a target have come to until now. */
export type DrillsSoFar = {
  readonly now: Date;
  readonly last: KnownDrill | undefined;
  readonly verified: KnownDrill | undefined;
};

/** What people did alone and nobody else has looked at yet. */
export type ReviewsOwed = { readonly now: Date; readonly open: readonly Review[] };

/** A rotation that was begun and is not over. */
export type RotationLeft = {
  readonly secret: string;
  readonly since: Date;
  readonly runId: string;
};

/** How old the secrets of a target are, and what of their rotation was left. */
export type SecretsKept = {
  readonly now: Date;
  readonly secrets: readonly AgingSecret[];
  readonly left: readonly RotationLeft[];
};

/** What a kind may ask for beside systems; a kind names what it takes. */
export type Surroundings = {
  /** The check's own earlier looks, oldest first: those of the last `lastMs`, or the newest when none is that young. */
  readonly previous: (lastMs: number) => Promise<readonly EarlierLook[]>;
  /** Undefined where no backups are configured. */
  readonly drills: () => Promise<DrillsSoFar | undefined>;
  /** Undefined where nobody can act alone. */
  readonly reviews: () => Promise<ReviewsOwed | undefined>;
  /** Undefined where no secrets are configured. */
  readonly secrets: () => Promise<SecretsKept | undefined>;
};

/** What is wrong with a check's settings in the light of others, by the path below the check. */
export type SettingProblem = {
  readonly path: readonly (string | number)[];
  readonly message: string;
};

type CheckContext<Settings, Needs extends keyof Systems, Takes extends keyof Surroundings> = {
  readonly systems: Pick<Systems, Needs>;
  readonly settings: Settings;
} & Pick<Surroundings, Takes>;

/**
 * A check kind is code; a check is an instance of it in YAML. A kind looks and says what it saw; it never decides a
 * status and never changes the target. It throws a SystemError when it could not look, which makes the check `unknown`.
 */
export type CheckKind<
  Shape extends z.ZodRawShape,
  Needs extends keyof Systems,
  Takes extends keyof Surroundings = never,
> = {
  readonly kind: string;
  /** One line for people who choose a kind. */
  readonly summary: string;
  /** What this kind asks for beyond the settings that all checks share. */
  readonly settings: Shape;
  /** Which measurements have a limit, for boards and charts; what fails is told by the observations alone. */
  limits?(settings: z.output<z.ZodObject<Shape>>, common: CommonSettings): readonly Limit[];
  /** What does not fit the systems that the file configures, such as a name that none of them has. */
  problems?(
    settings: z.output<z.ZodObject<Shape>>,
    systems: SystemsSettings,
  ): readonly SettingProblem[];
  observe(
    context: CheckContext<z.output<z.ZodObject<Shape>>, Needs, Takes>,
    signal: AbortSignal,
  ): Promise<CheckObserved>;
};

/** A check as the file describes it, with its kind's code bound to its settings, so that all checks look alike. */
export type ConfiguredCheck = {
  readonly kind: string;
  readonly common: CommonSettings;
  readonly settings: unknown;
  readonly limits: readonly Limit[];
  problems(systems: SystemsSettings): readonly SettingProblem[];
  observe(systems: Systems, around: Surroundings, signal: AbortSignal): Promise<CheckObserved>;
};

/** Erases a kind to the schema of its checks: parsing one binds the typed settings to the kind's code. */
export function defineCheckKind<
  Shape extends z.ZodRawShape,
  Needs extends keyof Systems,
  Takes extends keyof Surroundings = never,
>(definition: CheckKind<Shape, Needs, Takes>) {
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
        limits: definition.limits?.(settings, common) ?? [],
        problems: (systems) => [
          // A kind that is about an application itself judges the name by its own words.
          ...("application" in definition.settings ? [] : commonProblems(common, systems)),
          ...(definition.problems?.(settings, systems) ?? []),
        ],
        observe: async (systems, around, signal) => {
          const taken: Pick<Surroundings, Takes> = around;
          return definition.observe({ systems, settings, ...taken }, signal);
        },
      };
    })
    .meta({ description: summary });
}

function commonProblems(
  { application }: CommonSettings,
  systems: SystemsSettings,
): readonly SettingProblem[] {
  return application === undefined
    ? []
    : unknownApplications(systems, [[["application"], application]]);
}
