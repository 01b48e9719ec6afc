import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

import { commands } from "../src/commands/index.ts";
import type { ChecklistItem, Proof } from "../src/core/checklist.ts";
import { FIELD_WORDS, SIGN_OFF_FIELDS } from "../src/core/sign-off.ts";
import { checklistsSetting, createChecklists } from "../src/jobs/checklist/checklist-settings.ts";
import { createVariables, variablesSetting } from "../src/jobs/rotation/secrets-init-settings.ts";

const root = join(import.meta.dirname, "..");
const read = (file: string): string => readFileSync(join(root, "ops", file), "utf8");
const document = read("PROD_ROLLOUT_CHECKLIST.md");

const requiredSchema = z.object({
  required: z.record(z.string(), z.array(z.string())),
});
const fileSchema = z.object({
  checks: z.record(z.string(), z.record(z.string(), z.unknown())),
  checklists: checklistsSetting,
  variables: z.record(z.string(), z.record(z.string(), z.unknown())),
});

function load(file: string) {
  const parsed = fileSchema.parse(parse(read(file)));
  const rollout = createChecklists(parsed.checklists, "UTC").find(({ name }) => name === "rollout");
  if (!rollout) throw new Error(`${file} has no checklist rollout.`);
  return { ...parsed, items: rollout.items };
}

const production = load("production.yaml");

/** The headings of the gates, by the names that they have in the configuration. */
const HEADINGS: Readonly<Record<string, string>> = {
  preflight: "Gate 1: preflight",
  deploy: "Gate 2: deploy",
  smoke: "Gate 3: smoke",
  rollback: "Gate 4: rollback trigger conditions",
  "sign-off": "Gate 5: sign-off",
};

/** The cells of a table below a heading that names the column first. */
function rows(heading: string, column: string): readonly (readonly string[])[] {
  const [part = ""] = (document.split(`## ${heading}\n`)[1] ?? "").split("\n## ");
  const table = part.split(/\n(?!\|)/).find((block) => block.trim().startsWith(`| ${column} `));
  return (table ?? "")
    .trim()
    .split("\n")
    .slice(2)
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

const words = (text = ""): readonly string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);

/** What the last column says of an item: the checks, the run or the person that prove it, and nothing else. */
function proofText(proof: Proof): string {
  switch (proof.kind) {
    case "checks":
      return proof.checks.map((check) => `[\`${check}\`](../docs/runbooks/${check}.md)`).join(", ");
    case "run": {
      const before = proof.withinMs === 0 ? "" : `, at most ${proof.withinMs / 3_600_000}h before`;
      const after = proof.after === undefined ? "" : `, after the \`${proof.after}\``;
      return `the newest \`${proof.operation}\`: ${proof.verdict}${before}${after}`;
    }
    case "person":
      return `an ${proof.role}, by name`;
  }
}

