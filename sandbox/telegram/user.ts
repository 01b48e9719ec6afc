import { z } from "zod";

import type { Persona } from "./personas.ts";

export const userSchema = z.strictObject({
  id: z.int().positive(),
  is_bot: z.boolean(),
  first_name: z.string().min(1),
  last_name: z.string().optional(),
  username: z.string().optional(),
  language_code: z.string().optional(),
  is_premium: z.literal(true).optional(),
});
export type User = z.output<typeof userSchema>;

export function userOf(persona: Persona): User {
  return {
    id: persona.id,
    is_bot: false,
    first_name: persona.firstName,
    username: persona.username,
    language_code: "en",
  };
}

/** The bot's id is the part of its token before the colon, as with the real ones. */
export function botUser(botToken: string): User {
  return {
    id: Number(botToken.split(":")[0]),
    is_bot: true,
    first_name: "Flightdeck",
    username: "flightdeck_sandbox_bot",
  };
}
