import { z } from "zod";

import { formatDuration, parseDuration } from "../../core/duration.ts";
import { nearest } from "../../core/nearest.ts";
import type { Failing, RollbackRule } from "../../core/rollback-rule.ts";
import { textSetting } from "../../core/setting.ts";

const LOOKS_AT_MOST = 20;
const EXPECTED = `a duration such as 5m, or looks such as 3 of 5 (at most ${LOOKS_AT_MOST})`;

const failingSetting = z
  .string({ error: `expected ${EXPECTED}` })
  .transform((text, context): Failing => {
    const failing = parseFailing(text);
    if (failing) return failing;
    context.addIssue({ code: "custom", message: `expected ${EXPECTED}`, input: text });
    return z.NEVER;
  })
  .meta({ type: "string", examples: ["5m", "3 of 5"] });

const ruleSetting = z.strictObject({
  checks: z.array(textSetting()).min(1).meta({ description: "Any of these is enough" }),
  failing: failingSetting.default({ kind: "for", ms: 0 }).meta({
    description: "How long, or at how many of the newest looks; at once, as its alert fires",
  }),
  automatic: z.boolean().default(false).meta({
    description:
      "Nobody is asked; once an hour at most, and never while another rollback is under way",
  }),
});

const nameSetting = z
  .string()
  .regex(/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/, {
    error: "expected small letters, digits and dashes, such as dead-letters-grow",
  })
  .max(40, { error: "expected at most 40 characters" });

/** When an alert offers to roll back, or the rollback begins by itself. */
export const rollbackWhenSetting = z
  .record(nameSetting, ruleSetting)
  .default({})
  .meta({ description: "When an alert offers to go back to the release before; needs rollout" });

export type RollbackWhenSettings = z.output<typeof rollbackWhenSetting>;

/** The rules of a target, in the order of its file. */
export function createRollbackRules(settings: RollbackWhenSettings): readonly RollbackRule[] {
  return Object.entries(settings).map(([name, rule]) => ({ name, ...rule }));
}

/** What is wrong with rules that only the whole file shows, by the path below the setting. */
export function rollbackRuleProblems(
  settings: RollbackWhenSettings,
  { checks, hasRollout }: { readonly checks: readonly string[]; readonly hasRollout: boolean },
): readonly { readonly path: readonly (string | number)[]; readonly message: string }[] {
  if (Object.keys(settings).length > 0 && !hasRollout) {
    return [{ path: [], message: "needs rollout: without it nobody knows what to roll back" }];
  }
  return Object.entries(settings).flatMap(([name, rule]) =>
    rule.checks.flatMap((check, index) => {
      if (checks.includes(check)) return [];
      const meant = nearest(check, checks);
      const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
      return [{ path: [name, "checks", index], message: `there is no check ${check}${hint}` }];
    }),
  );
}

/** As the setting is written. */
export function failingWords(failing: Failing): string {
  switch (failing.kind) {
    case "for":
      return failing.ms === 0 ? "fails" : `has failed for ${formatDuration(failing.ms)}`;
    case "of":
      return `failed at ${failing.bad} of ${failing.looks} looks`;
  }
}

function parseFailing(text: string): Failing | undefined {
  const ms = parseDuration(text);
  if (ms !== undefined) return { kind: "for", ms };
  const counts = /^(\d{1,2}) of (\d{1,2})$/.exec(text.trim());
  const [bad, looks] = [Number(counts?.[1]), Number(counts?.[2])];
  const isFit = counts !== null && bad >= 1 && bad <= looks && looks <= LOOKS_AT_MOST;
  return isFit ? { kind: "of", bad, looks } : undefined;
}
