import { z } from "zod";

import { loginOf, withLogin } from "../../core/login-address.ts";
import type { Secret } from "../../core/secret.ts";
import { durationSetting, secretSetting, textSetting } from "../../core/setting.ts";
import type { PostgresRole, RoleChange } from "../../systems/postgres-roles.ts";
import { postgresUrlProblem } from "../../systems/postgres.ts";
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

const DAY_MS = 24 * 3_600_000;
const CHANGE_TIMEOUT_MS = 90_000;
const PROVED_WITHIN_MS = 60_000;
/** So many at once that no single lucky answer is taken for the whole. */
const PROBES = 5;

const roleSetting = () =>
  textSetting({
    pattern: /^[a-z_][a-z0-9_]{0,62}$/,
    expected: "the name of a role such as app_a",
  });

const settings = {
  ...addressSettings("DATABASE_URL"),
  admin: secretSetting({ accepts: postgresUrlProblem }).meta({
    description:
      "PostgreSQL URL of the product's database, for a role that may change the two and end their sessions",
  }),
  roles: z
    .tuple([roleSetting(), roleSetting()])
    .refine(([one, other]) => one !== other, "expected two roles")
    .meta({
      description: "The roles by which the product logs in by turns; both act as the same owner",
      examples: [["app_a", "app_b"]],
    }),
  drainWithin: durationSetting({ maximumMs: 2 * 3_600_000 })
    .default(5 * 60_000)
    .meta({ description: "How long sessions of the old role may last after the redeployment" }),
  oldLastsAtMost: durationSetting({ minimumMs: 3_600_000 }).default(DAY_MS).meta({
    description: "The old role's logins end by themselves after this, whatever becomes of us",
  }),
};

type Settings = z.output<z.ZodObject<typeof settings>>;
type Context = RotationContext<Settings>;

/** A database login that changes hands between two roles, so that both passwords are good for a while. */
export const postgresRole = defineProcedure({
  kind: "postgres-role",
  description: "The database login of the product, which alternates between two roles",
  settings,
  applications: ({ applications, redeployed }) => [...applications, ...(redeployed ?? [])],
  open,
});

function open(context: Context): OpenedProcedure {
  return {
    hasOverlap: true,
    readBy: redeployedOf(context.settings),
    irreversible: "the old role's password is taken away; only a person could give it another",
    plan: async (signal) => plan(context, signal),
    phases: phasesOf(context),
  };
}

async function plan(context: Context, signal: AbortSignal) {
  const { settings: of, vault } = context;
  const present = await presentAddress(context, signal);
  const { user, password } = loginIn(present, of.variable);
  const roles = turnsOf(of, user);
  const [old, next] = await Promise.all([
    demandRole(context, roles.old, signal),
    demandRole(context, roles.next, signal),
  ]);
  if (old.actsAs !== next.actsAs) {
    throw new Error(
      `${roles.old} acts as ${old.actsAs} and ${roles.next} as ${next.actsAs}; expected the same owner, or they own each other's tables`,
    );
  }
  if (!(await vault.isOpen())) {
    await demandProvable(context, { ...roles, password }, signal);
    await demandUnused(context, roles.next, signal);
  }
  return {
    present,
    parameters: {
      applications: of.applications.join(", "),
      redeployed: redeployedOf(of).join(", "),
      variable: of.variable,
      roles: `${roles.old} → ${roles.next}`,
    },
    observed: { owner: old.actsAs ?? "", [roles.old]: told(old), [roles.next]: told(next) },
  };
}

/** Whose turn ends and whose begins. */
function turnsOf({ roles: [one, other], variable }: Settings, user: string | undefined) {
  if (user === one) return { old: one, next: other };
  if (user === other) return { old: other, next: one };
  const who = user === undefined ? "nobody" : `"${user}"`;
  throw new Error(`${variable} logs in as ${who}; expected ${one} or ${other}`);
}

