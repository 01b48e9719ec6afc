import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { describe, expect, test } from "vitest";

import { parseConfig } from "../src/config/load-config.ts";
import type { ValidConfig } from "../src/config/load-config.ts";
import { formatProblems } from "../src/config/problem.ts";

const root = join(import.meta.dirname, "..");
const textOf = (file: string): string => readFileSync(join(root, "ops", file), "utf8");

const identity = await generateX25519Identity();
const recipients = [
  await identityToRecipient(identity),
  await identityToRecipient(await generateX25519Identity()),
];

/** Stands for whatever a variable or a file holds, in a form that its place accepts. */
function sample(name: string): string {
  if (/uuid/i.test(name)) return "h8gk4o8w0cs4ggk0wo8o4so8";
  if (/chat/i.test(name)) return "-1001234567890";
  if (/telegram.id/i.test(name)) return String(1_000 + name.length);
  if (/bot.token/i.test(name)) return "7000000001:Sabcdefghijklmnopqrstuvwxyz0123456789";
  if (/database|postgres/i.test(name)) return "postgresql://reader:password@db.example.com/app";
  if (/redis/i.test(name)) return "redis://reader:password@redis.example.com/0";
  if (/_(?:host|front_door)$/i.test(name)) return "api.example.com";
  if (/authority/i.test(name)) return "-----BEGIN CERTIFICATE-----";
  if (/pg_dump/i.test(name)) return "/usr/bin/pg_dump";
  if (/_(?:from|email)$/i.test(name)) return "ops@example.com";
  if (/heartbeat/i.test(name)) return "https://heartbeat.example.com/of-this-bot";
  if (/_port$/i.test(name)) return "587";
  if (/recipient/i.test(name)) return recipients[/recovery/i.test(name) ? 1 : 0] ?? "";
  if (/identity/i.test(name)) return identity;
  return /url$/i.test(name)
    ? "https://service.example.com"
    : `sample-of-${name.replaceAll(/\W+/g, "-")}`;
}

/** The variables that a file refers to. */
function namesIn(file: string): readonly string[] {
  return [...textOf(file).matchAll(/\$\{env:([A-Z_]+)\}/g)].map(([, name = ""]) => name);
}

function load(file: string): ValidConfig {
  const config = parseConfig(textOf(file), {
    environment: Object.fromEntries(namesIn(file).map((name) => [name, sample(name)])),
    readFile: sample,
  });
  if (!config.ok) throw new Error(formatProblems(config.problems, file));
  return config;
}

describe("the file of production", () => {
  const production = load("production.yaml");
  const { checks } = production.settings;

  test("asks everything that the sandbox asks, so that nothing is only rehearsed", () => {
    const rehearsed = Object.keys(load("sandbox.yaml").settings.checks);
    expect(Object.keys(checks).toSorted()).toEqual(rehearsed.toSorted());
  });

  test("waits for no first backup and no first drill, as a sandbox may", () => {
    const due = (file: string): readonly string[] =>
      Object.entries(load(file).settings.checks)
        .filter(([, { settings }]) => (settings as { dueFrom?: string }).dueFrom !== undefined)
        .map(([name]) => name);
    expect(due("sandbox.yaml")).toEqual([
      "backup-is-fresh",
      "backup-is-off-site",
      "restore-is-proven",
    ]);
    expect(due("production.yaml")).toEqual([]);
  });

  test("proves itself by the same steps as the sandbox, each with a runbook that exists", () => {
    const stepsIn = (file: string) =>
      Object.entries(load(file).settings.smoke?.flows ?? {}).map(([name, flow]) => ({
        name,
        steps: [...flow.steps, ...flow.cleanup].map((step) => ({ ...step, url: "", bearer: "" })),
      }));
    const withoutPlaces = (file: string) =>
      JSON.stringify(stepsIn(file)).replaceAll(/"http[^"]*"/g, "");
    expect(withoutPlaces("production.yaml")).toBe(withoutPlaces("sandbox.yaml"));
    const flows = Object.values(production.settings.smoke?.flows ?? {});
    expect(flows.length).toBeGreaterThan(1);
    for (const { lookAt = "docs/runbooks/smoke.md" } of flows.flatMap(({ steps }) => steps)) {
      expect([lookAt, existsSync(join(root, lookAt))]).toEqual([lookAt, true]);
    }
  });

  test.each(Object.entries(checks))(
    "says of %s how severe it is, how long it may take, and what to do",
    (name, { common }) => {
      expect(common.runbook).toBe(`docs/runbooks/${name}.md`);
      expect(existsSync(join(root, common.runbook ?? ""))).toBe(true);
      expect(common.timeout).toBeLessThanOrEqual(15_000);
      expect(common.group).toBeDefined();
    },
  );

  test("replaces what is rehearsed in the sandbox, by the same procedures for the same applications", () => {
    const replaced = (file: string) =>
      Object.entries(load(file).settings.secrets).map(([name, { kind, applications }]) => ({
        name,
        kind,
        applications,
      }));
    expect(replaced("production.yaml")).toHaveLength(6);
    expect(replaced("production.yaml")).toEqual(replaced("sandbox.yaml"));
  });

  test("has a new secret put there from where it reads it itself, and claims no age that nobody knows", () => {
    const text = textOf("production.yaml");
    const read = new Map([
      ["api-tokens", "/run/secrets/api-token"],
      ["webhook-secret", "/run/secrets/product-webhook-secret"],
      ["todoist-token", "/run/secrets/todoist-token"],
      ["xai-key", "/run/secrets/xai-key"],
    ]);
    for (const [name, { common }] of Object.entries(production.settings.secrets)) {
      expect([name, common.keep]).toEqual([name, read.get(name)]);
      expect([name, common.since]).toEqual([name, undefined]);
    }
    for (const path of read.values()) expect(text).toContain(`\${file:${path}}`);
  });

  test("takes every secret from a file, for the environment of a container is shown to many", () => {
    const fromEnvironment = new Set(namesIn("production.yaml").map(sample));
    const secrets = production.secrets.map((secret) => secret.reveal());
    expect(secrets.length).toBeGreaterThan(10);
    expect(secrets.filter((secret) => fromEnvironment.has(secret))).toEqual([]);
  });
});

test("every runbook says what it means, how to look and what to do, and belongs to a check, to smoke or to a way of a release", () => {
  const { checks } = load("production.yaml").settings;
  const known = [...Object.keys(checks), "smoke", "deploy", "rollback"].map((name) => `${name}.md`);
  const files = readdirSync(join(root, "docs/runbooks"));
  expect(files.toSorted()).toEqual(known.toSorted());
  for (const file of files) {
    const text = readFileSync(join(root, "docs/runbooks", file), "utf8");
    expect([file, ...text.matchAll(/^#.*$/gm)].flat()).toEqual([
      file,
      `# ${file.replace(/\.md$/, "")}`,
      "## What it means",
      "## How to look",
      "## What to do",
    ]);
  }
});
