import { describe, expect, test } from "vitest";

import { Secret } from "../../core/secret.ts";
import type { CoolifyVariable } from "../../systems/coolify.ts";
import type { HttpRequest } from "../../systems/http-api.ts";
import type { Systems } from "../../systems/index.ts";
import { SystemError } from "../../systems/system-error.ts";
import { apiToken } from "./rotate-api-token.ts";
import type { Deed, OpenedProcedure, Standing } from "./rotation-procedure.ts";

const LIST = "APP_AUTH_BEARER_TOKENS";
const USERS = "APP_AUTH_TOKEN_USER_MAP";

type Variables = Record<string, Record<string, string>>;

/** An API of two processes that read the variables at each request, and a Coolify of maps. */
function procedureOn(
  held: Variables,
  setting: object = {},
  answers: (
    token: string,
    process: number,
  ) => { status: number; bodyText: string } | undefined = () => undefined,
): {
  readonly procedure: OpenedProcedure;
  readonly kept: () => string | undefined;
  /** The next request for variables is one too many. */
  readonly tooOften: () => void;
} {
  let minted: Secret | undefined;
  let asked = 0;
  let isTooOften = false;
  const users = (): ReadonlyMap<string, string> => {
    const { [LIST]: list = "", [USERS]: map = "" } = held["api"] ?? {};
    const mapped = map
      .split(",")
      .filter(Boolean)
      .map((pair): [string, string] => {
        const [token = "", user = ""] = pair.split(":");
        return [token, user];
      });
    const listed = list.split(",").map((token): [string, string] => [token, "usr_dev"]);
    return new Map([...listed, ...mapped]);
  };
  const systems = {
    coolify: {
      variables: async (application: string): Promise<readonly CoolifyVariable[]> => {
        if (isTooOften) {
          isTooOften = false;
          throw new SystemError("coolify", "rate-limited", "asked too often");
        }
        return Object.entries(held[application] ?? {}).map(([key, value]) => ({
          key,
          isRuntime: true,
          value: new Secret(value),
        }));
      },
      hasVariable: async (application: string, wanted: { key: string; value: Secret }) =>
        held[application]?.[wanted.key] === wanted.value.reveal(),
      setVariable: async (application: string, wanted: { key: string; value: Secret }) => {
        (held[application] ??= {})[wanted.key] = wanted.value.reveal();
        return "updated" as const;
      },
    },
    http: {
      request: async ({ headers = {} }: HttpRequest) => {
        const header = headers["authorization"];
        const token = (header instanceof Secret ? header.reveal() : "").replace("Bearer ", "");
        const user = users().get(token);
        const usual =
          user === undefined
            ? { status: 401, bodyText: "Invalid token" }
            : { status: 200, bodyText: `what ${user} has` };
        return answers(token, (asked += 1) % 2) ?? usual;
      },
    },
  };
  const setup = apiToken.parse({
    kind: "api-token",
    applications: ["api"],
    proof: "https://api.example.com/v1/tasks",
    ...setting,
  });
  const procedure = setup.open({
    secret: "api-tokens",
    isExposed: async () => false,
    target: "alpha",
    systems: systems as unknown as Systems,
    rollout: undefined,
    checks: [],
    fingerprint: async () => "00000000",
    scrub: (text) => text,
    readAnew: () => {},
    vault: {
      isOpen: async () => minted !== undefined,
      old: async () => new Secret("old"),
      mintedYet: async () => minted,
      minted: async () => minted!,
      keepNew: async (secret) => {
        minted = secret;
      },
      discardNew: async () => {},
      notes: async () => ({}),
      note: async () => {},
    },
  });
  return { procedure, kept: () => minted?.reveal(), tooOften: () => void (isTooOften = true) };
}

const context = {
  signal: AbortSignal.timeout(20_000),
  run: "R-1",
  key: "k",
  results: {},
  report: () => {},
  baseline: null,
};

function deedOf({ phases }: OpenedProcedure, name: RegExp): Deed {
  const found = phases
    .flatMap(({ deeds, undo = [] }) => [...deeds, ...undo])
    .find((deed) => name.test(deed.name));
  if (!found) throw new Error(`There is no deed ${name}.`);
  return found;
}

async function done(procedure: OpenedProcedure, ...names: readonly RegExp[]): Promise<void> {
  for (const name of names) await deedOf(procedure, name).apply(context);
}

const proof = async (procedure: OpenedProcedure, name: RegExp): Promise<Standing> =>
  deedOf(procedure, name).probe(context);

