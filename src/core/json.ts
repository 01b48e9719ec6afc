import { z } from "zod";

/** What a journal or a job payload can hold; a member that is undefined is left out. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json | undefined };

export const jsonSchema: z.ZodType<Json> = z.json();
