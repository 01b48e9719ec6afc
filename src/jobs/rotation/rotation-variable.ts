import type { Secret } from "../../core/secret.ts";
import type { RotationContext } from "./rotation-procedure.ts";

type Standing = {
  readonly settings: { readonly applications: readonly string[]; readonly variable: string };
  readonly systems: Pick<RotationContext<unknown>["systems"], "coolify">;
};

/**
 * The one value that a variable has in all of its applications.
 *
 * @throws {Error} in words, when there is none, when nobody can see it, or when they differ
 */
export async function presentVariable(
  { settings: { applications, variable }, systems }: Standing,
  signal: AbortSignal,
): Promise<Secret> {
  const values = await Promise.all(
    applications.map(async (application) => {
      const variables = await systems.coolify.variables(application, signal);
      const row = variables.find(({ key }) => key === variable);
      if (row === undefined) throw new Error(`${application} has no variable ${variable}`);
      if (row.value === undefined) {
        throw new Error(
          `${variable} of ${application} is hidden; needs systems.coolify.sensitiveToken`,
        );
      }
      return row.value;
    }),
  );
  const [first, ...others] = values;
  if (first === undefined || first.reveal() === "") throw new Error(`${variable} is empty`);
  if (others.some((other) => other.reveal() !== first.reveal())) {
    throw new Error(`${variable} is not the same in ${applications.join(" and ")}`);
  }
  return first;
}
