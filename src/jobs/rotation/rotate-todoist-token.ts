import { z } from "zod";

import { formatDuration } from "../../core/duration.ts";
import type { Secret } from "../../core/secret.ts";
import { durationSetting, textSetting, urlSetting } from "../../core/setting.ts";
import { pause } from "../../core/waiting.ts";
import { coolifyApplicationSetting } from "../../systems/coolify-settings.ts";
import { heldJobsStep } from "../worker/held-jobs.ts";
import { patiently, proofDeed, variablesDeed } from "./rotation-deeds.ts";
import { ownCopyPhases } from "./rotation-own-copy.ts";
import {
  defineProcedure,
  type Deed,
  type DeedContext,
  type OpenedProcedure,
  type Phase,
  type RotationContext,
} from "./rotation-procedure.ts";
import { questionSetting, wrongAnswer } from "./rotation-question.ts";
import { madeAnewDeed } from "./rotation-redeploy.ts";
import { presentVariable } from "./rotation-variable.ts";

const CALL_TIMEOUT_MS = 90_000;
const STOPPED_WITHIN_MS = 2 * 60_000;
const PROVED_WITHIN_MS = 2 * 60_000;
const LOOK_EVERY_MS = 1_000;
const EACH_LOOK_MS = 60_000;

const settings = {
  applications: z
    .array(coolifyApplicationSetting())
    .min(1)
    .meta({ description: "The applications that sync; they are paused while there is no token" }),
  variable: textSetting().default("TODOIST_TOKEN").meta({
    description: "The variable in which it stands",
  }),
  api: urlSetting().default("https://api.todoist.com/api/v1"),
  proofs: z.array(questionSetting).default([]).meta({
    description: "Requests that show that the product reaches Todoist",
  }),
  handedOverWithin: durationSetting({ minimumMs: 10_000, maximumMs: 2 * 3_600_000 })
    .default(30 * 60_000)
    .meta({ description: "How long a person has to make the new one and hand it over" }),
};

type Settings = z.output<z.ZodObject<typeof settings>>;
type Context = RotationContext<Settings>;

/**
 * The personal token of a Todoist account. There is one at a time, and making a new one ends the old one, so whoever syncs
 * is paused: jobs wait in the queue, and the time for which they do is measured.
 */
export const todoistToken = defineProcedure({
  kind: "todoist-token",
  description: "The personal token of a Todoist account, which only a person can make anew",
  settings,
  applications: ({ applications }) => applications,
  open,
});

/** What is remembered of the time before, when the old one cannot say it any more. */
const NOTES = { user: "todoist-user", pausedAt: "paused-since", gap: "gap" } as const;

function open(context: Context): OpenedProcedure {
  const { settings: of, vault } = context;
  return {
    hasOverlap: false,
    readBy: of.applications,
    endsOldEarly: true,
    irreversible: "issuing a new token ends the old one at once; nobody can bring it back",
    async plan(signal) {
      const present = (await vault.isOpen())
        ? await vault.old()
        : await presentVariable(context, signal);
      const user = await userOf(context, present, signal);
      return {
        present,
        parameters: {
          applications: of.applications.join(", "),
          variable: of.variable,
          meanwhile: `${of.applications.join(" and ")} paused, jobs wait in the queue`,
          "made-by": "a person, in Todoist's settings",
        },
        observed: { "at-todoist": user === undefined ? "refused" : "accepted" },
      };
    },
    phases: phasesOf(context),
  };
}

