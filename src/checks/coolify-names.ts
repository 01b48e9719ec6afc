import { nearest } from "../core/nearest.ts";
import type { SystemsSettings } from "../systems/settings.ts";
import type { SettingProblem } from "./check-kind.ts";

/** Where a check names an application of Coolify, and which one. */
type Named = readonly [path: SettingProblem["path"], application: string];

/** Names that `systems.coolify.applications` does not have. Without a Coolify the check is not configured, and right. */
export function unknownApplications(
  { coolify }: SystemsSettings,
  named: readonly Named[],
): readonly SettingProblem[] {
  if (coolify === undefined) return [];
  const known = Object.keys(coolify.applications);
  return named
    .filter(([, application]) => !known.includes(application))
    .map(([path, application]) => {
      const meant = nearest(application, known);
      const hint =
        meant === undefined ? `expected one of ${known.join(", ")}` : `did you mean ${meant}?`;
      return { path, message: `systems.coolify.applications has no ${application}; ${hint}` };
    });
}

/** The names of a list, each at its own place. */
export function namedInList(setting: string, applications: readonly string[]): readonly Named[] {
  return applications.map((application, index) => [[setting, index], application] as const);
}

/** The names that are the keys of a mapping. */
export function namedByKey(setting: string, mapping: object): readonly Named[] {
  return Object.keys(mapping).map((application) => [[setting, application], application] as const);
}
