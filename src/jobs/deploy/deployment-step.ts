import { z } from "zod";

import type { Json } from "../../core/json.ts";
import { growingPauses, pause } from "../../core/waiting.ts";
import { type Coolify, isActiveDeployment } from "../../systems/coolify.ts";
import { NotConfiguredError } from "../../systems/not-configured-error.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { ActStep, LookStep, Occurrence, Results } from "../operation.ts";
import {
  type AwaitedDeployment,
  type DeploymentProgress,
  deploymentsBefore,
  deploymentsBeforeSchema,
  deploymentSince,
  judgeDeployment,
  tooLong,
} from "./deployment-sight.ts";

type DeployParts = {
  readonly name: string;
  readonly coolify: Pick<Coolify, "application" | "deployments" | "deployment" | "deployCommit">;
  readonly application: string;
  /** The full hash of what shall run. */
  commitOf(results: Results): string;
  readonly timeoutMs: number;
  readonly disturbs?: readonly string[];
  applies?(results: Results): boolean;
  /** How long what was asked for may take to show in Coolify's list. */
  readonly graceMs?: number;
  readonly everyMs?: number;
};

const GRACE_MS = 5_000;
const GRACE_EVERY_MS = 1_000;
/** Longer than Coolify ever takes to accept, shorter than anybody wants to wait for nothing. */
const ANSWER_WITHIN_MS = 45_000;
const EACH_LOOK_MS = 10_000;
/** All tokens of one owner share their requests; who is told to slow down does. */
const SLOWER = 5;

const acceptedSchema = z.object({ deployment: z.string() });

/** The deployment that a deploy step's result names; undefined when a person said of it that it happened. */
export function deploymentIn(result: Json | undefined): string | undefined {
  return acceptedSchema.safeParse(result).data?.deployment;
}

/** Between asking and knowing: what an attempt of this process has come to. */
type Attempt = "none" | "refused" | "unanswered" | "failed";

/**
 * Asks Coolify once to deploy exactly one commit, with the variables of now; with the commit that runs it makes the
 * containers anew. After any doubt the deployment is looked for and adopted, and never asked for again.
 */
export function deployStep(parts: DeployParts): ActStep {
  const { name, coolify, application, commitOf, timeoutMs, disturbs, applies } = parts;
  let attempt: Attempt = "none";
  return {
    kind: "act",
    name,
    timeoutMs,
    whenCancelled: goesOn(application),
    ...(disturbs === undefined ? {} : { disturbs }),
    ...(applies === undefined ? {} : { applies }),
    async baseline({ signal }) {
      const read = async <Read>(look: (each: AbortSignal) => Promise<Read>): Promise<Read> =>
        readPatiently(look, signal, parts.everyMs);
      const { buildPack } = await read(async (each) => coolify.application(application, each));
      if (buildPack === "dockerimage") {
        throw new Error(
          `${application} runs an image of a registry, for which Coolify ignores the commit; expected an application that is built from git`,
        );
      }
      return deploymentsBefore(await read(async (each) => coolify.deployments(application, each)));
    },
    async observe({ signal, baseline, results }) {
      if (attempt === "refused") return { kind: "absent" };
      const occurrence = await lookFor(parts, commitOf(results), baseline, signal);
      if (occurrence.kind === "happened" || attempt !== "unanswered") return occurrence;
      const reason = `Coolify did not answer in time whether it deploys ${application}, and its list has no such deployment; it may still come`;
      return { kind: "unclear", reason };
    },
    async act({ signal, results }) {
      const commit = commitOf(results);
      attempt = "unanswered";
      const answering = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]);
      const asking = coolify.deployCommit(application, commit, answering);
      const deployment = await asking.catch((error: unknown) => {
        attempt = meaningOf(error);
        throw error;
      });
      attempt = "failed";
      if (await isMissing(parts, deployment, signal)) {
        throw new Error(
          `Coolify accepted it as deployment ${deployment} of ${application}, and has no such deployment`,
        );
      }
      return { deployment, commit, adopted: false };
    },
  };
}

/** What a stop does not stop, in words. */
function goesOn(application: string): string {
  return `Coolify goes on with the deployment of ${application} that was asked for.`;
}

const READ_ATTEMPTS = 3;
const READ_PAUSE_MS = 2_000;

