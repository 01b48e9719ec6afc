import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";

import { parseDuration, formatDuration } from "../src/core/duration.ts";
import { escalationSetting } from "../src/core/escalation.ts";

const root = join(import.meta.dirname, "..");
const read = (file: string): string => readFileSync(join(root, "ops", file), "utf8");

const fileSchema = z.object({
  checks: z.record(z.string(), z.record(z.string(), z.unknown())),
  checklists: z.record(
    z.string(),
    z.object({
      // A list with gates has a document of its own.
      items: z
        .record(z.string(), z.object({ what: z.string(), checks: z.array(z.string()).optional() }))
        .optional(),
    }),
  ),
});
const production = fileSchema.parse(parse(read("production.yaml")));

/** The cells of every row below a heading that names the column first, whatever section it stands in. */
function rows(section: string | undefined, column: string): readonly (readonly string[])[] {
  const text = read("OPERATIONS_BASELINE.md");
  const part =
    section === undefined ? text : (text.split(`## ${section}\n`)[1] ?? "").split("\n## ")[0];
  const tables = (part ?? "")
    .split(/\n(?!\|)/)
    .map((block) => block.trim())
    .filter((block) => block.startsWith(`| ${column} `));
  return tables.flatMap((table) =>
    table
      .trim()
      .split("\n")
      .slice(2)
      .map((line) =>
        line
          .split("|")
          .slice(1, -1)
          .map((cell) => cell.trim()),
      ),
  );
}

const words = (cell = ""): readonly string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);

/** What all checks have, and has columns of its own or is no threshold. */
const COMMON = new Set(["every", "for", "timeout", "retryAfterFailure", "resolveAfter"]);
/** What an answer looks like, as opposed to how much of something is too much. */
const FORMS = new Set(["status", "atLeast"]);

/** Every number and every length of time in the settings of a check, by its path. */
function thresholds(settings: unknown, path: readonly string[] = []): readonly string[] {
  if (typeof settings === "object" && settings !== null) {
    return Object.entries(settings).flatMap(([key, value]) =>
      (path.length === 0 && COMMON.has(key)) || FORMS.has(key)
        ? []
        : thresholds(value, [...path, key]),
    );
  }
  const isThreshold =
    typeof settings === "number" ||
    (typeof settings === "string" && parseDuration(settings) !== undefined);
  return isThreshold ? [`${path.join(".")} ${settings}`] : [];
}

describe("the operations baseline", () => {
  const told = rows(undefined, "check");

  test("tells every check of production once, and no other", () => {
    const names = told.map(([name]) => words(name)[0] ?? "");
    expect(names.toSorted()).toEqual(Object.keys(production.checks).toSorted());
  });

  test.each(told)(
    "tells of %s what is in force",
    (name, _trouble, limits = "", every, after, severity) => {
      const [check = ""] = words(name);
      const settings = production.checks[check] ?? {};
      const [runbook = ""] = /\((.*)\)/.exec(name)?.slice(1) ?? [];
      expect(existsSync(join(root, "ops", runbook))).toBe(true);
      expect(runbook.endsWith(`/${check}.md`)).toBe(true);
      const inForce = { every: "30s", for: "0s", severity: "page", ...settings };
      expect([every, after, severity]).toEqual([inForce.every, inForce.for, inForce.severity]);
      const limitsTold = [...limits.matchAll(/`([^`]+)` (\w+)/g)].map(
        ([, path, value]) => `${path} ${value}`,
      );
      expect(limitsTold).toEqual(thresholds(settings));
    },
  );

  test("has thresholds to keep in step", () => {
    const known = Object.values(production.checks).flatMap((settings) => thresholds(settings));
    expect(known).toContain("within 10m");
    expect(known).toContain("lists.default_queue.atMost 50");
    expect(known.length).toBeGreaterThan(8);
  });

  test.each(["Required health checks", "Queue depth checks", "Worker failure thresholds"])(
    "has a section of %s",
    (section) => {
      expect(rows(section, "check").length).toBeGreaterThan(1);
    },
  );

  test("tells who is called, how and when, as it is in force", () => {
    const whom = {
      "on-call": "whoever is on call",
      next: "the next one on the list",
      all: "everybody on the list",
    } as const;
    const steps = escalationSetting
      .parse(undefined)
      .map(({ after, reach, by }) => [
        after === 0 ? "0s" : formatDuration(after),
        whom[reach],
        by.join(", "),
      ]);
    expect(rows("Alert destinations", "after")).toEqual(steps);
  });

  const regular = Object.entries(production.checklists).flatMap(([name, { items }]) =>
    items === undefined ? [] : [[name, items] as const],
  );

  test.each(regular)("tells the %s checklist as it is", (name, items) => {
    const section = `${name.charAt(0).toUpperCase()}${name.slice(1)} operator checklist`;
    const listed = rows(section, "item").map(([item, what, proof]) => ({
      item: words(item)[0],
      what,
      checks: words(proof),
    }));
    expect(listed).toEqual(
      Object.entries(items).map(([item, { what, checks = [] }]) => ({ item, what, checks })),
    );
  });
});
