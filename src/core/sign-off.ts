/** What a rollout is signed by, beside its time, its operator and its commit, which nobody has to be asked for. */
export const SIGN_OFF_FIELDS = [
  "backup",
  "migration",
  "api",
  "worker",
  "smoke",
  "rollback",
] as const;
export type SignOffField = (typeof SIGN_OFF_FIELDS)[number];

/** The fields as people read them. */
export const FIELD_WORDS: Readonly<Record<SignOffField, string>> = {
  backup: "a backup was taken before",
  migration: "the migrations are at their head",
  api: "the API is live and ready",
  worker: "the worker completes jobs",
  smoke: "the smoke flow passed",
  rollback: "the way back is open",
};

/** What the rollout itself has seen of a field; nobody can say otherwise. */
export type SeenField = { readonly yes: boolean; readonly words: string };

/** What a person says of a field that the rollout could not see. */
export type AnsweredField = {
  readonly field: SignOffField;
  readonly yes: boolean;
  readonly by: string;
  readonly at: Date;
};

export type FieldStanding = { readonly field: SignOffField } & (
  | ({ readonly kind: "seen" } & SeenField)
  | { readonly kind: "answered"; readonly yes: boolean; readonly by: string; readonly at: Date }
  | { readonly kind: "open" }
);

/** How every field stands, in their order. What was seen outweighs what is said. */
export function fieldStandings(
  seen: Readonly<Partial<Record<SignOffField, SeenField>>>,
  answers: readonly AnsweredField[],
): readonly FieldStanding[] {
  return SIGN_OFF_FIELDS.map((field): FieldStanding => {
    const sight = seen[field];
    if (sight) return { field, kind: "seen", ...sight };
    const answer = answers.find((one) => one.field === field);
    if (!answer) return { field, kind: "open" };
    const { yes, by, at } = answer;
    return { field, kind: "answered", yes, by, at };
  });
}

/** A person as a sign-off tells people apart: by number. Flightdeck itself has none. */
export type Signer = { readonly name: string; readonly telegram?: string | undefined };

/** May be done, or why not. */
export type SignOffDecision =
  | { readonly ok: true }
  | { readonly ok: false; readonly message: string };

/** Whoever asked for the rollout answers for it; for one that nobody asked for, anybody may. */
export function decideAnswer(
  standing: FieldStanding | undefined,
  requester: Signer,
  by: Signer,
): SignOffDecision {
  if (!standing) return no(`A sign-off has the fields ${SIGN_OFF_FIELDS.join(", ")}.`);
  if (standing.kind === "seen") {
    return no(`The rollout has seen that itself: ${standing.words}.`);
  }
  if (requester.telegram !== undefined && requester.telegram !== by.telegram) {
    return no(`${requester.name} asked for this rollout and answers for it.`);
  }
  return { ok: true };
}

/**
 * The last gate: somebody else has reviewed the whole. `alone` is a team of one, whose own second look is recorded as
 * that.
 */
export function decideReview(
  standings: readonly FieldStanding[],
  requester: Signer,
  by: Signer,
  alone: boolean,
): SignOffDecision {
  const open = standings.filter(({ kind }) => kind === "open").map(({ field }) => field);
  if (open.length > 0) return no(`Still to be answered: ${open.join(", ")}.`);
  const against = standings.filter((one) => one.kind !== "open" && !one.yes);
  if (against.length > 0) {
    return no(`Not as it has to be: ${against.map(({ field }) => field).join(", ")}.`);
  }
  if (by.telegram === undefined) return no("A person has to review it.");
  if (by.telegram === requester.telegram && !alone) {
    return no("Whoever asked for a rollout does not review it; somebody else has to.");
  }
  return { ok: true };
}

/** Whether only the review is left. */
export function isReadyForReview(standings: readonly FieldStanding[]): boolean {
  return standings.every((one) => one.kind !== "open" && one.yes);
}

/** What the evidence keeps of the fields: yes or no, and by whom. */
export function signOffFacts(
  standings: readonly FieldStanding[],
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    standings.map((one): [string, string] => {
      if (one.kind === "open") return [one.field, "open"];
      const said = one.yes ? "yes" : "no";
      return [one.field, one.kind === "seen" ? `${said}: ${one.words}` : `${said}, by ${one.by}`];
    }),
  );
}

function no(message: string): SignOffDecision {
  return { ok: false, message };
}
