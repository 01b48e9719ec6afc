import { parseShortName, shortName } from "./short-name.ts";

/** The name of a run that people see and type, such as `R-7`. */
export function runName(id: string): string {
  return shortName("R", id);
}

/** The identity of the run behind a name as typed. */
export function parseRunName(name: string): string | undefined {
  return parseShortName("R", name);
}
