import { randomBytes } from "node:crypto";

import { z } from "zod";

import type { Facts } from "../../core/approval.ts";
import { formatDuration } from "../../core/duration.ts";
import { Secret } from "../../core/secret.ts";
import { durationSetting, textSetting } from "../../core/setting.ts";
import { pause } from "../../core/waiting.ts";
import { coolifyApplicationSetting } from "../../systems/coolify-settings.ts";
import { SystemError } from "../../systems/system-error.ts";
import { proofDeed, standingBy, variablesDeed } from "./rotation-deeds.ts";
import { ownCopyPhases } from "./rotation-own-copy.ts";
import {
  defineProcedure,
  type Deed,
  type OpenedProcedure,
  type Phase,
  type RotationContext,
} from "./rotation-procedure.ts";
import { JOBS_END, madeAnewDeeds } from "./rotation-redeploy.ts";
import { presentVariable } from "./rotation-variable.ts";

const SECRET_BYTES = 32;
const MINT_TIMEOUT_MS = 10_000;
const REGISTER_TIMEOUT_MS = 60_000;
const KNOCK_EVERY_MS = 200;
/** What is noted for whoever goes on with it, and for the measured gap. */
const NOTES = {
  refusedSince: "the old one is refused since",
  beganAt: "the old one is replaced since",
  registered: "registered",
  gap: "gap",
} as const;

const settings = {
  applications: z
    .array(coolifyApplicationSetting())
    .min(1)
    .meta({ description: "The applications that read it" }),
  variable: textSetting().default("TELEGRAM_WEBHOOK_SECRET").meta({
    description: "The variable in which it stands",
  }),
  acceptsTwo: z.boolean().default(false).meta({
    description:
      "The product takes `old,new` for two secrets; most compare one, and then Telegram waits and sends again",
  }),
  calmWithin: durationSetting()
    .default(5 * 60_000)
    .meta({ description: "How long Telegram may take to bring what waits" }),
};

type Settings = z.output<z.ZodObject<typeof settings>>;
type Context = RotationContext<Settings>;

/** What Telegram brings along with every update for the product's bot, and the product demands. */
export const webhookSecret = defineProcedure({
  kind: "webhook-secret",
  description: "The secret of the product's webhook (systems.productWebhook)",
  settings,
  applications: ({ applications }) => applications,
  open,
});

function open(context: Context): OpenedProcedure {
  const { settings: of, systems, vault } = context;
  return {
    hasOverlap: of.acceptsTwo,
    readBy: of.applications,
    irreversible: "the old secret is forgotten; only a person could put it back",
    async plan(signal) {
      const present = (await vault.isOpen())
        ? await vault.old()
        : await presentVariable(context, signal);
      const { url, pendingUpdates } = await systems.productWebhook.registration(signal);
      if (url !== systems.productWebhook.url()) {
        throw new Error(
          "Telegram brings the updates elsewhere than to the configured address; `/webhook` shows where",
        );
      }
      return {
        present,
        parameters: {
          applications: of.applications.join(", "),
          variable: of.variable,
          meanwhile: of.acceptsTwo
            ? "both are accepted"
            : `updates wait at Telegram (${pendingUpdates} now), none is lost`,
        },
        observed: { address: new URL(url).host },
      };
    },
    phases: of.acceptsTwo ? overlapping(context) : oneAfterTheOther(context),
  };
}

/** The product takes two for a while, so that no update is ever refused. */
function overlapping(context: Context): readonly Phase[] {
  return [
    { name: "mint", deeds: [mintDeed(context)] },
    {
      name: "install",
      deeds: change(context, "both are accepted", "both", JOBS_END),
      undo: change(context, "the old one alone is accepted again", "old"),
    },
    {
      name: "distribute",
      deeds: [registerDeed(context, "Telegram brings the new one", "new")],
      undo: [registerDeed(context, "Telegram brings the old one again", "old")],
    },
    ...ownCopyPhases(context),
    { name: "prove-new", deeds: [calmDeed(context, "updates arrive with the new one", "both")] },
    {
      name: "disable-old",
      deeds: change(context, "the new one alone is accepted", "new", `${JOBS_END} anew`),
      undo: change(context, "both are accepted again", "both"),
    },
    provedDead(context),
    { name: "destroy-old", deeds: [] },
  ];
}

