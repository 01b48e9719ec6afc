import { z } from "zod";

import { choiceSetting, durationSetting, integerSetting, textSetting } from "../core/setting.ts";
import { coolifyApplicationSetting } from "../systems/coolify-settings.ts";

/** `page` sounds on a phone; `warn` is silent, and does not make a preflight NO-GO by itself. */
const SEVERITIES = ["page", "warn"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Before anything is deployed there is nothing that could be asked whether it runs. */
const CHECK_MOMENTS = ["before-deploy", "running"] as const;
export type CheckMoment = (typeof CHECK_MOMENTS)[number];

/** What every check has, whatever its kind. */
export const commonSettings = {
  every: durationSetting({ minimumMs: 1_000, maximumMs: 86_400_000 })
    .default(30_000)
    .meta({ description: "How often the check is asked" }),
  timeout: durationSetting({ minimumMs: 100, maximumMs: 300_000 })
    .default(5_000)
    .meta({ description: "A check that has no answer by then is unknown" }),
  for: durationSetting({ maximumMs: 86_400_000 })
    .default(0)
    .meta({ description: "How long it must last before it is an alert" }),
  resolveAfter: durationSetting({ maximumMs: 86_400_000 })
    .default(60_000)
    .meta({ description: "How long all must be well before the alert is over" }),
  dependsOn: z
    .array(textSetting())
    .max(20, { error: "expected at most 20 checks" })
    .default([])
    .meta({
      description:
        "Checks that explain this one: while one of them is in trouble, its alert speaks",
      examples: [["database-is-up"]],
    }),
  severity: choiceSetting(SEVERITIES)
    .default("page")
    .meta({ description: "page sounds on a phone, warn is silent" }),
  retryAfterFailure: integerSetting({ minimum: 0, maximum: 2 })
    .default(0)
    .meta({ description: "How often a failed look is repeated, within the timeout" }),
  runbook: textSetting({
    pattern: /^[\w./-]+\.md$/,
    expected: "the path of a Markdown file such as docs/runbooks/api-is-ready.md",
  })
    .optional()
    .meta({ description: "What to do when it fails" }),
  application: coolifyApplicationSetting()
    .optional()
    .meta({ description: "The application of Coolify whose log tells more when it fails" }),
  group: textSetting().optional().meta({ description: "Checks of one group are shown together" }),
  appliesTo: z
    .array(choiceSetting(CHECK_MOMENTS))
    .min(1)
    .default([...CHECK_MOMENTS])
    .meta({
      description:
        "before-deploy: it can pass before anything was ever deployed; running: it says something about what runs",
      examples: [["running"]],
    }),
} satisfies z.ZodRawShape;

export type CommonSettings = z.output<z.ZodObject<typeof commonSettings>>;
