import { randomBytes } from "node:crypto";

import { z } from "zod";

import type { Facts } from "../../core/approval.ts";
import { formatDuration } from "../../core/duration.ts";
import { Secret } from "../../core/secret.ts";
import {
  durationSetting,
  integerSetting,
  secretSetting,
  textSetting,
  urlSetting,
} from "../../core/setting.ts";
import {
  joinTokens,
  tokensFor,
  tokensIn,
  withoutToken,
  type TokenVariables,
} from "../../core/token-list.ts";
import { coolifyApplicationSetting } from "../../systems/coolify-settings.ts";
import { SystemError } from "../../systems/system-error.ts";
import { proofDeed, standingBy, unlessExposed, variablesDeed, waitDeed } from "./rotation-deeds.ts";
import { ownCopyPhases } from "./rotation-own-copy.ts";
import {
  defineProcedure,
  type Deed,
  type OpenedProcedure,
  type Phase,
  type RotationContext,
} from "./rotation-procedure.ts";
import { JOBS_END, madeAnewDeeds } from "./rotation-redeploy.ts";

const TOKEN_BYTES = 32;
const PROBES_PER_REPLICA = 3;
const SAME_ANSWER_TRIES = 5;
const MINT_TIMEOUT_MS = 10_000;
const PROVED_WITHIN_MS = 60_000;

const settings = {
  applications: z
    .array(coolifyApplicationSetting())
    .min(1)
    .meta({ description: "The applications in whose environments it stands" }),
  redeployed: z.array(coolifyApplicationSetting()).min(1).optional().meta({
    description: "Those of them that read it, and have to be made anew; by default all",
  }),
  variable: textSetting().default("APP_AUTH_BEARER_TOKENS").meta({
    description: "The variable with the accepted tokens, separated by commas",
  }),
  userVariable: textSetting()
    .optional()
    .meta({
      description: "The variable that says whose a token is, as in token:user,token:user",
      examples: ["APP_AUTH_TOKEN_USER_MAP"],
    }),
  token: secretSetting().optional().meta({
    description: "Which of them it is, where there are several",
  }),
  proof: urlSetting().meta({
    description: "What answers 200 to an accepted token and 401 to others, by whose token it is",
    examples: ["https://api.example.com/v1/tasks"],
  }),
  replicas: integerSetting({ minimum: 1, maximum: 50 })
    .default(1)
    .meta({ description: "So many processes answer behind that address" }),
  grace: durationSetting({ maximumMs: 2 * 3_600_000 })
    .default(0)
    .meta({ description: "How long others who hold it have to take up the new one" }),
};

type Settings = z.output<z.ZodObject<typeof settings>>;
type Context = RotationContext<Settings>;

/** A bearer token of an API that accepts several: the new one beside the old one, then without it. */
export const apiToken = defineProcedure({
  kind: "api-token",
  description: "A bearer token of an API that accepts a list of them",
  settings,
  applications: ({ applications, redeployed }) => [...applications, ...(redeployed ?? [])],
  open,
});

function open(context: Context): OpenedProcedure {
  const { settings: of, vault } = context;
  return {
    hasOverlap: true,
    readBy: redeployedOf(of),
    irreversible: "the old token is forgotten; only a person could put it back",
    async plan(signal) {
      const variables = await Promise.all(
        of.applications.map(async (name) => variablesOf(context, name, signal)),
      );
      const [first] = variables;
      if (first === undefined) throw new Error("it stands in no application");
      const present = (await vault.isOpen()) ? await vault.old() : presentIn(first, of);
      if (!variables.every((each) => tokensIn(each).includes(present.reveal()))) {
        if (!(await vault.isOpen())) {
          throw new Error(
            `${of.variable} is not the same in ${of.applications.join(" and ")}; expected the token in each`,
          );
        }
      }
      return {
        present,
        parameters: {
          applications: of.applications.join(", "),
          redeployed: redeployedOf(of).join(", "),
          variable: of.variable,
        },
        observed: { "tokens-accepted": String(tokensIn(first).length) },
      };
    },
    phases: phasesOf(context),
  };
}