/** The product compares one: between its restart and Telegram's new registration updates are refused, and come again. */
function oneAfterTheOther(context: Context): readonly Phase[] {
  return [
    { name: "mint", deeds: [mintDeed(context)] },
    {
      name: "distribute",
      deeds: [
        ...change(context, "the new one is in force", "new", JOBS_END),
        registerDeed(context, "Telegram brings the new one", "new"),
      ],
      undo: [
        ...change(context, "the old one is in force again", "old"),
        registerDeed(context, "Telegram brings the old one again", "old"),
      ],
    },
    ...ownCopyPhases(context),
    { name: "prove-new", deeds: [calmDeed(context, "updates arrive with the new one", "new")] },
    provedDead(context),
    { name: "destroy-old", deeds: [] },
  ];
}

/** Whose secret the product accepts. */
type Wanted = "old" | "both" | "new";

function provedDead(context: Context): Phase {
  return {
    name: "prove-old-dead",
    deeds: [
      proofDeed({
        name: "the old one is refused, and the new one is not",
        withinMs: REGISTER_TIMEOUT_MS,
        inARow: 3,
        problem: async (signal) => whatIsWrong(context, "new", signal),
      }),
    ],
  };
}

function mintDeed({ vault, fingerprint }: Context): Deed {
  return {
    name: "a new one is made",
    timeoutMs: MINT_TIMEOUT_MS,
    probe: async () => ((await vault.mintedYet()) ? "holds" : "absent"),
    async apply(): Promise<Facts> {
      const secret = new Secret(randomBytes(SECRET_BYTES).toString("base64url"));
      await vault.keepNew(secret);
      return { new: await fingerprint(secret) };
    },
  };
}

/** The variable as it is wanted, and whoever reads it made anew. */
function change(context: Context, name: string, wanted: Wanted, jobsEnd?: string): readonly Deed[] {
  const { settings: of, systems } = context;
  const anew = madeAnewDeeds(context, {
    applications: of.applications,
    name: (application) => `${name}, and ${application} has read it`,
    ...(jobsEnd === undefined ? {} : { jobsEnd }),
    inForce: async (signal) => standingBy(await whatIsWrong(context, wanted, signal)),
  });
  return [
    variablesDeed({
      name: `${name} in the environment`,
      coolify: systems.coolify,
      applications: of.applications,
      values: async () => ({ [of.variable]: await valueOf(context, wanted) }),
    }),
    ...anew.map((deed) =>
      deed.readsOnly !== true && wanted === "new" && !of.acceptsTwo ? timed(context, deed) : deed,
    ),
  ];
}

async function valueOf({ vault }: Context, wanted: Wanted): Promise<Secret> {
  const old = await vault.old();
  // Nothing is to be led back from that was not even made.
  const minted = await vault.mintedYet();
  if (wanted === "old" || minted === undefined) return old;
  return wanted === "new" ? minted : new Secret(`${old.reveal()},${minted.reveal()}`);
}

/** Knocks with the old one while the new one comes into force, to know since when updates are refused. */
function timed(context: Context, deed: Deed): Deed {
  const { systems, vault } = context;
  return {
    ...deed,
    async apply(deedContext) {
      const ending = new AbortController();
      const signal = AbortSignal.any([deedContext.signal, ending.signal]);
      const old = await vault.old();
      await vault.note({ [NOTES.beganAt]: new Date().toISOString() });
      const watching = (async () => {
        while (!signal.aborted) {
          const at = new Date();
          const status = await systems.productWebhook.answerTo(old, signal).catch(() => undefined);
          if (status === 403) return at;
          await pause(KNOCK_EVERY_MS, signal);
        }
        return undefined;
      })();
      try {
        return await deed.apply(deedContext);
      } finally {
        ending.abort();
        const since = await watching;
        if (since) await vault.note({ [NOTES.refusedSince]: since.toISOString() });
      }
    },
  };
}