/** What has to be known before an act: a change in the night should not end at the first request that is lost. */
async function readPatiently<Read>(
  look: (signal: AbortSignal) => Promise<Read>,
  signal: AbortSignal,
  pauseMs: number = READ_PAUSE_MS,
): Promise<Read> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await look(AbortSignal.any([signal, AbortSignal.timeout(EACH_LOOK_MS)]));
    } catch (error) {
      if (!isPassing(error) || attempt >= READ_ATTEMPTS) throw error;
      await pause(error.kind === "rate-limited" ? pauseMs * SLOWER : pauseMs, signal);
      signal.throwIfAborted();
    }
  }
}

const NEVER_SENT = [
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
];
const REFUSALS = ["rejected", "rate-limited", "unauthorized"];

/** Coolify's own no means that nothing was done, and so does a request that never got there. */
function meaningOf(error: unknown): Attempt {
  if (error instanceof NotConfiguredError) return "refused";
  if (!(error instanceof SystemError)) return "unanswered";
  const { kind, code = "" } = error;
  // Somebody in between may have lost patience with what Coolify goes on doing.
  if (NEVER_SENT.includes(code) || (REFUSALS.includes(kind) && code !== "408")) return "refused";
  return kind === "timeout" ? "unanswered" : "failed";
}

/** The row is there before Coolify answers. While nobody can look, its answer is believed. */
async function isMissing(
  { coolify, application }: DeployParts,
  deployment: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const each = AbortSignal.any([signal, AbortSignal.timeout(EACH_LOOK_MS)]);
    return (await coolify.deployment(application, deployment, each)) === undefined;
  } catch (error) {
    if (error instanceof SystemError) return false;
    throw error;
  }
}

async function lookFor(
  { coolify, application, graceMs = GRACE_MS, everyMs = GRACE_EVERY_MS }: DeployParts,
  commit: string,
  baseline: Json,
  signal: AbortSignal,
): Promise<Occurrence> {
  const before = deploymentsBeforeSchema.parse(baseline);
  const grace = AbortSignal.any([signal, AbortSignal.timeout(graceMs)]);
  for (;;) {
    try {
      const each = AbortSignal.any([signal, AbortSignal.timeout(EACH_LOOK_MS)]);
      const rows = await coolify.deployments(application, each);
      const found = deploymentSince(before, rows, commit);
      if (found !== undefined) {
        return { kind: "happened", result: { deployment: found.uuid, commit, adopted: true } };
      }
      if (grace.aborted) return { kind: "absent" };
    } catch (error) {
      if (grace.aborted || !(error instanceof SystemError)) throw error;
    }
    await pause(everyMs, grace);
    signal.throwIfAborted();
  }
}

type EndParts = {
  readonly name: string;
  readonly coolify: Pick<Coolify, "deployments">;
  readonly application: string;
  /** What the deploy step's result names; see `deploymentIn`. */
  deploymentOf(results: Results): string | undefined;
  commitOf(results: Results): string;
  /** Waiting in Coolify's queue included. */
  readonly withinMs: number;
  readonly disturbs?: readonly string[];
  applies?(results: Results): boolean;
  readonly everyMs?: number;
};

const EVERY_MS = 3_000;
const SLACK_MS = 15_000;
/** A list that is read while it changes may miss a row once. */
const MISSES_BELIEVED = 2;

/**
 * Waits until a deployment has ended, its post-deployment command included, and has put exactly this commit in place. It
 * fails, and says why, when the deployment failed, was cancelled, vanished, was overtaken, or does not come to an end.
 */
export function deploymentEndsStep(parts: EndParts): LookStep {
  const { name, application, withinMs, disturbs, applies } = parts;
  return {
    kind: "look",
    name,
    timeoutMs: withinMs + SLACK_MS,
    whenCancelled: goesOn(application),
    ...(disturbs === undefined ? {} : { disturbs }),
    ...(applies === undefined ? {} : { applies }),
    async look({ signal, results, report }) {
      const uuid = parts.deploymentOf(results);
      const awaited = { application, uuid, commit: parts.commitOf(results) };
      return waitForEnd(parts, awaited, report, signal);
    },
  };
}

