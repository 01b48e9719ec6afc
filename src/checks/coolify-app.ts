import { z } from "zod";

import type { Observation } from "../core/status.ts";
import { coolifyApplicationSetting } from "../systems/coolify-settings.ts";
import type { CoolifyApplication } from "../systems/coolify.ts";
import { SystemError } from "../systems/system-error.ts";
import type { CheckKind } from "./check-kind.ts";
import { unknownApplications } from "./coolify-names.ts";

const settings = {
  application: coolifyApplicationSetting(),
  healthy: z
    .boolean()
    .default(false)
    .meta({ description: "It must have a health check, and that must say healthy" }),
} satisfies z.ZodRawShape;

export const coolifyApp = {
  kind: "coolify-app",
  summary: "an application runs in Coolify",
  settings,
  problems: ({ application }, systems) =>
    unknownApplications(systems, [[["application"], application]]),
  async observe({ systems, settings: { application: name, healthy } }, signal) {
    const application = await systems.coolify.application(name, signal);
    if (!application.isServerReachable) {
      const message = `Coolify cannot reach the server of ${name}, so its last status ${spelt(application)} may be old`;
      throw new SystemError("coolify", "unreachable", message);
    }
    return { observations: [status(application, healthy), ...healthCheck(application, healthy)] };
  },
} satisfies CheckKind<typeof settings, "coolify">;

/** Without a health check the health of a container is `unknown` on its best day, so only the state counts. */
function status(application: CoolifyApplication, healthy: boolean): Observation {
  const isRunning = application.state === "running";
  return {
    what: "status",
    expected: healthy ? "running:healthy" : "running",
    actual: spelt(application),
    ok: isRunning && (!healthy || application.health === "healthy"),
  };
}

function healthCheck({ hasHealthCheck }: CoolifyApplication, healthy: boolean): Observation[] {
  if (!healthy) return [];
  const actual = hasHealthCheck ? "configured" : "none";
  return [{ what: "health check", expected: "configured", actual, ok: hasHealthCheck }];
}

function spelt({ state, health }: CoolifyApplication): string {
  return `${state}:${health}`;
}