/**
 * Telegram does not say which secret it sends along, so what was done is noted; where nobody noted it, it is done again,
 * which does no harm.
 */
function registerDeed(context: Context, name: string, which: "old" | "new"): Deed {
  const { systems, vault, fingerprint } = context;
  const { productWebhook } = systems;
  return {
    name,
    timeoutMs: REGISTER_TIMEOUT_MS,
    async probe({ signal }) {
      const wanted = await fingerprint(await valueOf(context, which));
      const noted = (await vault.notes())[NOTES.registered];
      const { url } = await productWebhook.registration(signal);
      const isThere = url === productWebhook.url() && noted === wanted;
      // Nobody has ever brought another one than the old one, as long as nothing is noted.
      return isThere || (noted === undefined && which === "old") ? "holds" : "absent";
    },
    async apply({ signal }) {
      const secret = await valueOf(context, which);
      await vault.note({ [NOTES.registered]: "nobody knows" });
      await productWebhook.registerWith(secret, signal);
      const gap = which === "new" ? gapIn(await vault.notes()) : {};
      await vault.note({ [NOTES.registered]: await fingerprint(secret), ...gap });
      return gap;
    },
    async told() {
      const { [NOTES.gap]: gap } = await vault.notes();
      return gap === undefined || which === "old" ? {} : { gap };
    },
  };
}

/** For how long neither was accepted; whoever watched it may have died, and then only the longest is known. */
function gapIn(notes: Facts): Facts {
  const { [NOTES.refusedSince]: since, [NOTES.beganAt]: atEarliest } = notes;
  const untilNow = (from: string): string =>
    formatDuration(Math.max(0, Date.now() - new Date(from).getTime()));
  if (since !== undefined) return { [NOTES.gap]: untilNow(since) };
  return atEarliest === undefined ? {} : { [NOTES.gap]: `at most ${untilNow(atEarliest)}` };
}

/** What Telegram has kept arrives, and it has nothing to complain about. */
function calmDeed(context: Context, name: string, wanted: Wanted): Deed {
  const { settings: of, systems } = context;
  return proofDeed({
    name,
    withinMs: of.calmWithin,
    async problem(signal) {
      const wrong = await whatIsWrong(context, wanted, signal);
      if (wrong !== undefined) return wrong;
      const { url, pendingUpdates } = await systems.productWebhook.registration(signal);
      if (url !== systems.productWebhook.url()) return "Telegram brings the updates elsewhere";
      return pendingUpdates === 0 ? undefined : `${pendingUpdates} updates wait at Telegram`;
    },
  });
}

/** Knocks with what has to be accepted and with what has to be refused, a made-up one among it. */
async function whatIsWrong(
  context: Context,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { vault, systems } = context;
  const minted = await vault.mintedYet();
  const stranger = new Secret(randomBytes(SECRET_BYTES).toString("base64url"));
  const asked = [
    { who: "the old one", secret: await vault.old(), isAccepted: wanted !== "new" },
    ...(minted ? [{ who: "the new one", secret: minted, isAccepted: wanted !== "old" }] : []),
    { who: "a made-up one", secret: stranger, isAccepted: false },
  ];
  const wrong = await Promise.all(
    asked.map(async ({ who, secret, isAccepted }) => {
      const status = await systems.productWebhook.answerTo(secret, signal);
      if (status >= 500 || status === 429) {
        throw new SystemError("http", "unreachable", `the product's webhook answered ${status}`);
      }
      const expected = isAccepted ? 200 : 403;
      return status === expected ? undefined : `${who} was answered ${status}, not ${expected}`;
    }),
  );
  return wrong.find((one) => one !== undefined);
}
