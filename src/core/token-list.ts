/** The variables that say which tokens an API accepts: `token,token`, and whose they are: `token:user,token:user`. */
export type TokenVariables = {
  readonly list: string;
  /** Undefined where there is no such variable. */
  readonly users: string | undefined;
};

type Tokens = {
  readonly list: readonly string[];
  readonly users: readonly (readonly [token: string, user: string])[] | undefined;
};

/** Every token that is accepted; one that stands among the users alone is, too. */
export function tokensIn(variables: TokenVariables): readonly string[] {
  const { list, users } = read(variables);
  return [...new Set([...list, ...(users ?? []).map(([token]) => token)])];
}

/** Both tokens, whichever of them are there already, with the same user. */
export function tokensFor(variables: TokenVariables, old: string, minted: string): Tokens {
  const now = read(variables);
  return withToken(withToken(now, old, minted), minted, old);
}

/** Adds a token to the list, and to the users, if there are any, as a token of the same user as `like`. */
function withToken({ list, users }: Tokens, token: string, like: string): Tokens {
  const user = users?.find(([one]) => one === token || one === like)?.[1];
  const isKnown = users?.some(([one]) => one === token) ?? true;
  return {
    list: list.includes(token) ? list : [...list, token],
    users: users === undefined || user === undefined || isKnown ? users : [...users, [token, user]],
  };
}

/** A token that is left among the users is still accepted, so it leaves both. */
export function withoutToken({ list, users }: Tokens, token: string): Tokens {
  return {
    list: list.filter((one) => one !== token),
    users: users?.filter(([one]) => one !== token),
  };
}

export function joinTokens({ list, users }: Tokens): TokenVariables {
  return {
    list: list.join(","),
    users: users?.map(([token, user]) => `${token}:${user}`).join(","),
  };
}

function read({ list, users }: TokenVariables): Tokens {
  return {
    list: membersOf(list),
    users:
      users === undefined
        ? undefined
        : membersOf(users).map((pair): [string, string] => {
            const [token = "", ...user] = pair.split(":");
            return [token.trim(), user.join(":").trim()];
          }),
  };
}

function membersOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
}
