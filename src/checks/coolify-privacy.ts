import { z } from "zod";

import type { Observation } from "../core/status.ts";
import { coolifyApplicationSetting } from "../systems/coolify-settings.ts";
import type { CoolifyApplication, CoolifyHiddenSettings } from "../systems/coolify.ts";
import type { CheckKind } from "./check-kind.ts";
import { unknownApplications } from "./coolify-names.ts";
import { severalLooks } from "./several-looks.ts";

const settings = { application: coolifyApplicationSetting() } satisfies z.ZodRawShape;

export const coolifyPrivacy = {
  kind: "coolify-privacy",
  summary: "nothing of an application in Coolify can be reached from outside",
  settings,
  problems: ({ application }, systems) =>
    unknownApplications(systems, [[["application"], application]]),
  async observe({ systems: { coolify }, settings: { application: name } }, signal) {
    const observations = await severalLooks([
      coolify.application(name, signal).then(openings),
      coolify.hiddenSettings(name, signal).then(proxyRules),
    ]);
    return { observations };
  },
} satisfies CheckKind<typeof settings, "coolify">;

/** Ports that are only exposed, and the options of `docker run` that Coolify lets through, publish nothing. */
function openings(application: CoolifyApplication): Observation[] {
  const { domains, composeDomains, publishedPorts, buildsPreviews } = application;
  return [
    none("domains", domains),
    none("domains of compose services", composeDomains),
    none("published ports", publishedPorts),
    // Each preview gets a domain of its own.
    {
      what: "preview deployments",
      expected: "off",
      actual: buildsPreviews ? "on" : "off",
      ok: !buildsPreviews,
    },
  ];
}

/** Rules by which the proxy routes, of Traefik and of Caddy; other labels may hold passwords and stay unseen. */
const PROXY_RULE = /^(?:traefik\.(?:http|tcp|udp)\.routers\.[^=]*\.rule|caddy(?:_\d+)?)\s*=/i;

function proxyRules({ labels }: CoolifyHiddenSettings): Observation[] {
  return [
    none(
      "labels that route to it",
      labels.filter((label) => PROXY_RULE.test(label)),
    ),
  ];
}

function none(what: string, found: readonly string[]): Observation {
  const actual = found.length === 0 ? "none" : found.join(", ");
  return { what, expected: "none", actual, ok: found.length === 0 };
}
