export type MemberStatus = "creator" | "administrator" | "member" | "left" | "kicked";

/** A person of the sandbox's ops group. Their roles in Flightdeck come from its own configuration, by this id. */
export type Persona = {
  readonly id: number;
  readonly firstName: string;
  readonly username: string;
  /** What Telegram says about them in the group; never a role in Flightdeck. */
  readonly status: MemberStatus;
};

export const personas = {
  viewer: { id: 1001, firstName: "Vera", username: "vera_views", status: "member" },
  operator: { id: 1002, firstName: "Otto", username: "otto_operates", status: "administrator" },
  approver: { id: 1003, firstName: "Ada", username: "ada_approves", status: "creator" },
  stranger: { id: 6001, firstName: "Sid", username: "sid_strays", status: "member" },
} as const satisfies Readonly<Record<string, Persona>>;

export type PersonaName = keyof typeof personas;

export const personaNames = Object.keys(personas) as readonly PersonaName[];
