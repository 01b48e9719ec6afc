import { z } from "zod";

import { textSetting } from "../core/setting.ts";
import type { Observation } from "../core/status.ts";
import { shortened } from "../core/visible-text.ts";
import type { CoolifyAbility, CoolifyTokenName } from "../systems/coolify.ts";
import { SystemError } from "../systems/system-error.ts";
import type { CheckKind } from "./check-kind.ts";
import { refusedConnection } from "./refused-connection.ts";

const VERSION = /^(\d{1,6})\.(\d{1,6})\.(\d{1,6})(-[\w.-]{1,40})?$/;

const settings = {
  version: textSetting({ pattern: VERSION, expected: "a version such as 4.3.0" })
    .default("4.3.0")
    .meta({ description: "The oldest version that is good enough" }),
} satisfies z.ZodRawShape;

/** What each token is for. More than that would be power that nobody needs and a thief would have. */
const NEEDED: Readonly<Record<CoolifyTokenName, readonly CoolifyAbility[]>> = {
  token: ["read"],
  sensitiveToken: ["read", "read:sensitive"],
  deployToken: ["read", "deploy"],
  writeToken: ["read", "write"],
};

export const coolify = {
  kind: "coolify",
  summary: "Coolify answers, is new enough, and our tokens may do no more than they have to",
  settings,
  async observe({ systems, settings: { version: oldest } }, signal) {
    try {
      const version = await systems.coolify.version(signal);
      const abilities = await systems.coolify.abilities(signal);
      const tokens = [...abilities].map(([name, found]) => token(name, found));
      return { observations: [versionObservation(version, oldest), ...tokens] };
    } catch (error) {
      return { observations: [refusal(error)] };
    }
  },
} satisfies CheckKind<typeof settings, "coolify">;

/** That Coolify refuses us is an answer to this question, though to no other. */
function refusal(error: unknown): Observation {
  const refused = refusedConnection(error, true);
  if (refused !== undefined) return refused;
  if (!(error instanceof SystemError) || !["401", "403"].includes(error.code ?? "")) throw error;
  const actual = error.message.replace(/^Coolify, /, "refused, ");
  return { what: "access", expected: "granted", actual, ok: false };
}

function versionObservation(version: string, oldest: string): Observation {
  const found = VERSION.exec(version);
  if (found === null) {
    const message = `Coolify, version: none, but ${shortened(JSON.stringify(version), 60)}`;
    throw new SystemError("coolify", "malformed", message);
  }
  const ok = isAtLeast(found, VERSION.exec(oldest)!);
  return { what: "version", expected: `at least ${oldest}`, actual: version, ok };
}

function isAtLeast(found: RegExpExecArray, oldest: RegExpExecArray): boolean {
  for (const part of [1, 2, 3]) {
    const difference = Number(found[part]) - Number(oldest[part]);
    if (difference !== 0) return difference > 0;
  }
  // A beta comes before the version that it is a beta of.
  return found[4] === undefined || oldest[4] !== undefined;
}

function token(name: CoolifyTokenName, found: readonly CoolifyAbility[]): Observation {
  const needed = NEEDED[name];
  const ok = found.length === needed.length && needed.every((ability) => found.includes(ability));
  const what = `abilities of ${name}`;
  return { what, expected: needed.join(", "), actual: found.join(", ") || "none", ok };
}
