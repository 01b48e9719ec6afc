/** What somebody is to hear by another way than the chat. It may stand on a locked screen, so it is a title and no more. */
export type Call = {
  /** The same for every attempt, so that whoever gets it twice can tell. */
  readonly id: string;
  readonly kind: CallKind;
  readonly target: string;
  readonly severity: "page" | "warn";
  readonly what: string;
  readonly at: Date;
  /** Names of those who are called. */
  readonly people: readonly string[];
};

export const CALL_KINDS = ["fired", "over", "test"] as const;
type CallKind = (typeof CALL_KINDS)[number];

/** One attempt to get a call through. */
export type CallAttempt = {
  readonly call: Call;
  /** An earlier attempt may have come through already. */
  readonly resent: boolean;
};

/** The one line that says it all: target, severity, what. */
export function callTitle({ kind, target, severity, what }: Call): string {
  const word = { fired: severity, over: "over", test: "test call" }[kind];
  return `[${target}] ${word}: ${what}`;
}