async function demandRole(
  { settings: { admin, variable }, systems }: Context,
  role: string,
  signal: AbortSignal,
): Promise<PostgresRole> {
  if (loginOf(admin).user === role) {
    throw new Error(`the admin logs in as ${role} itself; expected a role that is none of the two`);
  }
  const found = await systems.postgresRoles.role({ admin, role }, signal);
  if (found === undefined) throw new Error(`the database of ${variable} has no role ${role}`);
  if (found.isSuperuser) {
    throw new Error(`${role} is a superuser; expected one that acts as the owner of the tables`);
  }
  if (found.actsAs === undefined) {
    throw new Error(
      `${role} acts as itself; expected \`alter role ${role} set role = owner\`, so that whoever logs in makes tables of one owner`,
    );
  }
  return found;
}

/** Where anybody is let in, or the old one not even now, a refusal would prove nothing. */
async function demandProvable(
  context: Context,
  { old, password }: { readonly old: string; readonly password: Secret },
  signal: AbortSignal,
): Promise<void> {
  const { settings: of, systems } = context;
  const login = async (word: Secret) =>
    systems.postgresRoles.login(withLogin(of.admin, { user: old, password: word }), signal);
  const [known, stranger] = [await login(password), await login(newPassword())];
  if (known !== "accepted") {
    throw new Error(`the server refuses the present login from here: ${old}, ${known}`);
  }
  if (stranger === "wrong-password") return;
  throw new Error(
    "the server lets us in by any password (pg_hba.conf), so that nobody could prove that one is refused",
  );
}

/** Whoever uses the role whose turn it is would be shut out by its new password. */
async function demandUnused(context: Context, role: string, signal: AbortSignal): Promise<void> {
  const users = await sessionsOf(context, role, signal);
  if (users !== undefined) throw new Error(`${role} is to take over, and is in use: ${users}`);
}

function told({ canLogin, validUntil }: PostgresRole): string {
  if (!canLogin) return "may not log in";
  return validUntil === undefined ? "logs in" : `logs in until ${validUntil.toISOString()}`;
}

function phasesOf(context: Context): readonly Phase[] {
  const { settings: of } = context;
  return [
    {
      name: "mint",
      deeds: [mintAddressDeed(context, ({ user }) => turnsOf(of, user).next)],
    },
    {
      name: "install",
      deeds: [accepts(context)],
      undo: [nobodyUsesNew(context), takenBack(context)],
    },
    ...distributePhases(context),
    { name: "prove-new", deeds: [newWorks(context), applicationsUse(context)] },
    drainPhase(context),
    {
      name: "disable-old",
      deeds: [
        changed(context, "the old role may not log in", "old", {
          change: { canLogin: false },
          isSo: (role) => !role.canLogin,
        }),
        noSessionIsLeft(context),
      ],
      undo: [
        changed(context, "the old role may log in again", "old", {
          change: { canLogin: true, validForMs: null },
          isSo: (role) => role.canLogin && role.validUntil === undefined,
        }),
      ],
    },
    { name: "prove-old-dead", deeds: [oldIsDead(context)] },
    { name: "destroy-old", deeds: [passwordIsGone(context)] },
  ];
}

function drainPhase(context: Context): Phase {
  const { oldLastsAtMost, drainWithin } = context.settings;
  return {
    name: "drain",
    deeds: [
      // Not before both applications are proved to be on the new one: what ends by itself must not shut them out.
      changed(context, "the old login ends by itself", "old", {
        change: { validForMs: oldLastsAtMost },
        isSo: (role) => role.validUntil !== undefined,
      }),
      // Nothing is waited for while strangers may be logged in by it: their sessions are ended.
      unlessExposed(
        context,
        proofDeed({
          name: "nobody is logged in by the old role",
          withinMs: drainWithin,
          inARow: 3,
          problem: async (signal) => {
            const users = await sessionsOf(context, (await turns(context)).old, signal);
            return users === undefined ? undefined : `its sessions last: ${users}`;
          },
        }),
      ),
    ],
    undo: [
      changed(context, "the old login has no end again", "old", {
        change: { validForMs: null },
        isSo: (role) => role.validUntil === undefined,
      }),
    ],
  };
}

