/** Short facts by name, as a card shows them and the evidence keeps them: `release: 9e107d9d372b…`. */
export type Facts = Readonly<Record<string, string>>;

/**
 * Who has to say yes. `second-person`: an approver who is not the one who asked. `confirm`: the one who asked, by a second
 * tap, for teams of one. `break-glass`: the approver who asked, alone, loudly, to be reviewed by somebody else.
 */
export const APPROVAL_POLICIES = ["second-person", "confirm", "break-glass"] as const;
export type ApprovalPolicy = (typeof APPROVAL_POLICIES)[number];

/** What a person says yes to, and what it rests on. */
export type Question = {
  readonly policy: ApprovalPolicy;
  /** Whether the first tap only brings codes to choose from, one of which is the one that the card shows. */
  readonly needsCode: boolean;
  /** Exactly what will be done. Another word in here is another question. */
  readonly parameters: Facts;
  /** What was seen when it was asked; a yes counts only while all of it is still so. */
  readonly observed: Facts;
};

/**
 * `draft`: its message is not in the chat yet, so nobody can have said anything. `approved`: enough people said yes;
 * `consumed`: their yes was used, once, for ever. All others are ends without an effect.
 */
export const APPROVAL_STATES = [
  "draft",
  "posted",
  "approved",
  "consumed",
  "denied",
  "expired",
  "revoked",
  "superseded",
  "stale",
] as const;
export type ApprovalState = (typeof APPROVAL_STATES)[number];

/** An approval as the card of its run draws it. */
export type ApprovalView = {
  readonly state: ApprovalState;
  readonly question: Question;
  /** Four characters that stand for the parameters: the same on every screen that shows the same question. */
  readonly code: string;
  readonly expiresAt: Date;
  readonly votes: readonly {
    readonly by: string;
    readonly vote: "yes" | "no";
    readonly at: Date;
  }[];
  /** What was no longer as it was when the yes was to be used, in words; empty unless it is stale. */
  readonly changed: readonly string[];
  /** What people can say: the answers while it is open, and to ask again once it ended without one. */
  readonly buttons: readonly (readonly ApprovalButton[])[];
};

/** Rows of these stand last under the card, as they are. */
export type ApprovalButton = {
  readonly label: string;
  readonly command: string;
  readonly style?: "danger" | "success" | "primary";
};
