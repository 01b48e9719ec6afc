import type { Secret } from "./secret.ts";

/** The forms in which a secret can be made. Neither has a character that a list, a URL or a shell reads as its own. */
export const SECRET_FORMS = ["token", "hex"] as const;
export type SecretForm = (typeof SECRET_FORMS)[number];

/** How many random bytes a made secret is worth. */
export const SECRET_BYTES = 32;

export function secretText(form: SecretForm, random: Buffer): string {
  return form === "token" ? random.toString("base64url") : random.toString("hex");
}

/** Where the value of a variable comes from that is not there yet. */
export type VariableSource =
  | { readonly kind: "given"; readonly value: Secret }
  | { readonly kind: "made"; readonly form: SecretForm }
  | { readonly kind: "asked"; readonly what: string };

/** A variable that applications need, with the same value in each of them. */
export type WantedVariable = {
  readonly name: string;
  readonly applications: readonly string[];
  readonly source: VariableSource;
};

/** A variable as an application has it; its value is undefined where nobody may see it. */
export type FoundVariable = { readonly key: string; readonly value: Secret | undefined };

/** `copied`: another application has it already, and both need the same. */
export const VARIABLE_WAYS = ["given", "made", "asked", "copied"] as const;
export type VariableWay = (typeof VARIABLE_WAYS)[number];

/** How a variable stands in all applications that need it; names alone, so that it may be kept and shown. */
export type VariableStanding = {
  readonly name: string;
  readonly set: readonly string[];
  readonly missing: readonly string[];
  /** How what is missing comes about. */
  readonly way: VariableWay;
  /** Why it cannot be left as it is, and cannot be mended without overwriting something. */
  readonly problem?: string | undefined;
};

/**
 * How every wanted variable stands. Values are compared where they can be seen, and none gets out of here.
 *
 * @param known values that somebody holds ready by the name of the variable, beside those that are given
 */
export function variableStandings(
  wanted: readonly WantedVariable[],
  found: ReadonlyMap<string, readonly FoundVariable[]>,
  known: ReadonlyMap<string, Secret>,
): readonly VariableStanding[] {
  return wanted.map((variable) => {
    const { name, applications, source } = variable;
    const places = applications.map((application) => ({
      application,
      rows: (found.get(application) ?? []).filter(({ key }) => key === name),
    }));
    const set = places.filter(({ rows }) => rows.length > 0);
    const standing = {
      name,
      set: set.map(({ application }) => application),
      missing: places.filter(({ rows }) => rows.length === 0).map((place) => place.application),
    };
    const ready = source.kind === "given" ? source.value : known.get(name);
    const rows = set.flatMap((place) => place.rows);
    const way = wayOf(source, ready, rows);
    const problem = problemOf({ ...standing, way }, places, ready);
    return { ...standing, way, ...(problem === undefined ? {} : { problem }) };
  });
}

/** A value that another application has, and that can be seen, is the one that the others need too. */
function wayOf(
  source: VariableSource,
  ready: Secret | undefined,
  rows: readonly FoundVariable[],
): VariableWay {
  if (ready === undefined && rows.some(({ value }) => isFull(value))) return "copied";
  return source.kind;
}

type Place = { readonly application: string; readonly rows: readonly FoundVariable[] };

function problemOf(
  { set, missing, way }: Omit<VariableStanding, "name" | "problem">,
  places: readonly Place[],
  ready: Secret | undefined,
): string | undefined {
  const names = (those: readonly Place[]): string =>
    those.map(({ application }) => application).join(" and ");
  const twice = places.filter(({ rows }) => rows.length > 1);
  if (twice.length > 0) return `is there more than once in ${names(twice)}`;
  const empty = places.filter(({ rows: [row] }) => row?.value?.reveal() === "");
  if (empty.length > 0) return `is empty in ${names(empty)}; remove it there, or fill it in`;
  const values = places.flatMap(({ rows }) => rows.flatMap(({ value }) => value?.reveal() ?? []));
  if (new Set(values).size > 1) return `is not the same in ${set.join(" and ")}`;
  const [value] = values;
  if (ready !== undefined && value !== undefined && value !== ready.reveal()) {
    return `is something else in ${set.join(" and ")} than here`;
  }
  if (way === "made" && ready === undefined && missing.length > 0 && set.length > 0) {
    return `is hidden in ${set.join(" and ")}, so nobody can give ${missing.join(" and ")} the same`;
  }
  return undefined;
}

function isFull(value: Secret | undefined): boolean {
  return value !== undefined && value.reveal() !== "";
}

/** The variables that an application lacks. */
export function missingIn<Standing extends Pick<VariableStanding, "missing">>(
  standings: readonly Standing[],
  application: string,
): readonly Standing[] {
  return standings.filter(({ missing }) => missing.includes(application));
}

/** Whether everything is there, and as it should be. */
export function isComplete(standings: readonly VariableStanding[]): boolean {
  return standings.every(({ missing, problem }) => missing.length === 0 && problem === undefined);
}
