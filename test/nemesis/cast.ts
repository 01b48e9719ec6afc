import { personas, type Persona } from "../../sandbox/telegram/server.ts";

/** Who takes part: enough operators that none of them asks more often than people may be asked. */
export const cast = {
  Vera: personas.viewer,
  Otto: personas.operator,
  Olga: { id: 1_011, firstName: "Olga", username: "olga_operates", status: "member" },
  Oskar: { id: 1_012, firstName: "Oskar", username: "oskar_operates", status: "member" },
  Odile: { id: 1_013, firstName: "Odile", username: "odile_operates", status: "member" },
  Ada: personas.approver,
  Ben: { id: 1_021, firstName: "Ben", username: "ben_approves", status: "member" },
  Sid: personas.stranger,
} as const satisfies Readonly<Record<string, Persona>>;

export type Name = keyof typeof cast;

export const operators = ["Otto", "Olga", "Oskar", "Odile"] as const;
export const approvers = ["Ada", "Ben"] as const;

type Role = "viewer" | "operator" | "approver";

const roles: Readonly<Partial<Record<Name, Role>>> = {
  Vera: "viewer",
  ...Object.fromEntries(operators.map((name) => [name, "operator"])),
  ...Object.fromEntries(approvers.map((name) => [name, "approver"])),
};

/** The lines of a configuration that say who may do what. */
export function operatorsInYaml(): string {
  const lines = Object.entries(roles).map(
    ([name, role]) => `  - { name: ${name}, telegram: ${cast[name as Name].id}, role: ${role} }`,
  );
  return `operators:\n${lines.join("\n")}\n`;
}