async function turns({ settings: of, vault }: Context) {
  return turnsOf(of, loginOf(await vault.old()).user);
}

/** An address's login, at the place where we reach the database. */
function fromHere({ settings: of }: Context, address: Secret): Secret {
  return withLogin(of.admin, loginIn(address, of.variable));
}

function accepts(context: Context): Deed {
  const { settings: of, systems, vault } = context;
  return {
    name: "the other role accepts the new password",
    timeoutMs: CHANGE_TIMEOUT_MS,
    probe: async ({ signal }): Promise<Standing> =>
      (await loginBy(context, await vault.minted(), signal)) === "accepted" ? "holds" : "absent",
    async apply({ signal }) {
      const { next } = await turns(context);
      const { password } = loginIn(await vault.minted(), of.variable);
      const change = { canLogin: true, password, validForMs: null };
      await patiently(
        async (each) => systems.postgresRoles.change({ admin: of.admin, role: next, change }, each),
        signal,
      );
      return { role: next };
    },
  };
}

async function loginBy(context: Context, address: Secret, signal: AbortSignal) {
  const url = fromHere(context, address);
  return patiently(async (each) => context.systems.postgresRoles.login(url, each), signal);
}

/** Before it is void: whoever could not be led back to the old one keeps what works. */
function nobodyUsesNew(context: Context): Deed {
  return proofDeed({
    name: "nobody is logged in by the new password",
    withinMs: context.settings.drainWithin,
    problem: async (signal) => {
      const users = await sessionsOf(context, (await turns(context)).next, signal);
      return users === undefined ? undefined : `its sessions last: ${users}`;
    },
  });
}

function takenBack(context: Context): Deed {
  const { settings: of, systems, vault } = context;
  return {
    name: "the new password is void again",
    timeoutMs: CHANGE_TIMEOUT_MS,
    async probe({ signal }) {
      const minted = await vault.mintedYet();
      if (minted === undefined) return "holds";
      return (await loginBy(context, minted, signal)) === "wrong-password" ? "holds" : "absent";
    },
    async apply({ signal }) {
      const { next } = await turns(context);
      const change = { canLogin: false, password: null };
      await patiently(
        async (each) => systems.postgresRoles.change({ admin: of.admin, role: next, change }, each),
        signal,
      );
      return {};
    },
  };
}

function changed(
  context: Context,
  name: string,
  which: "old" | "next",
  { change, isSo }: { readonly change: RoleChange; isSo(role: PostgresRole): boolean },
): Deed {
  const { settings: of, systems } = context;
  const role = async () => ({ admin: of.admin, role: (await turns(context))[which] });
  return {
    name,
    timeoutMs: CHANGE_TIMEOUT_MS,
    async probe({ signal }) {
      const asked = await role();
      const found = await patiently(
        async (each) => systems.postgresRoles.role(asked, each),
        signal,
      );
      if (found === undefined) return { unclear: `there is no role ${asked.role} any more` };
      return isSo(found) ? "holds" : "absent";
    },
    async apply({ signal }) {
      const asked = await role();
      await patiently(
        async (each) => systems.postgresRoles.change({ ...asked, change }, each),
        signal,
      );
      return {};
    },
  };
}

/** On connections of their own, several at once: a pool that is warm would answer for any password. */
function newWorks(context: Context): Deed {
  const { systems, vault } = context;
  return proofDeed({
    name: "the new login does the work of the product and its migrations",
    withinMs: PROVED_WITHIN_MS,
    inARow: 2,
    problem: async (signal) => {
      const url = fromHere(context, await vault.minted());
      const { old } = await turns(context);
      const [owner, ...worked] = await Promise.all([
        systems.postgresRoles.role({ admin: context.settings.admin, role: old }, signal),
        ...Array.from({ length: PROBES }, async () => systems.postgresRoles.work(url, signal)),
      ]);
      const stranger = worked.find(({ actsAs }) => actsAs !== owner?.actsAs);
      if (stranger === undefined) return undefined;
      return `it acts as ${stranger.actsAs}, and the old one as ${owner?.actsAs}`;
    },
  });
}

