import { z } from "zod";

import { integerSetting, mailAddressSetting, textSetting } from "./setting.ts";

export const ROLES = ["viewer", "operator", "approver"] as const;
export type Role = (typeof ROLES)[number];

/** A person with a role. Telegram's numeric user id is the only identity in the chat; names are for display. */
export type Operator = {
  readonly name: string;
  readonly telegram: number;
  readonly role: Role;
  /** The user of the operating system who is this person on the command line. */
  readonly os?: string | undefined;
  /** Where calls are mailed. */
  readonly email?: string | undefined;
};

/** Each role may do what the ones before it may. */
export function mayActAs(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

const operatorSetting = z.strictObject({
  name: textSetting().meta({ examples: ["Ada"] }),
  telegram: integerSetting().meta({ examples: [123456789] }),
  role: z.enum(ROLES),
  os: textSetting().optional(),
  email: mailAddressSetting()
    .optional()
    .meta({ description: "Where calls are mailed", examples: ["ada@example.com"] }),
});

/** Who may do what. Ids and OS users are unique: one person, one role. */
export const operatorsSetting = z
  .array(operatorSetting)
  .min(1)
  .superRefine((operators, context) => {
    for (const [index, operator] of operators.entries()) {
      for (const member of ["telegram", "os"] as const) {
        const id = operator[member];
        const twin = operators.findIndex((other) => id !== undefined && other[member] === id);
        if (twin < 0 || twin >= index) continue;
        context.addIssue({
          code: "custom",
          path: [index, member],
          message: `${id} is already ${operators[twin]?.name}; one person has one role`,
        });
      }
    }
  });
