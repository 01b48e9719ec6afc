import { randomBytes } from "node:crypto";

import { z } from "zod";

import type { Facts } from "../../core/approval.ts";
import { formatDuration } from "../../core/duration.ts";
import { Secret } from "../../core/secret.ts";
import { durationSetting, secretSetting, textSetting, urlSetting } from "../../core/setting.ts";
import { coolifyApplicationSetting } from "../../systems/coolify-settings.ts";
import type { XaiKeyRights, XaiManagedKey, XaiManager } from "../../systems/xai-management.ts";
import { patiently, proofDeed, suppliedDeed, variablesDeed } from "./rotation-deeds.ts";
import { ownCopyPhases } from "./rotation-own-copy.ts";
import {
  defineProcedure,
  type Deed,
  type OpenedProcedure,
  type Phase,
  type RotationContext,
} from "./rotation-procedure.ts";
import { questionSetting, wrongAnswer } from "./rotation-question.ts";
import { JOBS_END, madeAnewDeeds } from "./rotation-redeploy.ts";
import { presentVariable } from "./rotation-variable.ts";
import { stayGoodDeed } from "./rotation-watch.ts";

const CALL_TIMEOUT_MS = 90_000;
/** Language models think before they answer. */
const EACH_LOOK_MS = 60_000;
/** What a key may do of which nothing else is known. */
const EVERYTHING = ["api-key:model:*", "api-key:endpoint:*"];

const settings = {
  applications: z
    .array(coolifyApplicationSetting())
    .min(1)
    .meta({ description: "The applications that use it, and are made anew to read it" }),
  variable: textSetting().default("LLM_API_KEY").meta({
    description: "The variable in which it stands",
  }),
  api: urlSetting().default("https://api.x.ai/v1"),
  management: urlSetting().default("https://management-api.x.ai"),
  managementKey: secretSetting()
    .optional()
    .meta({
      description:
        "A management key; without one a person makes and disables keys in xAI's console, guided",
      examples: ["${file:/run/secrets/xai-management-key}"],
    }),
  team: textSetting({ pattern: /^[\w-]{1,80}$/, expected: "the id of a team" })
    .optional()
    .meta({ description: "The team of the key, for the day that xAI does not tell it any more" }),
  model: textSetting().optional().meta({
    description: "What the new key has to complete one word with; by default the first it may use",
  }),
  acceptedWithin: durationSetting({ maximumMs: 30 * 60_000 })
    .default(3 * 60_000)
    .meta({
      description:
        "How long xAI may take until it accepts a new key, or refuses an old one, and the product with it",
    }),
  proofs: z.array(questionSetting).default([]).meta({
    description: "Requests that show that the product reaches its model",
  }),
  handedOverWithin: durationSetting({ minimumMs: 60_000, maximumMs: 2 * 3_600_000 })
    .default(30 * 60_000)
    .meta({ description: "How long a person has for what only a person can do" }),
  watch: durationSetting({ maximumMs: 2 * 3_600_000 })
    .default(10 * 60_000)
    .meta({ description: "How long everything has to stay good without the old one" }),
};

type Settings = z.output<z.ZodObject<typeof settings>>;
type Context = RotationContext<Settings>;

/** A key of xAI: the new one beside the old one, which is disabled before it is deleted. */
export const xaiKey = defineProcedure({
  kind: "xai-key",
  description: "An API key of xAI, made and deleted by its management API or by a person",
  settings,
  applications: ({ applications }) => applications,
  open,
});

function open(context: Context): OpenedProcedure {
  const { settings: of, vault } = context;
  const manager = managerOf(of);
  return {
    hasOverlap: true,
    readBy: of.applications,
    irreversible: manager
      ? "the old key is deleted at xAI; nobody can bring it back"
      : "the old key is forgotten here; delete the disabled one in xAI's console",
    async plan(signal) {
      const present = (await vault.isOpen())
        ? await vault.old()
        : await presentVariable(context, signal);
      const before = await standingOf(context, present, signal);
      if (manager && before.rights.permissions.length === 0) {
        throw new Error(
          "the present key has no permissions at xAI, so one like it would be of no use",
        );
      }
      return {
        present,
        parameters: {
          applications: of.applications.join(", "),
          variable: of.variable,
          "made-by": manager ? "xAI's management API" : "a person, in xAI's console",
          permissions: before.rights.permissions.join(", "),
          limits: limitWords(before.rights),
        },
        observed: { "at-xai": before.words },
      };
    },
    phases: manager ? managed(context, manager) : guided(context),
  };
}

