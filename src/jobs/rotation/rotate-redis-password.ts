import { randomUUID } from "node:crypto";

import { z } from "zod";

import { loginOf, withLogin } from "../../core/login-address.ts";
import type { Secret } from "../../core/secret.ts";
import { durationSetting, secretSetting, textSetting } from "../../core/setting.ts";
import { pause } from "../../core/waiting.ts";
import type { RedisKeeping } from "../../systems/redis-acl.ts";
import { redisUrlProblem } from "../../systems/redis.ts";
import {
  addressSettings,
  distributePhases,
  loginIn,
  mintAddressDeed,
  newPassword,
  presentAddress,
  redeployedOf,
  whatIsNotReady,
} from "./rotation-address.ts";
import { patiently, proofDeed, unlessExposed } from "./rotation-deeds.ts";
import {
  defineProcedure,
  type Deed,
  type OpenedProcedure,
  type Phase,
  type RotationContext,
  type Standing,
} from "./rotation-procedure.ts";

const CHANGE_TIMEOUT_MS = 90_000;
const PROVED_WITHIN_MS = 60_000;
const PROBES = 5;
/** The user of an address that names none. */
const DEFAULT_USER = "default";
/** The second of Redis's clock until which connections count as made before the applications were. */
const CUT = "connections-until";
const KEPT = "kept";

const settings = {
  ...addressSettings("REDIS_URL"),
  admin: secretSetting({ accepts: redisUrlProblem }).meta({
    description:
      "Redis URL of a user that may change the others: +@admin +@connection +info +ping +time; where Redis has one user alone, the product's own address",
  }),
  drainWithin: durationSetting({ maximumMs: 2 * 3_600_000 })
    .default(5 * 60_000)
    .meta({ description: "How long older connections may last after the redeployment" }),
  restartWithin: durationSetting({ maximumMs: 24 * 3_600_000 })
    .default(2 * 3_600_000)
    .meta({
      description:
        "How long a person has to change the start password of a Redis that keeps no users",
    }),
  proofKey: textSetting({
    pattern: /^[\w:.{}-]{1,64}$/,
    expected: "the beginning of a key such as flightdeck:rotation",
  })
    .default("flightdeck:rotation")
    .meta({ description: "Where the proof puts something and takes it away, as a queue does" }),
};

type Settings = z.output<z.ZodObject<typeof settings>>;
type Context = RotationContext<Settings>;

/** A password of a Redis user, who may have two of them for a while. */
export const redisPassword = defineProcedure({
  kind: "redis-password",
  description: "The password by which the product uses its Redis",
  settings,
  applications: ({ applications, redeployed }) => [...applications, ...(redeployed ?? [])],
  open,
});

function open(context: Context): OpenedProcedure {
  return {
    hasOverlap: true,
    readBy: redeployedOf(context.settings),
    irreversible:
      "the old password is forgotten by Redis and by Flightdeck; nobody has it any more",
    plan: async (signal) => plan(context, signal),
    phases: phasesOf(context),
  };
}

const KEPT_IN: Readonly<Record<RedisKeeping, string>> = {
  "acl-file": "the ACL file of Redis",
  configuration: "the configuration file of Redis",
  nowhere: "the start command of Redis, which a person changes before the old one goes",
};

async function plan(context: Context, signal: AbortSignal) {
  const { settings: of, systems, vault, isExposed } = context;
  const present = await presentAddress(context, signal);
  const { password } = loginIn(present, of.variable);
  const name = userOf(present);
  const admin = await adminOf(context, present, signal);
  const user = await systems.redisAcl.user({ admin, user: name }, signal);
  if (user === undefined) throw new Error(`the Redis of ${of.variable} has no user ${name}`);
  if (user.needsNone) {
    throw new Error(
      `the user ${name} is let in by any password, so that nobody could prove that one is refused; expected one that needs a password`,
    );
  }
  if (!(await vault.isOpen()) && !(user.isOn && user.has(password))) {
    throw new Error(`the user ${name} does not have the password that stands in ${of.variable}`);
  }
  const keeping = await systems.redisAcl.keeping({ admin }, signal);
  return {
    present,
    parameters: {
      applications: of.applications.join(", "),
      redeployed: redeployedOf(of).join(", "),
      variable: of.variable,
      user: name,
      [KEPT]: KEPT_IN[keeping],
      ...((await isExposed()) ? { connections: "all are cut, those of the applications too" } : {}),
    },
    observed: { passwords: String(user.passwords), [KEPT]: keeping },
  };
}

