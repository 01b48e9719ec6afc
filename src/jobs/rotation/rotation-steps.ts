import { z } from "zod";

import type { ApprovalPolicy, Facts } from "../../core/approval.ts";
import { runName, parseRunName } from "../../core/run-name.ts";
import type { Secret } from "../../core/secret.ts";
import type { Database } from "../../storage/database.ts";
import {
  beginRotation,
  endRotation,
  oldSecretRefused,
  openRotation,
  rotationAges,
  takeUpRotation,
} from "../../storage/secret-rotation.ts";
import type { Systems } from "../../systems/index.ts";
import type { RolloutSettings } from "../deploy/rollout-settings.ts";
import type {
  ActStep,
  AskStep,
  LookStep,
  Occurrence,
  Results,
  Step,
  StepContext,
} from "../operation.ts";
import type { SmokeSettings } from "../smoke/flow-settings.ts";
import { flowWithin } from "../smoke/flow-within.ts";
import type {
  ConfiguredSecret,
  Deed,
  OpenedProcedure,
  Phase,
  RotationContext,
  RotationPhase,
  Standing,
} from "./rotation-procedure.ts";
import { lookedAt, ROTATION_STEPS, type LookedAtSecret } from "./rotation-report.ts";
import { createVault, type Vault } from "./rotation-vault.ts";

export type RotationParts = {
  readonly database: Database;
  readonly target: string;
  readonly systems: Systems;
  readonly rollout: RolloutSettings | undefined;
  /** The flows, one of which proves that the worker does its jobs. */
  readonly smoke: SmokeSettings;
  readonly checks: RotationContext<unknown>["checks"];
  /** The secrets that can be rotated, by the names of the configuration. */
  readonly rotated: Readonly<Record<string, ConfiguredSecret>>;
  readonly policy: Exclude<ApprovalPolicy, "break-glass">;
  readonly sealKey: () => Promise<Secret>;
  readonly fingerprint: (secret: Secret) => Promise<string>;
  readonly learn: (secret: Secret) => void;
  readonly scrub: (text: string) => string;
  readonly readAnew: () => void;
  /** Whether the configuration of this process holds this value, or one that it is a part of. */
  readonly holdsItself: (secret: Secret) => boolean;
};

/** What somebody asks for. */
export type RotationInput = {
  readonly secret: string;
  /** It may be known to others. */
  readonly exposed?: boolean | undefined;
  /** What was begun and not ended is led back instead of gone on with. */
  readonly back?: boolean | undefined;
};

const PLAN_TIMEOUT_MS = 2 * 60_000;
const ASK_TIMEOUT_MS = 15 * 60_000;
const OWN_TIMEOUT_MS = 15_000;

/** A procedure of one secret, opened for one run. */
export type OpenedRotation = {
  readonly configured: ConfiguredSecret;
  readonly procedure: OpenedProcedure;
  readonly vault: Vault;
};

/** @throws {Error} when the configuration has no such secret */
export function openRotationOf(input: RotationInput, parts: RotationParts): OpenedRotation {
  const { secret } = input;
  const configured = Object.hasOwn(parts.rotated, secret) ? parts.rotated[secret] : undefined;
  if (!configured) throw new Error(`The configuration has no secret ${secret}; see secrets:.`);
  const vault = createVault(parts, secret);
  const { systems, rollout, checks, fingerprint, scrub, readAnew, target } = parts;
  const shared = { systems, rollout, checks, fingerprint, scrub, readAnew, target };
  const isExposed = async (): Promise<boolean> =>
    input.exposed === true || (await vault.isExposed());
  const procedure = configured.open({ ...shared, secret, vault, isExposed });
  const { checks: asking } = configured.common;
  return {
    configured,
    procedure: procedure.hasOverlap ? procedure : upsetting(procedure, asking),
    vault,
  };
}

