import { z } from "zod";

import type { Facts } from "../../core/approval.ts";
import type { Json } from "../../core/json.ts";
import type { Secret } from "../../core/secret.ts";
import { durationSetting, textSetting } from "../../core/setting.ts";
import type { CheckResult } from "../../core/status.ts";
import type { Systems } from "../../systems/index.ts";
import type { RolloutSettings } from "../deploy/rollout-settings.ts";
import type { StepContext } from "../operation.ts";

/**
 * What a rotation goes through, in this order. PLAN comes before them and is the procedure's `plan`; which of them there
 * are, and what they consist of, is the procedure's own.
 */
export type RotationPhase =
  | "mint"
  | "install"
  | "distribute"
  | "prove-new"
  | "drain"
  | "disable-old"
  | "prove-old-dead"
  | "destroy-old";

/** What reality says of a deed: it holds, it surely does not (and possibly what is in the way), or nobody can tell. */
export type Standing =
  | "holds"
  | "absent"
  | { readonly absent: string }
  | { readonly unclear: string };

export type DeedContext = StepContext & { readonly baseline: Json };

/**
 * Something that is so once it is done. It is probed before it is applied and after any doubt, so a rotation goes on by
 * what it finds and never by what it remembers; what holds already is not done again.
 */
export type Deed = {
  /** What is so then, as the journal, the card and the evidence call it; the only one of its name in a procedure. */
  readonly name: string;
  readonly timeoutMs: number;
  /** Changes nothing outside, such as a proof or a wait: may be repeated, and is cut short when the run is cancelled. */
  readonly readsOnly?: boolean;
  /** Checks that it may well upset. */
  readonly disturbs?: readonly string[];
  /** What a person has to do while it is waited for, for the card. */
  readonly asksPerson?: string;
  /** What goes on outside although the run is cancelled meanwhile. */
  readonly whenCancelled?: string;
  /** What `probe` needs to tell the effect from what was there before; journalled first, so it holds no secret. */
  baseline?(context: StepContext): Promise<Json>;
  /** Reads only. What is thrown counts as unclear, after the deadline too. */
  probe(context: DeedContext): Promise<Standing>;
  /** Gives back what the card and the evidence keep of it, and no secret. */
  apply(context: DeedContext): Promise<Facts>;
  /** The same, as far as it can be known by somebody who finds it done. */
  told?(): Promise<Facts>;
};

export type Phase = {
  readonly name: RotationPhase;
  readonly deeds: readonly Deed[];
  /**
   * What leads back to how it was before this phase, in this order; phases are undone from the last that was begun to the
   * first, and what made the new one valid (mint, install) only once nobody has it any more. Each is probed first, so what
   * was not done need not be undone. Names are not those of the deeds.
   */
  readonly undo?: readonly Deed[];
  /**
   * From here on nothing is undone: before it people are asked anew, with a code. `destroy-old` always is. What the last
   * proof before it consists of is proved again when their yes is used, so that one has to say all that must be so then.
   */
  readonly isIrreversible?: boolean;
};

/**
 * What a rotation keeps between its phases, sealed, in the row of the secret; blanked when it is over. Every process that
 * goes on with the run reads the same. Whatever is read from it is masked in all that this process says.
 */
export type RotationVault = {
  /** Whether a rotation has begun and is not over: then a plan finds it half done, and has to bear that. */
  isOpen(): Promise<boolean>;
  /** The secret that was in force when the rotation began. */
  old(): Promise<Secret>;
  /** The one that replaces it; undefined before it is kept. */
  mintedYet(): Promise<Secret | undefined>;
  /** The same, for phases that come behind the minting. @throws when there is none */
  minted(): Promise<Secret>;
  keepNew(secret: Secret): Promise<void>;
  /** For one that a person handed over and that nobody accepts, before anybody was given it. */
  discardNew(): Promise<void>;
  /** What else has to be known later and is no secret: a provider's id, the name of a role. */
  notes(): Promise<Facts>;
  note(facts: Facts): Promise<void>;
};