function userOf(address: Secret): string {
  return loginOf(address).user ?? DEFAULT_USER;
}

/** Where Redis knows the product's user alone, that one changes itself: by whichever of its passwords is accepted. */
async function adminOf(
  { settings: { admin, variable }, systems, vault }: Context,
  product: Secret,
  signal: AbortSignal,
): Promise<Secret> {
  if (userOf(admin) !== userOf(product)) return admin;
  const minted = (await vault.isOpen()) ? await vault.mintedYet() : undefined;
  for (const address of [minted, product]) {
    if (address === undefined) continue;
    const { password } = loginIn(address, variable);
    const url = withLogin(admin, { user: loginOf(admin).user, password });
    if ((await systems.redisAcl.login(url, signal)) === "accepted") return url;
  }
  return admin;
}

function phasesOf(context: Context): readonly Phase[] {
  return [
    {
      name: "mint",
      deeds: [mintAddressDeed(context, ({ user }) => user)],
    },
    {
      name: "install",
      deeds: [
        passwords(context, "the user has both passwords", { has: ["old", "new"], lacks: [] }),
      ],
      undo: [
        startsWith(context, "Redis would start with the old password again", "old"),
        passwords(context, "the user has the old password alone again", {
          has: ["old"],
          lacks: ["new"],
        }),
      ],
    },
    ...distributePhases(context, { first: [cutIsNoted(context)] }),
    { name: "prove-new", deeds: [newWorks(context), applicationsAreReady(context)] },
    // Nothing is waited for while strangers may be connected by it: every connection is cut.
    { name: "drain", deeds: [unlessExposed(context, nobodyOlder(context))] },
    {
      name: "disable-old",
      deeds: [
        startsWith(context, "Redis would start with the new password", "new"),
        passwords(context, "the user has the new password alone", { has: ["new"], lacks: ["old"] }),
        olderAreCut(context),
      ],
      undo: [
        passwords(context, "the user has both passwords again", { has: ["old", "new"], lacks: [] }),
      ],
    },
    { name: "prove-old-dead", deeds: [oldIsDead(context)] },
    {
      name: "destroy-old",
      deeds: [
        passwords(context, "the old password comes back by no restart", {
          has: ["new"],
          lacks: ["old"],
        }),
      ],
    },
  ];
}

type Which = "old" | "new";
type Wanted = { readonly has: readonly Which[]; readonly lacks: readonly Which[] };

/**
 * Which passwords the user has, now and after a restart. Nobody can see what Redis has saved, so each process saves once
 * before it believes it, which does no harm.
 */
