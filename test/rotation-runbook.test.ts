import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { Secret } from "../src/core/secret.ts";
import type { ConfiguredSecret, OpenedProcedure } from "../src/jobs/rotation/rotation-procedure.ts";
import { secretsSetting } from "../src/jobs/rotation/rotations.ts";

const root = join(import.meta.dirname, "..");
const runbook = readFileSync(join(root, "ops/SECRETS_ROTATION_RUNBOOK.md"), "utf8");

const both = ["api", "worker"];

/** A secret of each kind, and of each way in which the kind goes. */
const WAYS: Readonly<Record<string, readonly object[]>> = {
  "api-token": [
    {
      applications: both,
      redeployed: ["api"],
      keep: "/run/secrets/api-token",
      proof: "https://api.example.com/v1/tasks",
      grace: "10m",
    },
  ],
  "xai-key": [
    { applications: both, management: "https://management.example.com", managementKey: "key" },
    { applications: both },
  ],
  "todoist-token": [{ applications: ["worker"] }],
  "postgres-role": [
    { applications: both, admin: "postgresql://admin@db/product", roles: ["app_a", "app_b"] },
  ],
  "redis-password": [{ applications: both, admin: "rediss://admin@redis/0" }],
  "webhook-secret": [{ applications: ["api"] }, { applications: ["api"], acceptsTwo: true }],
};

const SEALED: readonly string[] = ["admin", "managementKey"];

function configured(kind: string, way: object): ConfiguredSecret {
  const setting = Object.entries(way).map(([name, value]: [string, unknown]) => [
    name,
    SEALED.includes(name) ? new Secret(String(value)) : value,
  ]);
  const { secret } = secretsSetting.parse({ secret: { kind, ...Object.fromEntries(setting) } });
  if (!secret) throw new Error("There is one secret.");
  return secret;
}

const PARTS = [
  "When",
  "Steps",
  "Validation",
  "When a phase fails",
  "By hand, when Flightdeck is down",
] as const;

function sectionOf(kind: string): string {
  const [, after = ""] = runbook.split(`\n## ${kind}`);
  return after.split("\n## ")[0] ?? "";
}

/** Cells without the padding that the formatter gives them. */
function rowsIn(section: string): readonly string[] {
  return section
    .split("\n")
    .filter((text) => text.startsWith("|") && !/^\|[\s|:-]+$/.test(text))
    .map((text) =>
      text
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim())
        .join(" | "),
    );
}

function stepsOf({ phases }: OpenedProcedure): readonly string[] {
  return phases.flatMap(({ name, deeds, undo = [] }) => {
    const done = deeds.map((deed) => deed.name).join("; ") || "what was kept is blanked";
    const back = undo.map((deed) => deed.name).join("; ") || "–";
    return [`${name} | ${done} | ${back}`];
  });
}

const HEAD = "phase | what is so then | how it is led back";

describe("the runbook of rotations", () => {
  test.each(Object.entries(WAYS))(
    "tells of %s when, by which steps, how it is validated, what to do when one fails, and how by hand",
    (kind, ways) => {
      const section = sectionOf(kind);
      const headings = [...section.matchAll(/^### (.+)$/gm)].map(([, heading]) => heading);
      expect(headings).toEqual([...PARTS]);
      const procedures = ways.map((way) => opened(configured(kind, way)));
      expect(rowsIn(section)).toEqual(
        procedures.flatMap((procedure) => [HEAD, ...stepsOf(procedure)]),
      );
      for (const { irreversible } of procedures) {
        expect(section.replaceAll(/\s+/g, " ")).toContain(irreversible);
      }
    },
  );

  test("knows every kind that there is", () => {
    const told = [...runbook.matchAll(/^## ([a-z]+-[a-z-]+)$/gm)].map(([, kind]) => kind);
    expect(told).toEqual(Object.keys(WAYS));
    const files = readdirSync(join(root, "src/jobs/rotation")).flatMap(
      (name) => /^rotate-([a-z-]+)\.ts$/.exec(name)?.[1] ?? [],
    );
    expect(files.toSorted()).toEqual(Object.keys(WAYS).toSorted());
  });
});

/** Phases are the same whenever they are asked for, and nothing is asked of anybody to know them. */
function opened(secret: ConfiguredSecret): OpenedProcedure {
  const nobody = () => {
    throw new Error("A procedure tells its phases without asking anybody.");
  };
  const silent = new Proxy({}, { get: () => new Proxy(nobody, { get: () => nobody }) });
  return secret.open({
    secret: "the-secret",
    isExposed: async () => false,
    target: "sandbox",
    systems: silent as never,
    rollout: undefined,
    vault: silent as never,
    checks: [],
    fingerprint: nobody,
    scrub: (text) => text,
    readAnew: () => undefined,
  });
}