function managerOf({ management, managementKey }: Settings): XaiManager | undefined {
  return managementKey && { url: management, key: managementKey };
}

/** All of it by xAI's management API. */
function managed(context: Context, manager: XaiManager): readonly Phase[] {
  return [
    {
      name: "mint",
      deeds: [mintDeed(context, manager)],
      undo: [unmintDeed(context, manager)],
    },
    { name: "install", deeds: [spreadDeed(context, manager), worksDeed(context)] },
    ...shared(context),
    {
      name: "disable-old",
      deeds: [switchDeed(context, manager, "the old key is disabled at xAI", true)],
      undo: [switchDeed(context, manager, "the old key is enabled at xAI again", false)],
    },
    provedDead(context),
    { name: "destroy-old", deeds: [destroyDeed(context, manager)] },
  ];
}

/** A person makes the new one and disables the old one; everything else is done and proved as ever. */
function guided(context: Context): readonly Phase[] {
  const { settings: of, secret, vault } = context;
  const withinMs = of.handedOverWithin;
  const within = formatDuration(withinMs);
  return [
    {
      name: "mint",
      deeds: [
        suppliedDeed({
          name: "a person has handed over a new one",
          vault,
          withinMs,
          asksPerson: `Make a key with the same permissions in xAI's console, and hand it over within ${within}. Step by step, in private: /rotate guide ${secret}`,
        }),
      ],
    },
    { name: "install", deeds: [worksDeed(context)] },
    ...shared(context),
    {
      name: "disable-old",
      deeds: [
        proofDeed({
          name: "a person has disabled the old key at xAI",
          withinMs,
          asksPerson: `Disable the old key in xAI's console within ${within}; do not delete it yet.`,
          problem: async (signal) => acceptedStill(context, signal),
        }),
      ],
      undo: [
        proofDeed({
          name: "a person has enabled the old key at xAI again",
          withinMs,
          asksPerson: `Enable the old key in xAI's console again within ${within}.`,
          problem: async (signal) => problemWith(context, await vault.old(), signal),
        }),
      ],
    },
    provedDead(context),
    { name: "destroy-old", deeds: [] },
  ];
}

/** The new key goes into the applications, and they prove that they use it. */
function shared(context: Context): readonly Phase[] {
  return [
    {
      name: "distribute",
      deeds: handOut(context, "the new one is handed out", "new"),
      undo: handOut(context, "the old one is handed out again", "old"),
    },
    ...ownCopyPhases(context),
    {
      name: "prove-new",
      deeds: [
        proofDeed({
          name: "the new key works, and the product with it",
          withinMs: context.settings.acceptedWithin,
          eachMs: EACH_LOOK_MS,
          problem: async (signal) => trouble(context, signal),
        }),
      ],
    },
  ];
}

function provedDead(context: Context): Phase {
  const { settings: of } = context;
  return {
    name: "prove-old-dead",
    deeds: [
      proofDeed({
        name: "the old one is refused, and the new one is not",
        withinMs: context.settings.acceptedWithin,
        eachMs: EACH_LOOK_MS,
        inARow: 2,
        problem: async (signal) =>
          (await acceptedStill(context, signal)) ?? (await trouble(context, signal)),
      }),
      // The product believes its own look at xAI for minutes, so a single good answer says little.
      stayGoodDeed({
        name: "everything stays good without it",
        lastsMs: of.watch,
        problem: async (signal) =>
          (await trouble(context, signal)) ?? (await notReady(context, signal)),
      }),
    ],
  };
}

type Before = { readonly rights: XaiKeyRights; readonly words: string; readonly id?: string };

/** What xAI knows of a key: how it stands, and what one like it would have to be allowed. */
async function standingOf(
  { settings: of, systems: { xai } }: Context,
  key: Secret,
  signal: AbortSignal,
): Promise<Before & { readonly team?: string | undefined }> {
  const own = await patiently(async (each) => xai.ownKey(of.api, key, each), signal);
  const manager = managerOf(of);
  const team = own?.team ?? of.team;
  if (manager && team === undefined) {
    throw new Error(
      "xAI refuses the present key and says no team; name it in the configuration, by `team:`",
    );
  }
  if (!own) return { rights: { permissions: EVERYTHING, limits: {} }, words: "refused", team };
  const words = own.isBlocked ? "blocked" : own.isDisabled ? "disabled" : "accepted";
  const listed =
    manager && (await keysOf({ xai }, manager, own.team, signal)).find(({ id }) => id === own.id);
  const { permissions } = own;
  return {
    rights: {
      permissions: permissions.length > 0 ? permissions : (listed?.permissions ?? []),
      limits: listed?.limits ?? {},
    },
    words,
    id: own.id,
    team,
  };
}

