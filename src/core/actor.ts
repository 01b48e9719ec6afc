import { z } from "zod";

import { ROLES, type Operator } from "./operator.ts";

/** Who asked: an operator in the chat or at a terminal, or Flightdeck itself by a schedule or a rule. */
export const actorSchema = z.discriminatedUnion("via", [
  z.strictObject({
    via: z.enum(["telegram", "cli"]),
    name: z.string(),
    telegram: z.string(),
    role: z.enum(ROLES),
  }),
  z.strictObject({ via: z.literal("flightdeck"), name: z.string() }),
]);

export type Actor = z.output<typeof actorSchema>;

export function actorOf(operator: Operator, via: "telegram" | "cli"): Actor {
  return { via, name: operator.name, telegram: String(operator.telegram), role: operator.role };
}
