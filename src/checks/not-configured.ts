import type { z } from "zod";

import { textSetting } from "../core/setting.ts";
import { NotConfiguredError } from "../systems/not-configured-error.ts";
import type { CheckKind } from "./check-kind.ts";

const settings = {
  what: textSetting().meta({
    description: "What this target does without",
    examples: ["Todoist"],
  }),
} satisfies z.ZodRawShape;

/** Says that a question was left out on purpose, where a missing check would look forgotten. */
export const notConfigured = {
  kind: "not-configured",
  summary: "the target has no such thing; the check is listed and not counted",
  settings,
  async observe({ settings: { what } }) {
    throw new NotConfiguredError(what);
  },
} satisfies CheckKind<typeof settings, never>;