describe("the rollout checklist", () => {
  test("has the gates of the configuration, in their order", () => {
    const gates = [...new Set(production.items.map(({ gate }) => gate))];
    expect(gates).toEqual(Object.keys(HEADINGS));
    const headings = [...document.matchAll(/^## (Gate .*)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(Object.values(HEADINGS));
  });

  test.each(Object.entries(HEADINGS))("tells the gate %s line by line", (gate, heading) => {
    const told = rows(heading, "item");
    const configured = production.items
      .filter((item) => item.gate === gate)
      .map(({ name, what, command, proof }) => [
        `\`${name}\``,
        what,
        command === undefined ? "–" : `\`/${command}\``,
        proofText(proof),
      ]);
    expect(told).toEqual(configured);
    expect(told.length).toBeGreaterThan(3);
  });

  test("leaves no line without a proof, and none to a check or runbook that is none", () => {
    const checks = production.items.flatMap(({ proof }) =>
      proof.kind === "checks" ? proof.checks : [],
    );
    expect(checks.length).toBeGreaterThan(20);
    for (const check of checks) {
      expect(Object.keys(production.checks)).toContain(check);
      expect(existsSync(join(root, "docs/runbooks", `${check}.md`))).toBe(true);
    }
  });

  test("asks at its first gate all that has to pass before anything was ever deployed", () => {
    const asked = production.items
      .filter(({ gate }) => gate === "preflight")
      .flatMap(({ proof }) => (proof.kind === "checks" ? proof.checks : []));
    const before = Object.entries(production.checks)
      .filter(([, { severity = "page", appliesTo }]) => {
        const moments = z.array(z.string()).safeParse(appliesTo).data ?? ["before-deploy"];
        return severity === "page" && moments.includes("before-deploy");
      })
      .map(([name]) => name);
    // These speak of backups, which the gate asks for by a run of its own.
    const byRun = ["backup-is-fresh", "backup-is-off-site"];
    expect(before.filter((name) => !asked.includes(name) && !byRun.includes(name))).toEqual([]);
  });

  test("names only commands that there are", () => {
    const named = [...document.matchAll(/`(?:\/|flightdeck )([a-z]+)/g)].map(([, name]) => name);
    const known = new Set([...commands.map(({ name }) => name), "config", "start", "init"]);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !known.has(name ?? ""))).toEqual([]);
  });

  test("tells by which checks a rollback is asked for", () => {
    const triggers = rows(HEADINGS["rollback"] ?? "", "roll back when");
    expect(triggers.length).toBeGreaterThan(3);
    const seenBy = triggers.flatMap(([, by]) => words(by)).filter((word) => !word.startsWith("/"));
    for (const check of seenBy) expect(Object.keys(production.checks)).toContain(check);
  });

  test("has the nine fields of the sign-off, the last six as the code asks for them", () => {
    const fields = rows(HEADINGS["sign-off"] ?? "", "field");
    expect(fields).toHaveLength(9);
    const asked = fields
      .slice(3)
      .map(([field, what, by]) => ({ field: words(field)[0], what, by }));
    expect(asked).toEqual(
      SIGN_OFF_FIELDS.map((field) => ({
        field,
        what: FIELD_WORDS[field],
        by: `the bot, or \`/sign RUN ${field} yes\``,
      })),
    );
    expect(document).toContain("complete after architect review");
  });

  test("is rehearsed in the sandbox with the same lines", () => {
    const lines = (items: readonly ChecklistItem[]) =>
      items.map(({ name, gate, what, command, proof }) => ({ name, gate, what, command, proof }));
    expect(lines(load("sandbox.yaml").items)).toEqual(lines(production.items));
  });
});

describe.each(["production.yaml", "sandbox.yaml"])("the variables of %s", (file) => {
  const { variables, checks } = load(file);
  // A secret stands there by reference, which is resolved where the file is loaded as a whole.
  const names = Object.entries(variables).map(([name, { secret, ...rest }]) => [
    name,
    secret === undefined ? rest : { ...rest, value: "by reference" },
  ]);
  const wanted = createVariables(variablesSetting.parse(Object.fromEntries(names)));

  test("are all those that the check demands, for the same applications", () => {
    const { required } = requiredSchema.parse(checks["required-variables-are-present"]);
    const missing = Object.entries(required).flatMap(([application, needed]) =>
      needed
        .filter((name) => !isWanted(name, application))
        .map((name) => `${name} of ${application}`),
    );
    expect(missing).toEqual([]);
  });

  function isWanted(name: string, application: string): boolean {
    const variable = wanted.find((one) => one.name === name);
    return variable?.applications.includes(application) ?? false;
  }
});

test("what production makes is held in the very files that its checks use", () => {
  const kept = Object.values(production.variables).flatMap(({ keep }) =>
    typeof keep === "string" ? [keep] : [],
  );
  expect(kept.length).toBeGreaterThan(1);
  for (const path of kept) expect(read("production.yaml")).toContain(`\${file:${path}}`);
});
