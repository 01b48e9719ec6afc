import { nearest } from "../core/nearest.ts";
import type { SettingProblem } from "./check-kind.ts";

/** By the name of a check, the checks that explain its trouble. */
export type Dependencies = ReadonlyMap<string, readonly string[]>;

/** Names that no check has, and circles, in which no check could speak because each stands behind another. */
export function dependencyProblems(dependencies: Dependencies): readonly SettingProblem[] {
  return [...dependencies].flatMap(([check, causes]) =>
    causes.flatMap((cause, index) => {
      const message = problemWith(dependencies, check, cause);
      return message === undefined ? [] : [{ path: [check, "dependsOn", index], message }];
    }),
  );
}

function problemWith(dependencies: Dependencies, check: string, cause: string): string | undefined {
  if (!dependencies.has(cause)) {
    const meant = nearest(cause, [...dependencies.keys()]);
    return `there is no check ${cause}${meant === undefined ? "" : `; did you mean ${meant}?`}`;
  }
  if (cause === check) return "a check cannot explain itself";
  const way = wayBack(dependencies, cause, check);
  return way === undefined
    ? undefined
    : `goes in a circle: ${[check, ...way].join(" → ")}; expected one direction, from effect to cause`;
}

/** How one check leads to another through what each depends on; every check is passed once. */
function wayBack(
  dependencies: Dependencies,
  from: string,
  to: string,
): readonly string[] | undefined {
  const waiting: (readonly string[])[] = [[from]];
  const seen = new Set([from]);
  for (let way = waiting.shift(); way !== undefined; way = waiting.shift()) {
    const last = way.at(-1) ?? from;
    if (last === to) return way;
    for (const cause of dependencies.get(last) ?? []) {
      if (seen.has(cause)) continue;
      seen.add(cause);
      waiting.push([...way, cause]);
    }
  }
  return undefined;
}