function passwords(context: Context, name: string, wanted: Wanted): Deed {
  const { settings: of, systems, vault } = context;
  let isSaved = false;
  const valueOf = async (which: Which): Promise<Secret | undefined> => {
    const address = which === "old" ? await vault.old() : await vault.mintedYet();
    return address && loginIn(address, of.variable).password;
  };
  const valuesOf = async (all: readonly Which[]): Promise<readonly Secret[]> =>
    (await Promise.all(all.map(valueOf))).filter((value) => value !== undefined);
  return {
    name,
    timeoutMs: CHANGE_TIMEOUT_MS,
    async probe({ signal }): Promise<Standing> {
      if (!isSaved) return "absent";
      const { user } = await userNow(context, signal);
      if (user === undefined) return { unclear: "there is no such user any more" };
      const [has, lacks] = [await valuesOf(wanted.has), await valuesOf(wanted.lacks)];
      const isSo = has.every((each) => user.has(each)) && !lacks.some((each) => user.has(each));
      return isSo ? "holds" : "absent";
    },
    async apply({ signal }) {
      const { asked } = await patiently(async (each) => userNow(context, each), signal);
      for (const password of await valuesOf(wanted.has)) {
        await patiently(
          async (each) => systems.redisAcl.addPassword({ ...asked, password }, each),
          signal,
        );
      }
      // From here on one that is its own admin is let in by what is left to it.
      const { asked: then } = await patiently(async (each) => userNow(context, each), signal);
      for (const password of await valuesOf(wanted.lacks)) {
        await patiently(
          async (each) => systems.redisAcl.removePassword({ ...then, password }, each),
          signal,
        );
      }
      const { asked: after } = await patiently(async (each) => userNow(context, each), signal);
      await patiently(async (each) => systems.redisAcl.save(after, each), signal);
      isSaved = true;
      return {};
    },
  };
}

async function askedNow(context: Context, signal: AbortSignal) {
  const old = await context.vault.old();
  return { admin: await adminOf(context, old, signal), user: userOf(old) };
}

async function userNow(context: Context, signal: AbortSignal) {
  const asked = await askedNow(context, signal);
  return { asked, user: await context.systems.redisAcl.user(asked, signal) };
}

/** Nothing that was connected by now is any of the applications' own, once they are made anew. */
function cutIsNoted(context: Context): Deed {
  const { systems, vault } = context;
  return {
    name: "it is noted which connections are older",
    timeoutMs: CHANGE_TIMEOUT_MS,
    probe: async () => ((await vault.notes())[CUT] === undefined ? "absent" : "holds"),
    async apply({ signal }) {
      const second = await patiently(
        async (each) => systems.redisAcl.second(await askedNow(context, each), each),
        signal,
      );
      // Ages are told in whole seconds, one of which may be wrong.
      await pause(CUT_MARGIN_MS, signal);
      signal.throwIfAborted();
      await vault.note({ [CUT]: String(second + 1) });
      return {};
    },
  };
}

const CUT_MARGIN_MS = 2_100;

async function olderConnections(context: Context, signal: AbortSignal) {
  const { systems, vault } = context;
  const until = Number((await vault.notes())[CUT] ?? Number.NaN);
  if (Number.isNaN(until)) throw new Error("it was not noted which connections are older");
  const connections = await patiently(
    async (each) => systems.redisAcl.connections(await askedNow(context, each), each),
    signal,
  );
  return connections.filter(({ sinceSecond }) => sinceSecond <= until);
}

const NAMED_AT_MOST = 3;

function nobodyOlder(context: Context) {
  return proofDeed({
    name: "nobody is connected from before",
    withinMs: context.settings.drainWithin,
    inARow: 3,
    problem: async (signal) => {
      const older = await olderConnections(context, signal);
      if (older.length === 0) return undefined;
      const places = [...new Set(older.map(({ from }) => from))].slice(0, NAMED_AT_MOST);
      return `${older.length} older connections last, from ${places.join(", ")}`;
    },
  });
}

/** By connections of its own, several at once; a connection that was made before would answer for any password. */
function newWorks(context: Context): Deed {
  const { settings: of, systems, vault } = context;
  return proofDeed({
    name: "the new password does the work of a queue",
    withinMs: PROVED_WITHIN_MS,
    inARow: 2,
    problem: async (signal) => {
      const url = fromHere(context, await vault.minted());
      await Promise.all(
        Array.from({ length: PROBES }, async () =>
          systems.redisAcl.roundTrip(url, `${of.proofKey}:${randomUUID()}`, signal),
        ),
      );
      return undefined;
    },
  });
}

