import { expect, test } from "vitest";

import { createChecks } from "./create-checks.ts";
import { checksSetting } from "./settings.ts";

test("a question that was left out on purpose is listed as such, with what the target lacks", async () => {
  const settings = checksSetting.parse({
    "todoist-token-works": { kind: "not-configured", what: "Todoist" },
  });
  const [check] = createChecks(settings, {
    systems: {} as Parameters<typeof createChecks>[1]["systems"],
    previous: async () => [],
    scrub: (text) => text,
  });
  expect(await check?.ask(new AbortController().signal)).toMatchObject({
    status: "not-configured",
    reason: "Todoist is not configured",
    observations: [],
  });
});