async function keysOf(
  { xai }: Pick<Context["systems"], "xai">,
  manager: XaiManager,
  team: string,
  signal: AbortSignal,
): Promise<readonly XaiManagedKey[]> {
  return patiently(async (each) => xai.keys(manager, team, each), signal);
}

function limitWords({ limits }: XaiKeyRights): string {
  const words = Object.entries(limits).map(([name, limit]) => `${name} ${limit}`);
  return words.length === 0 ? "none" : words.join(", ");
}

/** What is known of a key only by its own word, for the time when it says nothing any more. */
const NOTES = { name: "xai-name", team: "xai-team", oldId: "xai-old-id" } as const;

/**
 * The name by which it would be found is noted before it is made: a key whose maker died before it could keep it is deleted
 * by that name, and another is made.
 */
function mintDeed(context: Context, manager: XaiManager): Deed {
  const { vault, systems, secret, target, fingerprint } = context;
  const { xai } = systems;
  return {
    name: "a new one is made at xAI",
    timeoutMs: CALL_TIMEOUT_MS,
    probe: async () => ((await vault.mintedYet()) ? "holds" : "absent"),
    async apply({ signal }): Promise<Facts> {
      const before = await standingOf(context, await vault.old(), signal);
      const noted = await vault.notes();
      const name =
        noted[NOTES.name] ?? `flightdeck ${target} ${secret} ${randomBytes(4).toString("hex")}`;
      const team = noted[NOTES.team] ?? before.team ?? "";
      const id = noted[NOTES.oldId] ?? before.id;
      await vault.note({
        [NOTES.name]: name,
        [NOTES.team]: team,
        ...(id === undefined ? {} : { [NOTES.oldId]: id }),
      });
      await deleteNamed(context, manager, signal);
      const key = await xai.createKey(manager, { team, name, ...before.rights }, signal);
      await vault.keepNew(key);
      return { new: await fingerprint(key), "name-at-xai": name };
    },
  };
}

/** Every key that this rotation has made, the one in the vault included. */
async function named(
  { systems, vault }: Context,
  manager: XaiManager,
  signal: AbortSignal,
): Promise<readonly XaiManagedKey[]> {
  const { [NOTES.name]: name, [NOTES.team]: team } = await vault.notes();
  if (name === undefined || team === undefined) return [];
  const keys = await keysOf(systems, manager, team, signal);
  return keys.filter((key) => key.name === name);
}

async function deleteNamed(
  context: Context,
  manager: XaiManager,
  signal: AbortSignal,
): Promise<void> {
  for (const { id } of await named(context, manager, signal)) {
    await patiently(async (each) => context.systems.xai.deleteKey(manager, id, each), signal);
  }
}

function unmintDeed(context: Context, manager: XaiManager): Deed {
  return {
    name: "the new key is deleted at xAI",
    timeoutMs: CALL_TIMEOUT_MS,
    probe: async ({ signal }) =>
      (await named(context, manager, signal)).length === 0 ? "holds" : "absent",
    async apply({ signal }) {
      await deleteNamed(context, manager, signal);
      return {};
    },
  };
}

function spreadDeed(context: Context, manager: XaiManager): Deed {
  const { systems } = context;
  return proofDeed({
    name: "all of xAI knows the new key",
    withinMs: context.settings.acceptedWithin,
    async problem(signal) {
      const [key] = await named(context, manager, signal);
      if (!key) return "xAI does not list the new key yet";
      const isKnown = await systems.xai.isKnownEverywhere(manager, key.id, signal);
      return isKnown ? undefined : "the new key is not known everywhere yet";
    },
  });
}

/** Before anybody is given it: a mistyped key, or one without permissions, goes no further. */
function worksDeed(context: Context): Deed {
  const { vault } = context;
  return proofDeed({
    name: "the new key works at xAI",
    withinMs: context.settings.acceptedWithin,
    eachMs: EACH_LOOK_MS,
    inARow: 2,
    async problem(signal) {
      const key = await vault.minted();
      if (key.reveal() === (await vault.old()).reveal()) return "the new key is the old one";
      return problemWith(context, key, signal);
    },
  });
}

