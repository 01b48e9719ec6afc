import type { Product } from "./product.ts";
import { Refusal } from "./refusal.ts";

/** The user whom a request speaks for. */
export function authenticate(
  { settings, switches, effects }: Pick<Product, "settings" | "switches" | "effects">,
  header: string | null,
): string {
  const token = header?.startsWith("Bearer ") === true ? header.slice("Bearer ".length) : undefined;
  const user = token === undefined ? undefined : settings.tokens.get(token);
  if (user !== undefined && !switches.forgetsTokens) return user;
  if (switches.acceptsStrangers) {
    effects.add("strangersLetIn");
    return "usr_dev";
  }
  throw new Refusal(
    401,
    token === undefined ? "Missing or invalid authorization header" : "Invalid token",
  );
}