/** Without overlap, whoever asks by the old one is refused from some moment on that is not known beforehand. */
function upsetting(procedure: OpenedProcedure, checks: readonly string[]): OpenedProcedure {
  const upset = (deed: Deed): Deed => ({
    ...deed,
    disturbs: [...new Set([...(deed.disturbs ?? []), ...checks])],
  });
  const phases = procedure.phases.map((phase) => ({
    ...phase,
    deeds: phase.deeds.map(upset),
    ...(phase.undo === undefined ? {} : { undo: phase.undo.map(upset) }),
  }));
  return { ...procedure, phases };
}

/**
 * Looks, asks, and does one deed after the other until what cannot be undone; asks anew, and does the rest. What fails or
 * is cancelled before that is led back, from the phase that was begun last to the first.
 */
export function rotationSteps(input: RotationInput, parts: RotationParts): readonly Step[] {
  const opened = openRotationOf(input, parts);
  const { phases } = opened.procedure;
  const look = lookStep(input, parts, opened);
  const ask = askStep(input, parts, opened);
  const open = openStep(input, parts, opened);
  if (input.back === true) {
    const way = wayBack(phases, () => true, parts, input);
    return [look, ask, open, ...way.map((step) => ({ ...step, leadsBack: false }))];
  }
  const last = firstIrreversible(phases);
  const before = phases.slice(0, last);
  const after = phases.slice(last);
  const isUnder = (results: Results): boolean =>
    ROTATION_STEPS.open in results &&
    !(ROTATION_STEPS.askAnew in results) &&
    !(ROTATION_STEPS.close in results);
  return [
    look,
    ask,
    open,
    ...before.flatMap((phase, index) =>
      phaseSteps(phase, opened, parts, input).map((step): Step => ({
        ...step,
        applies: (results) => begunWith(results) <= index && (step.applies?.(results) ?? true),
      })),
    ),
    ...(last > 0 && after.length > 0 ? [askAnewStep(parts, opened)] : []),
    ...after.flatMap((phase) => phaseSteps(phase, opened, parts, input)),
    closeStep(ROTATION_STEPS.close, "done", parts, input),
    ...(last > 0 ? wayBack(before, isUnder, parts, input) : []),
  ];
}

/** From here on nothing is undone. */
export function firstIrreversible(phases: readonly Phase[]): number {
  const index = phases.findIndex(isIrreversible);
  return index < 0 ? phases.length : index;
}

function isIrreversible({ name, isIrreversible: isMarked }: Phase): boolean {
  return isMarked === true || name === "destroy-old";
}

function phaseSteps(
  phase: Phase,
  opened: OpenedRotation,
  parts: RotationParts,
  input: RotationInput,
): readonly Step[] {
  const deeds: readonly Step[] = phase.deeds.map((deed) => deedStep(deed));
  if (phase.name === "prove-new") return [...deeds, ...jobProof(opened, parts)];
  // From now on its time runs: when it was proved that the old one is refused.
  return phase.name === "prove-old-dead" ? [...deeds, refusedStep(parts, input)] : deeds;
}

/** A worker says of no secret whether it has it: what shows that is a job which it finishes after it was made anew. */
export function jobProof(
  { procedure }: Pick<OpenedRotation, "procedure">,
  {
    rollout,
    smoke,
    systems,
    scrub,
  }: Pick<RotationParts, "rollout" | "smoke" | "systems" | "scrub">,
): readonly Step[] {
  const { worker, jobFlow } = rollout ?? {};
  const flows = smoke?.flows ?? {};
  if (worker === undefined || !procedure.readBy.includes(worker)) return [];
  if (jobFlow === undefined || !Object.hasOwn(flows, jobFlow)) return [];
  return flowWithin("job", flows[jobFlow]!, { systems, scrub });
}