function phasesOf(context: Context): readonly Phase[] {
  const { settings: of, vault, systems } = context;
  return [
    {
      name: "drain",
      deeds: [
        userNotedDeed(context),
        ...heldJobs(context),
        ...of.applications.map((application) => pauseDeed(context, application)),
      ],
      undo: of.applications.map((application) => resumeDeed(context, application)),
    },
    { name: "mint", deeds: [handedOverDeed(context)] },
    { name: "distribute", deeds: handOut(context) },
    ...ownCopyPhases(context),
    {
      name: "prove-new",
      deeds: [
        proofDeed({
          name: "the new one is accepted, as the same user, and the product syncs with it",
          withinMs: PROVED_WITHIN_MS,
          eachMs: EACH_LOOK_MS,
          problem: async (signal) =>
            (await problemWith(context, await vault.minted(), signal)) ??
            (await notRunning(context, signal)) ??
            wrongAnswer(systems.http, of.proofs, signal),
        }),
      ],
    },
    {
      name: "prove-old-dead",
      deeds: [
        proofDeed({
          name: "the old one is refused",
          withinMs: PROVED_WITHIN_MS,
          inARow: 2,
          problem: async (signal) =>
            (await userOf(context, await vault.old(), signal)) === undefined
              ? undefined
              : "Todoist still accepts the old one",
        }),
      ],
    },
  ];
}

async function userOf(
  { settings: of, systems }: Context,
  token: Secret,
  signal: AbortSignal,
): Promise<string | undefined> {
  return patiently(async (each) => systems.todoist.userOf(of.api, token, each), signal);
}

/** While the old one can still tell; a token of somebody else's account would be accepted as well. */
function userNotedDeed(context: Context): Deed {
  const { vault } = context;
  return {
    name: "whose token it is has been noted",
    timeoutMs: CALL_TIMEOUT_MS,
    probe: async () => (NOTES.user in (await vault.notes()) ? "holds" : "absent"),
    async apply({ signal }) {
      const user = await userOf(context, await vault.old(), signal);
      await vault.note({ [NOTES.user]: user ?? "unknown" });
      return {};
    },
  };
}

/** A worker that is stopped loses the job in its hands, so it is stopped when it holds none. */
function heldJobs({ rollout, systems }: Context): readonly Deed[] {
  const jobs = rollout?.jobs;
  if (!jobs) return [];
  const name = "the worker holds no job";
  const step = heldJobsStep({ name, systems, jobs, withinMs: jobs.within });
  return [
    {
      name,
      readsOnly: true,
      timeoutMs: step.timeoutMs,
      probe: async () => "absent",
      async apply(context: DeedContext) {
        const { held } = heldSchema.parse(await step.look(context));
        if (held.length === 0) return {};
        const formatted = formatDuration(jobs.within);
        throw new Error(
          `it still holds ${held.length} after ${formatted}, and would lose them if it were stopped`,
        );
      },
    },
  ];
}

const heldSchema = z.object({ held: z.array(z.unknown()) });

async function isStopped(
  { systems }: Context,
  application: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { state } = await patiently(
    async (each) => systems.coolify.application(application, each),
    signal,
  );
  return state === "exited";
}

function pauseDeed(context: Context, application: string): Deed {
  const { systems, vault, checks } = context;
  return {
    name: `${application} is paused`,
    timeoutMs: STOPPED_WITHIN_MS + CALL_TIMEOUT_MS,
    disturbs: checks.filter((one) => one.application === application).map(({ name }) => name),
    probe: async ({ signal }) =>
      (await isStopped(context, application, signal)) ? "holds" : "absent",
    async apply({ signal }) {
      const { [NOTES.pausedAt]: since } = await vault.notes();
      if (since === undefined) await vault.note({ [NOTES.pausedAt]: new Date().toISOString() });
      await patiently(async (each) => systems.coolify.stopApplication(application, each), signal);
      const patience = AbortSignal.any([signal, AbortSignal.timeout(STOPPED_WITHIN_MS)]);
      while (!(await isStopped(context, application, signal))) {
        if (patience.aborted) throw new Error(`${application} does not stop`);
        await pause(LOOK_EVERY_MS, patience);
      }
      return {};
    },
  };
}

