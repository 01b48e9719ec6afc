import { parseShortName, shortName } from "./short-name.ts";

/** The name of an alert that people see and type, such as `A-7`. */
export function alertName(id: string): string {
  return shortName("A", id);
}

/** The identity of the alert behind a name as typed; only a whole name, because other words may be those of checks. */
export function parseAlertName(name: string): string | undefined {
  return /^a-/i.test(name) ? parseShortName("A", name) : undefined;
}