describe("rotating the token of an API", () => {
  const MINT = /^a new one is made/;
  const BOTH = /^both are in the environment of api/;
  const NEW = /^the new one alone is in the environment of api/;
  const OLD = /^the old one alone is in the environment again of api/;
  const ACCEPTED = /^the new one is accepted, as the same user/;
  const REFUSED = /^the old one is refused/;

  test("gives the new one to the same user, in both variables, and takes the old one out of both", async () => {
    const held = { api: { [LIST]: "old,other", [USERS]: "old:ada,other:otto" } };
    const { procedure, kept } = procedureOn(held, {
      userVariable: USERS,
      token: new Secret("old"),
    });
    await done(procedure, MINT, BOTH);
    const minted = kept() ?? "";
    expect(held.api).toEqual({
      [LIST]: `old,other,${minted}`,
      [USERS]: `old:ada,other:otto,${minted}:ada`,
    });
    expect(await proof(procedure, ACCEPTED)).toBe("holds");
    await done(procedure, NEW);
    expect(held.api).toEqual({ [LIST]: `other,${minted}`, [USERS]: `other:otto,${minted}:ada` });
    expect(await proof(procedure, REFUSED)).toBe("holds");
    await done(procedure, OLD);
    expect(held.api).toEqual({ [LIST]: "other,old", [USERS]: "other:otto,old:ada" });
  });

  test("asks again what stands there when Coolify was asked too often, before and after it writes", async () => {
    const held = { api: { [LIST]: "old" } };
    const { procedure, kept, tooOften } = procedureOn(held);
    await done(procedure, MINT);
    tooOften();
    await done(procedure, BOTH);
    expect(held.api[LIST]).toBe(`old,${kept()}`);
    tooOften();
    expect(await proof(procedure, BOTH)).toBe("holds");
  });

  test("is not taken in by a new one that is accepted and speaks for somebody else", async () => {
    // The users are in a variable that the configuration does not name, so the new one falls to the default user.
    const held = { api: { [LIST]: "old", [USERS]: "old:ada" } };
    const { procedure } = procedureOn(held);
    await done(procedure, MINT, BOTH);
    expect(await proof(procedure, ACCEPTED)).toEqual({
      absent: expect.stringContaining("as if it were another user's") as string,
    });
  });

  test("does not take a token for refused that is left among the users", async () => {
    const held = { api: { [LIST]: "old", [USERS]: "old:ada" } };
    const { procedure } = procedureOn(held);
    await done(procedure, MINT, BOTH, NEW);
    expect(held.api[LIST]).not.toContain("old");
    expect(await proof(procedure, REFUSED)).toEqual({
      absent: "the old one was answered 200, not 401",
    });
  });

  test("asks often enough to meet the process that was not made anew", async () => {
    const held = { api: { [LIST]: "old" } };
    const stale = (token: string, process: number) =>
      token === "old" && process === 0 ? { status: 200, bodyText: "" } : undefined;
    const { procedure } = procedureOn(held, { replicas: 2 }, stale);
    await done(procedure, MINT, BOTH, NEW);
    expect(await proof(procedure, REFUSED)).toMatchObject({
      absent: expect.stringContaining("the old one was answered 200") as string,
    });
  });

  test("proves nothing by an API that lets everybody in", async () => {
    const held = { api: { [LIST]: "old" } };
    const everybody = () => ({ status: 200, bodyText: "welcome" });
    const { procedure } = procedureOn(held, {}, everybody);
    await done(procedure, MINT, BOTH);
    expect(await proof(procedure, ACCEPTED)).toMatchObject({
      absent: expect.stringContaining("a made-up one was answered 200") as string,
    });
  });

  test.each([
    ["several tokens and no word which", { api: { [LIST]: "one,two" } }, {}, /holds 2 tokens/],
    ["no token at all", { api: { [LIST]: "" } }, {}, /holds no token/],
    ["no such variable", { api: {} }, {}, /has no variable APP_AUTH_BEARER_TOKENS/],
    [
      "another token than the configuration's",
      { api: { [LIST]: "one" } },
      { token: new Secret("two") },
      /does not hold the token that the configuration names/,
    ],
    [
      "applications that disagree",
      { api: { [LIST]: "one" }, worker: { [LIST]: "two" } },
      { applications: ["api", "worker"] },
      /is not the same in api and worker/,
    ],
  ])("is not begun with %s", async (_title, held, setting, reads) => {
    const { procedure } = procedureOn(held, setting);
    await expect(procedure.plan(context.signal)).rejects.toThrow(reads);
  });
});