/** A worker with a dead token would turn its jobs into dead letters: it stays paused until there is one that works. */
function resumeDeed(context: Context, application: string): Deed {
  const { vault, secret } = context;
  const name = `${application} runs again, with the old one`;
  const redeploy = madeAnewDeed(context, { application, name });
  return {
    ...redeploy,
    probe: async ({ signal }) =>
      (await isStopped(context, application, signal)) ? "absent" : "holds",
    async apply(deedContext) {
      const user = await userOf(context, await vault.old(), deedContext.signal);
      if (user !== undefined) return redeploy.apply(deedContext);
      throw new Error(
        `the old one is dead already, so there is no way back: ${application} stays paused and loses nothing. ` +
          `Hand over the new one (flightdeck rotate supply ${secret}) and go on: /rotate ${secret}`,
      );
    },
  };
}

/** What was mistyped, or is somebody else's, is put away again, so that the right one can be handed over. */
function handedOverDeed(context: Context): Deed {
  const { settings: of, vault, secret, fingerprint } = context;
  const within = formatDuration(of.handedOverWithin);
  return {
    name: "a person has handed over a new one that Todoist accepts",
    readsOnly: true,
    timeoutMs: of.handedOverWithin + CALL_TIMEOUT_MS,
    asksPerson: `Todoist → Settings → Integrations → Developer: issue a new API token, and hand it over within ${within}. Step by step, in private: /rotate guide ${secret}`,
    probe: async () => ((await vault.mintedYet()) ? "holds" : "absent"),
    async apply({ signal, report }) {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(of.handedOverWithin)]);
      for (;;) {
        const handed = await vault.mintedYet();
        const problem = handed
          ? await problemWith(context, handed, signal)
          : "nobody has handed over the new one";
        if (handed && problem === undefined) return { new: await fingerprint(handed) };
        if (handed) {
          await vault.discardNew();
          report({ handedOver: problem ?? "" });
        }
        signal.throwIfAborted();
        if (patience.aborted) throw new Error(`${problem} within ${within}`);
        await pause(LOOK_EVERY_MS, patience);
      }
    },
  };
}

async function problemWith(
  context: Context,
  token: Secret,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { vault } = context;
  if (token.reveal() === (await vault.old()).reveal()) return "what was handed over is the old one";
  const user = await userOf(context, token, signal);
  if (user === undefined) return "Todoist does not accept what was handed over";
  const { [NOTES.user]: before = "unknown" } = await vault.notes();
  return before === "unknown" || before === user
    ? undefined
    : "what was handed over is the token of another user";
}

async function notRunning(context: Context, signal: AbortSignal): Promise<string | undefined> {
  for (const application of context.settings.applications) {
    if (await isStopped(context, application, signal)) return `${application} does not run`;
  }
  return undefined;
}

function handOut(context: Context): readonly Deed[] {
  const { settings: of, systems, vault } = context;
  const last = of.applications.at(-1);
  return [
    variablesDeed({
      name: "the new one is in the environment",
      coolify: systems.coolify,
      applications: of.applications,
      values: async () => ({ [of.variable]: await vault.minted() }),
    }),
    ...of.applications.map((application) => {
      const name = `${application} runs again, with the new one`;
      const deed = madeAnewDeed(context, { application, name });
      return application === last ? timed(context, deed) : deed;
    }),
  ];
}

/** For how long nothing was synced, as far as anybody waits for it: from the pause until all of them run again. */
function timed({ vault }: Context, deed: Deed): Deed {
  return {
    ...deed,
    async apply(context) {
      const facts = await deed.apply(context);
      const { [NOTES.pausedAt]: since } = await vault.notes();
      if (since === undefined) return facts;
      const gap = untilNow(since);
      await vault.note({ [NOTES.gap]: gap });
      return { ...facts, gap };
    },
    async told() {
      const { [NOTES.pausedAt]: since, [NOTES.gap]: gap } = await vault.notes();
      if (gap !== undefined) return { gap };
      // Whoever waited for them died before it was told; it was no longer than this.
      return since === undefined ? {} : { gap: `at most ${untilNow(since)}` };
    },
  };
}

function untilNow(since: string): string {
  return formatDuration(Math.max(0, Date.now() - Date.parse(since)));
}
