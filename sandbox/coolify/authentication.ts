import { Refusal } from "./refusal.ts";
import type { Ability, CoolifyState, TokenRow } from "./rows.ts";

/** The token of a request, in the order in which Coolify finds out: who, from where, and what it may. */
export function authenticate(state: CoolifyState, header: string | undefined): TokenRow {
  const text = /^Bearer (.+)$/i.exec(header ?? "")?.[1]?.trim();
  const token = state.tokens.find((each) => each.text === text);
  if (token === undefined || token.revoked) throw unauthenticated();
  return token;
}

function unauthenticated(): Refusal {
  return new Refusal(401, { message: "Unauthenticated." });
}

/** Both refusals say `success: true`, as the real ones do. */
export function admit(state: CoolifyState, ip: string): void {
  if (!state.apiEnabled) throw new Refusal(403, { success: true, message: "API is disabled." });
  if (state.allowedIps.length > 0 && !state.allowedIps.includes(ip)) {
    const message = "You are not allowed to access the API.";
    throw new Refusal(403, { success: true, message });
  }
}

/** No ability implies another, only root opens everything; and an elevated one needs an owner who is more than a member. */
export function demand(state: CoolifyState, token: TokenRow, ability: Ability): void {
  if (!mayDo(token, ability)) {
    throw new Refusal(403, { message: `Missing required permissions: ${ability}` });
  }
  const owner = state.users.find((user) => user.id === token.user_id);
  const isElevated = token.abilities.some((each) => each !== "read");
  if (isElevated && (owner === undefined || owner.team_role === "member")) {
    throw new Refusal(403, { message: "Missing required team role." });
  }
}

export function mayDo(token: TokenRow, ability: Ability): boolean {
  return token.abilities.includes(ability) || token.abilities.includes("root");
}