/** By effect: xAI knows it, lists models for it, and completes a word. */
async function problemWith(
  { settings: of, systems: { xai } }: Context,
  key: Secret,
  signal: AbortSignal,
): Promise<string | undefined> {
  const own = await xai.ownKey(of.api, key, signal);
  if (!own) return "xAI refuses it";
  if (own.isBlocked) return "xAI has blocked it";
  if (own.isDisabled) return "it is disabled at xAI";
  const models = await xai.models(of.api, key, signal);
  const model = of.model ?? models?.[0];
  if (!models || model === undefined) return "it may use no model";
  return (await xai.complete(of.api, key, model, signal))
    ? undefined
    : `it may not complete anything with ${model}`;
}

/** Disabled keys may still be told how they stand; what counts is that none of them gets an answer. */
async function acceptedStill(
  { settings: of, systems: { xai }, vault }: Context,
  signal: AbortSignal,
): Promise<string | undefined> {
  const old = await vault.old();
  const own = await xai.ownKey(of.api, old, signal);
  if (own && !own.isDisabled) return "the old key is not disabled";
  // By whatever way xAI comes to know of it: a key that is disabled is refused a moment later.
  return (await xai.models(of.api, old, signal)) ? "the old key is still accepted" : undefined;
}

async function trouble(context: Context, signal: AbortSignal): Promise<string | undefined> {
  const { settings: of, systems, vault } = context;
  const wrong = await problemWith(context, await vault.minted(), signal);
  return wrong === undefined
    ? wrongAnswer(systems.http, of.proofs, signal)
    : `the new key: ${wrong}`;
}

async function notReady(
  { checks, rollout }: Context,
  signal: AbortSignal,
): Promise<string | undefined> {
  const asked = checks.filter(({ name }) => rollout?.ready.includes(name));
  const results = await Promise.all(
    asked.map(async (check) => ({ name: check.name, ...(await check.ask(signal)) })),
  );
  const wrong = results.find(({ status }) => status !== "pass");
  return wrong && `${wrong.name}: ${wrong.status}`;
}

/** The variable in every application, and each of them made anew, because it reads its environment once. */
function handOut(context: Context, name: string, which: "old" | "new"): readonly Deed[] {
  const { settings: of, systems, vault } = context;
  return [
    variablesDeed({
      name: `${name} in the environment`,
      coolify: systems.coolify,
      applications: of.applications,
      values: async () => ({
        [of.variable]: which === "old" ? await vault.old() : await vault.minted(),
      }),
    }),
    ...madeAnewDeeds(context, {
      applications: of.applications,
      name: (application) => `${name}, and ${application} has read it`,
      ...(which === "new" ? { jobsEnd: JOBS_END } : {}),
    }),
  ];
}

function switchDeed(
  { vault, systems: { xai } }: Context,
  manager: XaiManager,
  name: string,
  isDisabled: boolean,
): Deed {
  return {
    name,
    timeoutMs: CALL_TIMEOUT_MS,
    async probe({ signal }) {
      const { id, key } = await oldKey({ vault, xai }, manager, signal);
      if (id === undefined) return "holds";
      if (key) return key.isDisabled === isDisabled ? "holds" : "absent";
      return isDisabled ? "holds" : { unclear: "xAI has the old key no more" };
    },
    async apply({ signal }) {
      const { id } = await oldKey({ vault, xai }, manager, signal);
      if (id === undefined) return {};
      // The same again is the same.
      await patiently(async (each) => xai.setDisabled(manager, id, isDisabled, each), signal);
      return {};
    },
  };
}

/** Without an id it was refused before anything began, and there is nothing to switch or to delete. */
async function oldKey(
  { vault, xai }: Pick<Context, "vault"> & Pick<Context["systems"], "xai">,
  manager: XaiManager,
  signal: AbortSignal,
): Promise<{ readonly id?: string; readonly key?: XaiManagedKey | undefined }> {
  const { [NOTES.oldId]: id, [NOTES.team]: team = "" } = await vault.notes();
  if (id === undefined) return {};
  const keys = await keysOf({ xai }, manager, team, signal);
  return { id, key: keys.find((key) => key.id === id) };
}

function destroyDeed({ vault, systems: { xai } }: Context, manager: XaiManager): Deed {
  return {
    name: "the old key is deleted at xAI",
    timeoutMs: CALL_TIMEOUT_MS,
    async probe({ signal }) {
      const { key } = await oldKey({ vault, xai }, manager, signal);
      return key ? "absent" : "holds";
    },
    async apply({ signal }) {
      const { id } = await oldKey({ vault, xai }, manager, signal);
      if (id === undefined) return {};
      await patiently(async (each) => xai.deleteKey(manager, id, each), signal);
      return {};
    },
  };
}