function wayBack(
  phases: readonly Phase[],
  isUnder: (results: Results) => boolean,
  parts: RotationParts,
  input: RotationInput,
): readonly Step[] {
  const reached = (phase: Phase) => (results: Results) =>
    isUnder(results) &&
    (input.back === true ||
      phases
        .slice(begunWith(results), phases.indexOf(phase))
        .flatMap(({ deeds }) => deeds)
        .every(({ name }) => name in results));
  const undoing = (phase: Phase) =>
    (phase.undo ?? []).map((deed) => ({
      ...deedStep(deed),
      applies: reached(phase),
      leadsBack: true,
    }));
  const reversed = phases.filter((phase) => !isIrreversible(phase)).toReversed();
  const takesAway = ({ name }: Phase): boolean => name === "mint" || name === "install";
  const ledOut = reversed.filter((phase) => !takesAway(phase)).flatMap(undoing);
  const areDone = (all: typeof ledOut, results: Results): boolean =>
    all.every(({ name, applies }) => name in results || !applies(results));
  // Whoever could not be led back to the old one needs the new one, so that is left valid then.
  const takenAway = reversed
    .filter(takesAway)
    .flatMap(undoing)
    .map((step) => ({
      ...step,
      applies: (results: Results) => step.applies(results) && areDone(ledOut, results),
    }));
  const undone = [...ledOut, ...takenAway];
  const isUndone = (results: Results): boolean =>
    isUnder(results) && areDone(ledOut, results) && areDone(takenAway, results);
  return [
    ...undone,
    {
      ...closeStep(ROTATION_STEPS.ledBack, "led-back", parts, input),
      applies: isUndone,
      leadsBack: true,
    },
  ];
}

/** A deed as a step: probed first, then done, then probed again; what holds is not done. */
function deedStep(deed: Deed): ActStep | LookStep {
  const { name, timeoutMs, disturbs, whenCancelled } = deed;
  const shared = {
    name,
    timeoutMs,
    ...(disturbs === undefined ? {} : { disturbs }),
    ...(whenCancelled === undefined ? {} : { whenCancelled }),
  };
  if (deed.readsOnly === true) {
    return {
      ...shared,
      kind: "look",
      async look(context) {
        // Whoever is waited for has to read it on the card, which is drawn anew by that.
        if (deed.asksPerson !== undefined) context.report({ asks: deed.asksPerson });
        const baseline = (await deed.baseline?.(context)) ?? null;
        return { facts: await deed.apply({ ...context, baseline }) };
      },
    };
  }
  let isUntouched = false;
  const { baseline } = deed;
  const told = async (): Promise<Facts> => (await deed.told?.()) ?? {};
  return {
    ...shared,
    kind: "act",
    ...(baseline === undefined ? {} : { baseline: async (context) => baseline(context) }),
    async observe(context): Promise<Occurrence> {
      if (isUntouched) return { kind: "absent" };
      const standing = await deed.probe(context);
      if (standing === "holds") return { kind: "happened", result: { facts: await told() } };
      return typeof standing === "object" && "unclear" in standing
        ? { kind: "unclear", reason: standing.unclear }
        : { kind: "absent" };
    },
    async act(context) {
      isUntouched = true;
      const before = await deed.probe(context);
      if (before === "holds") return { facts: await told() };
      if (typeof before === "object" && "unclear" in before) throw new Error(before.unclear);
      isUntouched = false;
      const facts = await deed.apply(context);
      const after = await deed.probe(context);
      if (after === "holds") return { facts };
      throw new Error(`not so, after it was done: ${name}${whyNot(after)}`);
    },
  };
}

function whyNot(standing: Exclude<Standing, "holds">): string {
  if (standing === "absent") return "";
  return `; ${"unclear" in standing ? standing.unclear : standing.absent}`;
}

function lookStep(input: RotationInput, parts: RotationParts, opened: OpenedRotation): LookStep {
  return {
    kind: "look",
    name: ROTATION_STEPS.look,
    timeoutMs: PLAN_TIMEOUT_MS,
    look: async ({ signal }) => ({ ...(await lookAt(input, parts, opened, signal)) }),
  };
}