/** An address's login, at the place where we reach Redis. */
function fromHere({ settings: of }: Context, address: Secret): Secret {
  return withLogin(of.admin, loginIn(address, of.variable));
}

function applicationsAreReady(context: Context): Deed {
  return proofDeed({
    name: "the applications are ready with the new password",
    withinMs: context.rollout?.readyWithin ?? PROVED_WITHIN_MS,
    problem: async (signal) => whatIsNotReady(context, signal),
  });
}

/**
 * A Redis that keeps no users has the password of its start command after every restart: until a person has changed that,
 * the other one may not go. A restart on the way would shut the applications out, so theirs is given to it again.
 */
function startsWith(context: Context, name: string, which: Which): Deed {
  const { settings: of, systems, vault } = context;
  return proofDeed({
    name,
    withinMs: of.restartWithin,
    asksPerson: `If Redis has its password from its start command, give it the one that stands in ${of.variable} of ${of.applications[0]} now (in Coolify: REDIS_PASSWORD of the database), and restart it.`,
    problem: async (signal) => {
      const asked = await askedNow(context, signal);
      if ((await systems.redisAcl.keeping(asked, signal)) !== "nowhere") return undefined;
      const address = which === "old" ? await vault.old() : await vault.mintedYet();
      if (address === undefined) return undefined;
      const { password } = loginIn(address, of.variable);
      const user = await systems.redisAcl.user(asked, signal);
      if (user?.has(password) === false) {
        await systems.redisAcl.addPassword({ ...asked, password }, signal);
      }
      const isSo = await systems.redisAcl.startsWith({ ...asked, password }, signal);
      return isSo ? undefined : "its start command still has another password";
    },
  });
}

/** Those who may have come by the old one; where it may be known to others that is everybody, and the product connects anew. */
function olderAreCut(context: Context): Deed {
  const { systems, isExposed } = context;
  let isDone = false;
  return {
    name: "connections made by the old password are cut",
    timeoutMs: CHANGE_TIMEOUT_MS,
    async probe({ signal }) {
      if (!isDone && (await isExposed())) return "absent";
      return (await olderConnections(context, signal)).length === 0 ? "holds" : "absent";
    },
    async apply({ signal }) {
      const asked = await patiently(async (each) => askedNow(context, each), signal);
      const found = (await isExposed())
        ? await patiently(async (each) => systems.redisAcl.connections(asked, each), signal)
        : await olderConnections(context, signal);
      const ids = found.map(({ id }) => id);
      const ended = await patiently(
        async (each) => systems.redisAcl.endConnections({ ...asked, ids }, each),
        signal,
      );
      isDone = true;
      return { "connections-cut": String(ended) };
    },
  };
}

/** A Redis that refuses everybody proves nothing, so the new one is let in at the same moments. */
function oldIsDead(context: Context): Deed {
  const { systems, vault } = context;
  const loginBy = async (address: Secret, signal: AbortSignal) => {
    const url = fromHere(context, address);
    return patiently(async (each) => systems.redisAcl.login(url, each), signal);
  };
  return proofDeed({
    name: "the old password is refused, and the new one is not",
    withinMs: PROVED_WITHIN_MS,
    inARow: 2,
    problem: async (signal) => {
      const [old, minted] = [await vault.old(), await vault.minted()];
      const stranger = withLogin(old, { user: loginOf(old).user, password: newPassword() });
      const probes = Array.from({ length: PROBES });
      const all = async (address: Secret) =>
        Promise.all(probes.map(async () => loginBy(address, signal)));
      const [refused, accepted, strange] = await Promise.all([
        all(old),
        all(minted),
        loginBy(stranger, signal),
      ]);
      if (refused.includes("accepted")) return "the old password is accepted";
      if (strange === "accepted") return "any password is accepted";
      if (accepted.includes("refused")) return "the new password is refused";
      const older = await olderConnections(context, signal);
      return older.length === 0 ? undefined : `${older.length} connections are from before`;
    },
  });
}