function redeployedOf({ redeployed, applications }: Settings): readonly string[] {
  return redeployed ?? applications;
}

function presentIn(variables: TokenVariables, { token, variable }: Settings): Secret {
  const known = tokensIn(variables);
  if (token !== undefined) {
    if (known.includes(token.reveal())) return token;
    throw new Error(`${variable} does not hold the token that the configuration names`);
  }
  const [only] = known;
  if (only === undefined) throw new Error(`${variable} holds no token`);
  if (known.length > 1) {
    throw new Error(
      `${variable} holds ${known.length} tokens; say in the configuration which one it is, by \`token:\``,
    );
  }
  return new Secret(only);
}

function phasesOf(context: Context): readonly Phase[] {
  const { settings: of } = context;
  return [
    { name: "mint", deeds: [mintDeed(context)] },
    {
      name: "install",
      deeds: change(context, "both are in the environment", "both", JOBS_END),
      undo: change(context, "the old one alone is in the environment again", "old"),
    },
    ...ownCopyPhases(context),
    {
      name: "prove-new",
      deeds: [
        proofDeed({
          name: "the new one is accepted, as the same user",
          withinMs: PROVED_WITHIN_MS,
          inARow: 2,
          problem: async (signal) =>
            (await whatIsWrong(context, "both", signal)) ?? whoDiffers(context, signal),
        }),
      ],
    },
    ...(of.grace > 0 ? [gracePhase(context)] : []),
    {
      name: "disable-old",
      deeds: change(context, "the new one alone is in the environment", "new", `${JOBS_END} anew`),
      undo: change(context, "both are in the environment again", "both"),
    },
    {
      name: "prove-old-dead",
      deeds: [
        proofDeed({
          name: "the old one is refused, and the new one is not",
          withinMs: PROVED_WITHIN_MS,
          inARow: 2,
          problem: async (signal) => whatIsWrong(context, "new", signal),
        }),
      ],
    },
    { name: "destroy-old", deeds: [] },
  ];
}

function gracePhase(context: Context): Phase {
  const { vault, settings } = context;
  const { grace } = settings;
  const wait = waitDeed({
    name: "others have had time to take it up",
    vault,
    durationMs: grace,
    asksPerson: `Whoever else holds it takes up the new one within ${formatDuration(grace)}.`,
  });
  return { name: "drain", deeds: [unlessExposed(context, wait)] };
}

/** Whose token is accepted. */
type Wanted = "old" | "both" | "new";

function mintDeed({ vault, fingerprint }: Context): Deed {
  return {
    name: "a new one is made",
    timeoutMs: MINT_TIMEOUT_MS,
    probe: async () => ((await vault.mintedYet()) ? "holds" : "absent"),
    async apply(): Promise<Facts> {
      // Neither a comma nor a colon nor a blank can be in it, which separate tokens.
      const token = new Secret(randomBytes(TOKEN_BYTES).toString("base64url"));
      await vault.keepNew(token);
      return { new: await fingerprint(token) };
    },
  };
}

/** The variables as they are wanted, wherever they stand, and whoever reads them made anew. */
function change(context: Context, name: string, wanted: Wanted, jobsEnd?: string): readonly Deed[] {
  const { settings: of, systems } = context;
  return [
    ...of.applications.map((application) =>
      variablesDeed({
        name: `${name} of ${application}`,
        coolify: systems.coolify,
        applications: [application],
        values: async (signal) => wantedVariables(context, application, wanted, signal),
      }),
    ),
    ...madeAnewDeeds(context, {
      applications: redeployedOf(of),
      name: (application) => `${name}, and ${application} has read it`,
      ...(jobsEnd === undefined ? {} : { jobsEnd }),
      inForce: async (signal) => standingBy(await whatIsWrong(context, wanted, signal)),
    }),
  ];
}

