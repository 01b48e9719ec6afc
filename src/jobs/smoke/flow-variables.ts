import { Secret } from "../../core/secret.ts";

/** What earlier steps have learnt; a run's own name is among them. */
export type Variables = Readonly<Record<string, Scalar>>;
export type Scalar = string | number | boolean;

/** The run's name, such as R-7, which every step may use. */
export const RUN_VARIABLE = "run";

export const VARIABLE_NAME = /^[a-z][A-Za-z0-9]{0,31}$/;
const REFERENCE = /\{\{([^{}]*)\}\}/g;
const WHOLE = /^\{\{([^{}]*)\}\}$/;

/** A value cannot stand where a flow wants it. */
export class UnfitValueError extends Error {
  override readonly name = "UnfitValueError";
}

/** The names that a value refers to, however deep, right or wrong. */
export function namesIn(value: unknown): readonly string[] {
  if (typeof value === "string") return [...value.matchAll(REFERENCE)].map(([, name]) => name!);
  if (typeof value !== "object" || value === null || value instanceof Secret) return [];
  return Object.values(value).flatMap(namesIn);
}

/** Whether braces are left over that refer to nothing. */
export function hasStrayBraces(text: string): boolean {
  return /\{\{|\}\}/.test(text.replaceAll(REFERENCE, ""));
}

/** A text that is nothing but a reference keeps the type of what it refers to. */
export function filled(value: unknown, variables: Variables): unknown {
  if (typeof value === "string") {
    const name = WHOLE.exec(value)?.[1];
    return name === undefined ? filledText(value, variables) : valueOf(name, variables);
  }
  if (Array.isArray(value)) return value.map((each) => filled(each, variables));
  if (typeof value !== "object" || value === null || value instanceof Secret) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, filled(member, variables)]),
  );
}

export function filledText(text: string, variables: Variables): string {
  return text.replaceAll(REFERENCE, (_whole, name: string) => String(valueOf(name, variables)));
}

/**
 * An address with every value as one part of its path or query, whatever the value holds.
 *
 * @throws {UnfitValueError} for a value that would lead to another path
 */
export function filledUrl(url: string, variables: Variables): string {
  return url.replaceAll(REFERENCE, (_whole, name: string) => {
    const value = String(valueOf(name, variables));
    // A server may take encoded slashes for real ones before it looks where an address leads.
    if (value === "" || /(?:^|[\\/])\.{1,2}(?:$|[\\/])/.test(value)) {
      throw new UnfitValueError(`the value of ${name} cannot stand in an address`);
    }
    return encodeURIComponent(value);
  });
}

function valueOf(name: string, variables: Variables): Scalar {
  if (!Object.hasOwn(variables, name)) throw new UnfitValueError(`nothing was learnt as ${name}`);
  return variables[name]!;
}