async function lookAt(
  { secret, back, exposed }: RotationInput,
  parts: RotationParts,
  { configured, procedure }: OpenedRotation,
  signal: AbortSignal,
): Promise<LookedAtSecret> {
  const { database, target, learn, fingerprint, holdsItself } = parts;
  const { left, age } = await database.transaction(async (tx) => ({
    left: await openRotation(tx, { target, secret }),
    age: (await rotationAges(tx, target)).find((one) => one.secret === secret),
  }));
  if (back === true && !left) {
    throw new Error(
      `No rotation of ${secret} was begun and left, so there is nothing to lead back`,
    );
  }
  const { present, parameters, observed } = await procedure.plan(signal);
  if (present) learn(present);
  const print = present ? await fingerprint(present) : null;
  const { since, every } = configured.common;
  const madeAt = age?.mintedAt ?? (since === undefined ? undefined : new Date(since));
  return {
    parameters,
    observed: {
      ...observed,
      "in-force": print ?? "not visible",
      "begun-and-left": left ? runName(left.runId) : "nothing",
    },
    present: left?.oldFingerprint ?? print,
    left: left ? runName(left.runId) : null,
    isExposed: exposed === true || left?.isExposed === true,
    madeAt: madeAt?.toISOString() ?? null,
    dueAt: madeAt ? new Date(madeAt.getTime() + every).toISOString() : null,
    isHeldElsewhere:
      configured.common.keep === undefined && present !== undefined && holdsItself(present),
  };
}

function askStep(input: RotationInput, parts: RotationParts, opened: OpenedRotation): AskStep {
  const { configured, procedure } = opened;
  const { secret, back } = input;
  return {
    kind: "ask",
    name: ROTATION_STEPS.ask,
    timeoutMs: ASK_TIMEOUT_MS,
    question(results) {
      const looked = lookedAt(results);
      if (!looked) throw new Error("what there is was not looked at");
      return {
        policy: parts.policy,
        // What cannot be undone is not begun by one tap.
        needsCode:
          back !== true &&
          (procedure.endsOldEarly === true || firstIrreversible(procedure.phases) === 0),
        parameters: {
          secret,
          kind: configured.kind,
          ...looked.parameters,
          ...(looked.isExposed ? { exposed: "yes" } : {}),
          ...(back === true
            ? { back: "the old one comes into force again" }
            : { irreversible: procedure.irreversible }),
        },
        observed: looked.observed,
      };
    },
    observe: async ({ signal }) => (await lookAt(input, parts, opened, signal)).observed,
  };
}

/** Begins the rotation in our own rows and seals the old secret away, or takes up what another run has left. */
function openStep(input: RotationInput, parts: RotationParts, opened: OpenedRotation): ActStep {
  const { database, target } = parts;
  const { secret } = input;
  return {
    kind: "act",
    name: ROTATION_STEPS.open,
    timeoutMs: PLAN_TIMEOUT_MS,
    async observe({ run }): Promise<Occurrence> {
      const rotation = await database.transaction(async (tx) =>
        openRotation(tx, { target, secret }),
      );
      return rotation && rotation.runId === parseRunName(run)
        ? { kind: "happened", result: { facts: {}, phase: 0 } }
        : { kind: "absent" };
    },
    async act(context) {
      const runId = parseRunName(context.run);
      if (runId === undefined) throw new Error(`${context.run} is no run.`);
      const { present } = await opened.procedure.plan(context.signal);
      const isExposed = input.exposed === true;
      const phase = input.back === true ? 0 : await phaseOf(opened, context);
      return database.transaction(async (tx, now) => {
        const left = await openRotation(tx, { target, secret });
        if (left) {
          await takeUpRotation(tx, left.id, { runId, isExposed });
          return { facts: { "gone-on-with": runName(left.runId) }, phase };
        }
        const id = await beginRotation(tx, now, { target, secret, runId, isExposed });
        if (present) await opened.vault.keepOld(tx, id, present);
        return { facts: {}, phase: 0 };
      });
    },
  };
}

/**
 * The last phase whose deeds all hold, of a rotation that another run has left: what comes before it need not be so any
 * more, as the old one need not be accepted again after it was refused.
 */