/** By what stands there now, so that a token which somebody else has added meanwhile stays. */
async function wantedVariables(
  context: Context,
  application: string,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<Readonly<Record<string, Secret>>> {
  const { settings: of, vault } = context;
  const now = await variablesOf(context, application, signal);
  const old = (await vault.old()).reveal();
  // Nothing is to be led back from that was not even made.
  const minted = (await vault.mintedYet())?.reveal() ?? old;
  const both = tokensFor(now, old, minted);
  const left = { both: undefined, new: old, old: minted === old ? undefined : minted }[wanted];
  const { list, users } = joinTokens(left === undefined ? both : withoutToken(both, left));
  return {
    [of.variable]: new Secret(list),
    ...(of.userVariable === undefined || users === undefined
      ? {}
      : { [of.userVariable]: new Secret(users) }),
  };
}

async function variablesOf(
  { settings: of, systems }: Context,
  application: string,
  signal: AbortSignal,
): Promise<TokenVariables> {
  const variables = await systems.coolify.variables(application, signal);
  const valueOf = (key: string): string | undefined => {
    const row = variables.find((one) => one.key === key);
    if (row === undefined) return undefined;
    if (row.value === undefined) {
      throw new Error(`${key} of ${application} is hidden; needs systems.coolify.sensitiveToken`);
    }
    return row.value.reveal();
  };
  const list = valueOf(of.variable);
  if (list === undefined) throw new Error(`${application} has no variable ${of.variable}`);
  const users = of.userVariable === undefined ? undefined : valueOf(of.userVariable);
  return { list, users };
}

/** Asks often enough to meet every process, each time by a connection of its own, and beside it as a stranger. */
async function whatIsWrong(
  context: Context,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { settings: of, vault } = context;
  const stranger = new Secret(randomBytes(TOKEN_BYTES).toString("base64url"));
  const minted = await vault.mintedYet();
  const asked = [
    { who: "the old one", token: await vault.old(), isAccepted: wanted !== "new" },
    ...(minted ? [{ who: "the new one", token: minted, isAccepted: wanted !== "old" }] : []),
    { who: "a made-up one", token: stranger, isAccepted: false },
  ];
  const times = Array.from({ length: PROBES_PER_REPLICA * of.replicas });
  const wrong = await Promise.all(
    asked.flatMap(({ who, token, isAccepted }) =>
      times.map(async () => {
        const { status } = await askWith(context, token, signal);
        const isRight = isAccepted ? status === 200 : status === 401;
        return isRight ? undefined : `${who} was answered ${status}, not ${isAccepted ? 200 : 401}`;
      }),
    ),
  );
  return wrong.find((one) => one !== undefined);
}

/** A token that nobody assigned to a user speaks for another one without a word, and is answered 200 all the same. */
async function whoDiffers(context: Context, signal: AbortSignal): Promise<string | undefined> {
  const { vault } = context;
  const [old, minted] = [await vault.old(), await vault.minted()];
  for (let tries = 0; tries < SAME_ANSWER_TRIES; tries += 1) {
    const [before, now] = await Promise.all([
      askWith(context, old, signal),
      askWith(context, minted, signal),
    ]);
    if (before.bodyText === now.bodyText) return undefined;
  }
  return "the new one is answered otherwise than the old one, as if it were another user's";
}

async function askWith({ settings: of, systems }: Context, token: Secret, signal: AbortSignal) {
  const headers = { authorization: new Secret(`Bearer ${token.reveal()}`) };
  const answer = await systems.http.request({ method: "GET", url: of.proof, headers }, signal);
  // Whoever is overloaded or away says nothing about the token.
  if (answer.status < 500 && answer.status !== 429) return answer;
  throw new SystemError("http", "unreachable", `${of.proof} answered ${answer.status}`);
}
