import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { parseConfig } from "../src/config/load-config.ts";

const text = readFileSync(join(import.meta.dirname, "../ops/sandbox.yaml"), "utf8");

/** The problems of the sandbox's file below `smoke`; other places are not filled with what would fit them. */
function problemsOf(changed: string) {
  const environment = Object.fromEntries(
    [...changed.matchAll(/\$\{env:([A-Z_]+)\}/g)].map(([, name = ""]) => [name, sample(name)]),
  );
  const config = parseConfig(changed, { environment, readFile: () => "a-secret" });
  if (config.ok) return [];
  return config.problems.filter(({ path }) => path.startsWith("smoke"));
}

function sample(name: string): string {
  if (name.includes("DATABASE")) return "postgresql://reader:password@db.example.com/app";
  return name.includes("REDIS") ? "redis://redis.example.com/0" : "https://service.example.com";
}

describe("a mistake in a flow is told before anything is called, with its line", () => {
  test.each<[string, string, string, string]>([
    [
      "an unknown kind",
      "- name: a thought becomes a task\n          kind: http",
      "- name: a thought becomes a task\n          kind: htttp",
      "smoke.flows.todoist.steps[1].kind: expected one of http, sql, redis, wait-until; did you mean http?",
    ],
    [
      "a setting that there is not",
      "idempotencyHeader: Idempotency-Key\n          json:\n            chat_id",
      "idempotencyHeadr: Idempotency-Key\n          effect: none\n          json:\n            chat_id",
      "smoke.flows.todoist.steps[1].idempotencyHeadr: there is no setting of this name; did you mean idempotencyHeader?",
    ],
    [
      "a missing variable",
      'values: ["{{inboxItem}}"]',
      'values: ["{{inboxItme}}"]',
      "smoke.flows.todoist.steps[2].values[0]: no earlier step captures inboxItme; did you mean inboxItem?",
    ],
    [
      "a write in sql",
      "sql: select status from tasks where id = $1",
      "sql: with gone as (delete from tasks where id = $1 returning status) select status from gone",
      "smoke.flows.todoist.steps[10].sql: delete does not only look; the name of a column stands in quotes",
    ],
    [
      "a wait without an end",
      "every: 500ms\n          within: 45s\n          look:",
      "every: 500ms\n          look:",
      "smoke.flows.todoist.steps[5].within: is missing; expected a duration such as 30s, 5m or 1h30m from 100ms to 5m",
    ],
    [
      "a token in clear",
      "bearer: ${file:${env:SANDBOX_SECRETS}/todoist-token}\n          effect",
      "bearer: abcdefgh12345678\n          effect",
      "smoke.flows.todoist.steps[7].bearer: expected a reference to a secret such as ${env:NAME}, or the word wrong",
    ],
    [
      "a flow that there is not",
      "  flow: todoist\n",
      "  flow: todoits\n",
      "smoke.flow: expected one of todoist, a-job, work-items",
    ],
  ])("%s", (_what, right, wrong, message) => {
    expect(problemsOf(text)).toEqual([]);
    expect(text).toContain(right);
    const changed = text.replace(right, () => wrong);
    const [problem, ...others] = problemsOf(changed);
    expect(`${problem?.path}: ${problem?.message}`).toBe(message);
    expect(others).toEqual([]);
    const from = text.slice(0, text.indexOf(right)).split("\n").length;
    const lines = [from - 2, from + wrong.split("\n").length + 4];
    expect(problem?.line).toBeGreaterThanOrEqual(lines[0]!);
    expect(problem?.line).toBeLessThanOrEqual(lines[1]!);
    expect(JSON.stringify(problem)).not.toContain("abcdefgh12345678");
  });
});