async function phaseOf(
  { procedure: { phases }, vault }: OpenedRotation,
  context: StepContext,
): Promise<number> {
  if (!(await vault.isOpen())) return 0;
  const holds = async ({ deeds }: Phase): Promise<boolean> => {
    const acts = deeds.filter(({ readsOnly }) => readsOnly !== true);
    for (const deed of acts) {
      const standing = await deed.probe({ ...context, baseline: null }).catch(() => "absent");
      if (standing !== "holds") return false;
    }
    return acts.length > 0;
  };
  const before = phases.slice(0, firstIrreversible(phases));
  for (const [index, phase] of [...before.entries()].toReversed()) {
    if (await holds(phase)) return index;
  }
  return 0;
}

const openedSchema = z.object({ phase: z.number() });

/** The phase with which a run has begun. */
function begunWith(results: Results): number {
  return openedSchema.safeParse(results[ROTATION_STEPS.open]).data?.phase ?? 0;
}

/** Before what cannot be undone: everything that was proved is proved again, and people say yes to a code. */
function askAnewStep(
  parts: RotationParts,
  { configured, procedure, vault }: OpenedRotation,
): AskStep {
  const { phases } = procedure;
  const before = phases.slice(0, firstIrreversible(phases));
  const proofs = before.findLast(({ name }) => PROOFS.includes(name))?.deeds ?? [];
  const proved = (of: (deed: Deed) => string): Facts =>
    Object.fromEntries(proofs.map((deed) => [deed.name, of(deed)]));
  return {
    kind: "ask",
    name: ROTATION_STEPS.askAnew,
    timeoutMs: ASK_TIMEOUT_MS,
    question: (results) => ({
      policy: parts.policy,
      needsCode: true,
      parameters: {
        kind: configured.kind,
        old: lookedAt(results)?.present ?? "not visible",
        irreversible: procedure.irreversible,
      },
      observed: proved(() => "yes"),
    }),
    async observe(context) {
      // A process that goes on with it may have to know first what it masks.
      await vault.mintedYet();
      const standings = new Map<Deed, string>();
      for (const deed of proofs) {
        const standing = await deed.probe({ ...context, baseline: null });
        standings.set(deed, standing === "holds" ? "yes" : "no longer");
      }
      return proved((deed) => standings.get(deed) ?? "not looked at");
    },
  };
}

const PROOFS: readonly RotationPhase[] = ["prove-new", "prove-old-dead"];

function refusedStep({ database, target }: RotationParts, { secret }: RotationInput): ActStep {
  return {
    kind: "act",
    name: ROTATION_STEPS.refused,
    timeoutMs: OWN_TIMEOUT_MS,
    observe: async () => ({ kind: "absent" }),
    act: async () =>
      database.transaction(async (tx, now) => {
        const rotation = await openRotation(tx, { target, secret });
        if (rotation) await oldSecretRefused(tx, now, rotation.id);
        return { facts: {} };
      }),
  };
}

/** Ends the rotation in our own rows, where nothing of the values stays. */
function closeStep(
  name: string,
  state: "done" | "led-back",
  { database, target }: RotationParts,
  { secret }: RotationInput,
): ActStep {
  return {
    kind: "act",
    name,
    timeoutMs: OWN_TIMEOUT_MS,
    async observe() {
      const rotation = await database.transaction(async (tx) =>
        openRotation(tx, { target, secret }),
      );
      return rotation ? { kind: "absent" } : { kind: "happened", result: { facts: {} } };
    },
    act: async () =>
      database.transaction(async (tx, now) => {
        const rotation = await openRotation(tx, { target, secret });
        if (!rotation) return { facts: {} };
        await endRotation(tx, now, rotation.id, state);
        const { oldFingerprint, newFingerprint } = rotation;
        return {
          facts: {
            ...(oldFingerprint === null ? {} : { old: oldFingerprint }),
            ...(newFingerprint === null ? {} : { new: newFingerprint }),
          },
        };
      }),
  };
}