export type RotationContext<Settings> = {
  /** The secret's name in the configuration. */
  readonly secret: string;
  readonly settings: Settings & CommonSecretSettings;
  /** The old one may be known to others, by whoever asked for it first or since: nothing is waited for that only courtesy asks for. */
  isExposed(): Promise<boolean>;
  readonly target: string;
  readonly systems: Systems;
  readonly rollout: RolloutSettings | undefined;
  readonly vault: RotationVault;
  /** The checks of the target: what a redeployment disturbs, and what says that a release is ready. */
  readonly checks: readonly {
    readonly name: string;
    readonly application: string | undefined;
    readonly timeoutMs: number;
    ask(signal: AbortSignal): Promise<Pick<CheckResult, "status">>;
  }[];
  /** Eight digits by which two secrets are told apart and which say nothing about either. */
  fingerprint(secret: Secret): Promise<string>;
  /** Masks every secret that this process has come to know. */
  readonly scrub: (text: string) => string;
  /** Has this process read its configuration anew, and with it the files that the configuration refers to. */
  readAnew(): void;
};

/** What is found before anybody is asked. */
export type RotationPlan = {
  /** The secret in force: sealed away before the first deed. Undefined where nobody can read it. */
  readonly present: Secret | undefined;
  /** What exactly will be done, beside secret and kind: `applications: api`, `roles: app_a → app_b`. */
  readonly parameters: Facts;
  /** What it rests on, beside the fingerprint of the present secret; the same names at every look. */
  readonly observed: Facts;
};

export type OpenedProcedure = {
  /** Looks at what there is; changes nothing. @throws {Error} in words, when it cannot be rotated as things are */
  plan(signal: AbortSignal): Promise<RotationPlan>;
  /** The same list whenever it is asked for with the same context. */
  readonly phases: readonly Phase[];
  /** What cannot be taken back, for the card: "the old key is deleted at xAI; nobody can bring it back". */
  readonly irreversible: string;
  /** The applications that read it, and are made anew: where the worker is among them, it has to do a job with the new one. */
  readonly readBy: readonly string[];
  /** Whether both secrets are accepted for a while; where they are not, `gap` among a deed's facts says for how long. */
  readonly hasOverlap: boolean;
  /** The old one ends by the very act that makes the new one, so the first yes is to something final. */
  readonly endsOldEarly?: boolean;
};

const DAY_MS = 24 * 3_600_000;

/** What every secret's setting has. */
const commonSettings = {
  every: durationSetting({ minimumMs: 60_000 })
    .default(90 * DAY_MS)
    .meta({ description: "How old it may become" }),
  warnBefore: durationSetting()
    .default(14 * DAY_MS)
    .meta({ description: "How long before that `secrets-are-young` says so" }),
  since: textSetting({
    pattern: /^\d{4}-\d{2}-\d{2}$/,
    expected: "a day such as 2026-09-01",
  })
    .optional()
    .meta({ description: "When it was made, as long as Flightdeck has not made another" }),
  checks: z.array(z.string()).default([]).meta({
    description:
      "Checks that ask by it: where two are never accepted at once they may fail while it is replaced, and nobody is called",
  }),
  keep: textSetting({
    pattern: /^[^\s$]+$/,
    expected: "the path of a file, such as /run/secrets/api-token",
  })
    .optional()
    .meta({
      description:
        "The file from which Flightdeck itself reads it by ${file:…}; the new one is put there",
    }),
};

type CommonSecretSettings = z.output<z.ZodObject<typeof commonSettings>>;

type ProcedureParts<Kind extends string, Shape extends z.ZodRawShape> = {
  readonly kind: Kind;
  /** The fields of the kind's own setting, beside those that all have. */
  readonly settings: Shape;
  readonly description: string;
  /** The applications in Coolify that its setting names. */
  applications(settings: z.output<z.ZodObject<Shape>>): readonly string[];
  open(context: RotationContext<z.output<z.ZodObject<Shape>>>): OpenedProcedure;
};

/** A secret of the configuration, its settings closed over. */
export type ConfiguredSecret = {
  readonly kind: string;
  readonly common: CommonSecretSettings;
  readonly applications: readonly string[];
  open(context: Omit<RotationContext<unknown>, "settings">): OpenedProcedure;
};

/** Closes over the schema: a procedure is typed, the list of all of them is homogeneous. */
export function defineProcedure<const Kind extends string, Shape extends z.ZodRawShape>(
  parts: ProcedureParts<Kind, Shape>,
) {
  return z
    .strictObject({ kind: z.literal(parts.kind), ...commonSettings, ...parts.settings })
    .transform((parsed): ConfiguredSecret => {
      // TypeScript cannot see through a spread of a generic shape; the schema above is the proof.
      const settings = parsed as z.output<z.ZodObject<Shape>> & CommonSecretSettings;
      return {
        kind: parts.kind,
        common: settings,
        applications: parts.applications(settings),
        open: (context) => parts.open({ ...context, settings }),
      };
    })
    .meta({ description: parts.description });
}