async function waitForEnd(
  { coolify, withinMs, everyMs = EVERY_MS }: EndParts,
  awaited: AwaitedDeployment,
  report: (progress: Json) => void,
  signal: AbortSignal,
): Promise<Json> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
  let progress: DeploymentProgress | undefined;
  let misses = 0;
  const nextPauseMs = growingPauses(everyMs);
  for (;;) {
    let pauseMs = nextPauseMs();
    let trouble: SystemError | undefined;
    try {
      const each = AbortSignal.any([signal, AbortSignal.timeout(EACH_LOOK_MS)]);
      const sight = judgeDeployment(awaited, await coolify.deployments(awaited.application, each));
      if (sight.kind === "failed") throw new Error(sight.reason);
      if (sight.kind === "finished") {
        const { uuid, commit, finishedAt } = sight.row;
        return { deployment: uuid, commit, finishedAt: finishedAt.toISOString() };
      }
      misses = sight.kind === "missing" ? misses + 1 : 0;
      if (misses >= MISSES_BELIEVED) throw new Error(vanished(awaited));
      // A list that changes is not read again while the same change is under way.
      if (misses > 0) pauseMs = everyMs;
      if (sight.kind === "under-way") {
        ({ progress } = sight);
        report(progress);
      }
    } catch (error) {
      if (!isPassing(error)) throw error;
      trouble = error;
      if (error.kind === "rate-limited") pauseMs = SLOWER * everyMs;
    }
    signal.throwIfAborted();
    if (patience.aborted) {
      if (trouble === undefined) throw new Error(tooLong(awaited, progress, withinMs));
      const { uuid, application } = awaited;
      const called = `deployment ${uuid ?? "asked for"} of ${application}`;
      throw new Error(`nobody can tell how ${called} ended: ${trouble.message}`, {
        cause: trouble,
      });
    }
    await pause(pauseMs, patience);
    signal.throwIfAborted();
  }
}

/** A deployment goes on while Coolify cannot be asked about it. */
function isPassing(error: unknown): error is SystemError {
  const passing = ["unreachable", "timeout", "rate-limited"];
  return error instanceof SystemError && passing.includes(error.kind);
}

function vanished({ application, uuid, commit }: AwaitedDeployment): string {
  return uuid === undefined
    ? `Coolify lists no deployment of ${application} that was asked for by the commit ${commit}`
    : `Coolify has no deployment ${uuid} of ${application} any more`;
}

type CancelParts = {
  readonly name: string;
  readonly coolify: Pick<Coolify, "activeDeployments" | "cancelDeployment">;
  readonly application: string;
  /** What may be cancelled, for that is what people were shown; what came later is left to be found at the end. */
  deploymentsOf(results: Results): readonly string[];
  readonly everyMs?: number;
};

const CANCEL_TIMEOUT_MS = 90_000;
/** It waits for the server, where the building container is removed. */
const CANCEL_WITHIN_MS = 20_000;
const CANCEL_EVERY_MS = 2_000;
const CANCEL_ATTEMPTS = 3;

const activeSchema = z.array(z.string());

/** Ends whatever is being deployed, so that a change need not queue behind a deployment that is stuck. */
export function cancelActiveStep(parts: CancelParts): ActStep {
  const { name, coolify, application, deploymentsOf } = parts;
  const activeNow = async (signal: AbortSignal): Promise<string[]> =>
    (await coolify.activeDeployments(application, signal)).map(({ uuid }) => uuid);
  return {
    kind: "act",
    name,
    timeoutMs: CANCEL_TIMEOUT_MS,
    applies: (results) => deploymentsOf(results).length > 0,
    async baseline({ results, signal }) {
      const active = await readPatiently(activeNow, signal, parts.everyMs);
      return active.filter((uuid) => deploymentsOf(results).includes(uuid));
    },
    async observe({ signal, baseline }) {
      const wanted = activeSchema.parse(baseline);
      const active = await activeNow(signal);
      if (wanted.some((uuid) => active.includes(uuid))) return { kind: "absent" };
      return { kind: "happened", result: { ended: wanted } };
    },
    async act({ signal, baseline }) {
      const ended = activeSchema.parse(baseline);
      for (const uuid of ended) await cancel(parts, uuid, signal);
      return { ended };
    },
  };
}

/** Unlike most acts this one may be repeated: what has ended is not ended again. */
async function cancel(
  { coolify, application, everyMs = CANCEL_EVERY_MS }: CancelParts,
  uuid: string,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const each = AbortSignal.any([signal, AbortSignal.timeout(CANCEL_WITHIN_MS)]);
      const row = await coolify.cancelDeployment(application, uuid, each);
      if (!isActiveDeployment(row)) return;
      throw new Error(`deployment ${uuid} of ${application} is still ${row.status}`);
    } catch (error) {
      const mayPass =
        error instanceof SystemError && ["unreachable", "timeout"].includes(error.kind);
      if (!mayPass || attempt >= CANCEL_ATTEMPTS) throw error;
      await pause(everyMs, signal);
      signal.throwIfAborted();
    }
  }
}
