import { randomBytes } from "node:crypto";

import { z } from "zod";

import { type Login, loginOf, withLogin } from "../../core/login-address.ts";
import { Secret } from "../../core/secret.ts";
import { textSetting } from "../../core/setting.ts";
import { coolifyApplicationSetting } from "../../systems/coolify-settings.ts";
import { variablesDeed } from "./rotation-deeds.ts";
import { ownCopyPhases } from "./rotation-own-copy.ts";
import type { Deed, Phase, RotationContext } from "./rotation-procedure.ts";
import { JOBS_END, madeAnewDeeds } from "./rotation-redeploy.ts";

/** What the rotations of a database's and of a queue's password share: both stand in an address in the environment. */

const PASSWORD_BYTES = 32;
const MINT_TIMEOUT_MS = 10_000;

export function addressSettings(variable: string) {
  return {
    applications: z
      .array(coolifyApplicationSetting())
      .min(1)
      .meta({ description: "The applications in whose environments it stands" }),
    redeployed: z.array(coolifyApplicationSetting()).min(1).optional().meta({
      description: "Those of them that read it, and have to be made anew; by default all",
    }),
    variable: textSetting().default(variable).meta({
      description: "The variable with the address and its password",
    }),
  };
}

type AddressSettings = z.output<z.ZodObject<ReturnType<typeof addressSettings>>>;
type Context = RotationContext<AddressSettings>;

export function redeployedOf({ redeployed, applications }: AddressSettings): readonly string[] {
  return redeployed ?? applications;
}

/** The address in force, which has to be the same wherever it stands. */
export async function presentAddress(
  { settings: of, systems, vault }: Context,
  signal: AbortSignal,
): Promise<Secret> {
  // Half way, some have the new one by now.
  if (await vault.isOpen()) return vault.old();
  const values = await Promise.all(
    of.applications.map(async (application) => {
      const variables = await systems.coolify.variables(application, signal);
      const row = variables.find(({ key }) => key === of.variable);
      if (row === undefined) throw new Error(`${application} has no variable ${of.variable}`);
      if (row.value !== undefined) return row.value;
      throw new Error(
        `${of.variable} of ${application} is hidden; needs systems.coolify.sensitiveToken`,
      );
    }),
  );
  const [first, ...others] = values;
  if (first === undefined) throw new Error("it stands in no application");
  if (others.some((other) => other.reveal() !== first.reveal())) {
    throw new Error(`${of.variable} is not the same in ${of.applications.join(" and ")}`);
  }
  return first;
}

/** The login of an address, which has a password or is no secret at all. */
export function loginIn(address: Secret, variable: string): Login & { readonly password: Secret } {
  const { user, password } = loginOf(address);
  if (password !== undefined) return { user, password };
  throw new Error(`${variable} has no password in it`);
}

/** Letters that need no encoding in an address, and no quotes anywhere. */
export function newPassword(): Secret {
  return new Secret(randomBytes(PASSWORD_BYTES).toString("base64url"));
}

/** The address that replaces the present one: the same place, by another login. */
export function mintAddressDeed(
  { vault, fingerprint }: Context,
  userFor: (old: Login) => string | undefined,
): Deed {
  return {
    name: "a new password is made",
    timeoutMs: MINT_TIMEOUT_MS,
    probe: async () => ((await vault.mintedYet()) ? "holds" : "absent"),
    async apply() {
      const old = await vault.old();
      const user = userFor(loginOf(old));
      const minted = withLogin(old, { user, password: newPassword() });
      await vault.keepNew(minted);
      return { new: await fingerprint(minted) };
    },
  };
}

/** The address into the environments, and whoever reads it made anew; the jobs in a worker's hands are let end first. */
export function distributePhases(
  context: Context,
  options: { readonly first?: readonly Deed[] } = {},
): readonly Phase[] {
  const { settings: of, vault } = context;
  const anew = (words: string, jobsEnd?: string): readonly Deed[] =>
    madeAnewDeeds(context, {
      applications: redeployedOf(of),
      name: (application) => `${application} ${words}`,
      ...(jobsEnd === undefined ? {} : { jobsEnd }),
    });
  return [
    {
      name: "distribute",
      deeds: [
        inEnvironments(context, "the new address is in the environment", async () =>
          vault.minted(),
        ),
        ...(options.first ?? []),
        ...anew("has read the new address", JOBS_END),
      ],
      undo: [
        inEnvironments(context, "the old address is in the environment again", async () =>
          vault.old(),
        ),
        ...anew("has read the old address again"),
      ],
    },
    ...ownCopyPhases(context),
  ];
}

function inEnvironments(
  { settings: of, systems }: Context,
  name: string,
  value: () => Promise<Secret>,
): Deed {
  return variablesDeed({
    name,
    coolify: systems.coolify,
    applications: of.applications,
    values: async () => ({ [of.variable]: await value() }),
  });
}

/** What the checks have against it that say whether a release is ready; they ask the applications, and those their stores. */
export async function whatIsNotReady(
  { checks, rollout }: Context,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const check of checks.filter(({ name }) => rollout?.ready.includes(name))) {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(check.timeoutMs)]);
    const { status } = await check.ask(patience);
    if (status !== "pass") return `${check.name}: ${status}`;
  }
  return undefined;
}