/** The checks that a release is ready by meet the database; whoever answers them has to be logged in by the new role. */
function applicationsUse(context: Context): Deed {
  return proofDeed({
    name: "the applications are ready, and logged in by the new role",
    withinMs: context.rollout?.readyWithin ?? PROVED_WITHIN_MS,
    problem: async (signal) => {
      const problem = await whatIsNotReady(context, signal);
      if (problem !== undefined) return problem;
      const { next } = await turns(context);
      const users = await sessionsOf(context, next, signal);
      return users === undefined ? `nobody is logged in as ${next}` : undefined;
    },
  });
}

function noSessionIsLeft(context: Context): Deed {
  const { settings: of, systems } = context;
  return {
    name: "no session of the old role is left",
    timeoutMs: CHANGE_TIMEOUT_MS,
    async probe({ signal }) {
      const { old } = await turns(context);
      return (await sessionsOf(context, old, signal)) === undefined ? "holds" : "absent";
    },
    async apply({ signal }) {
      const { old } = await turns(context);
      const ended = await patiently(
        async (each) => systems.postgresRoles.endSessions({ admin: of.admin, role: old }, each),
        signal,
      );
      return { "sessions-ended": String(ended) };
    },
  };
}

/** A server that refuses everybody proves nothing, so the new one is let in at the same moments. */
function oldIsDead(context: Context): Deed {
  const { vault } = context;
  return proofDeed({
    name: "the old login is refused, and the new one is not",
    withinMs: PROVED_WITHIN_MS,
    inARow: 2,
    problem: async (signal) => {
      const [old, minted] = [await vault.old(), await vault.minted()];
      const probes = Array.from({ length: PROBES });
      const [refused, accepted] = await Promise.all([
        Promise.all(probes.map(async () => loginBy(context, old, signal))),
        Promise.all(probes.map(async () => loginBy(context, minted, signal))),
      ]);
      if (refused.includes("accepted")) return "the old login is accepted";
      const shutOut = accepted.find((one) => one !== "accepted");
      if (shutOut !== undefined) return `the new login is refused: ${shutOut}`;
      const users = await sessionsOf(context, (await turns(context)).old, signal);
      return users === undefined ? undefined : `the old role has sessions: ${users}`;
    },
  });
}

/**
 * Nobody but a superuser sees whether a role has a password. A role that may not log in is told so only by whoever has
 * its password; without one everybody is a stranger. The end of its validity would look the same, and is lifted.
 */
function passwordIsGone(context: Context): Deed {
  const { settings: of, systems, vault } = context;
  return {
    name: "the old password is void",
    timeoutMs: CHANGE_TIMEOUT_MS,
    async probe({ signal }) {
      const asked = { admin: of.admin, role: (await turns(context)).old };
      const found = await patiently(
        async (each) => systems.postgresRoles.role(asked, each),
        signal,
      );
      if (found?.canLogin !== false || found.validUntil !== undefined) return "absent";
      const login = await loginBy(context, await vault.old(), signal);
      return login === "wrong-password" ? "holds" : "absent";
    },
    async apply({ signal }) {
      const { old } = await turns(context);
      const change = { canLogin: false, password: null, validForMs: null };
      await patiently(
        async (each) => systems.postgresRoles.change({ admin: of.admin, role: old, change }, each),
        signal,
      );
      return { destroyed: old };
    },
  };
}

const NAMED_AT_MOST = 3;

/** Who is logged in as a role, for people; undefined when nobody is. */
async function sessionsOf(
  { settings: { admin }, systems }: Context,
  role: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const sessions = await patiently(
    async (each) => systems.postgresRoles.sessions({ admin, role }, each),
    signal,
  );
  if (sessions.length === 0) return undefined;
  const places = [...new Set(sessions.map(({ from }) => from))].slice(0, NAMED_AT_MOST);
  return `${sessions.length} from ${places.join(", ")}`;
}
