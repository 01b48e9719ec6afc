import { z } from "zod";

import { dependencyProblems } from "./dependencies.ts";
import { checkKinds } from "./index.ts";

export type { Severity } from "./common-settings.ts";

const checkName = z
  .string()
  .regex(/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/, {
    error: "expected small letters, digits and dashes, such as api-is-ready",
  })
  .max(64, { error: "expected at most 64 characters" });

/** The checks of a target by name. A name is the statement that is true on a good day. */
export const checksSetting = z
  .record(checkName, z.discriminatedUnion("kind", checkKinds))
  .superRefine((checks, context) => {
    // A check with a mistake of its own was not built.
    if (context.issues.length > 0) return;
    const dependsOn = Object.entries(checks).map(
      ([name, { common }]) => [name, common.dependsOn] as const,
    );
    for (const { path, message } of dependencyProblems(new Map(dependsOn))) {
      context.addIssue({ code: "custom", path: [...path], message });
    }
  })
  .meta({ description: "Questions about the target, by the statement that is true on a good day" });

export type ChecksSettings = z.output<typeof checksSetting>;
