import { expect, test } from "vitest";

import { Secret } from "../../core/secret.ts";
import { deadLettersSetting } from "../worker/dead-letter-settings.ts";
import { createRemedies } from "./remedies.ts";

const checks = [
  { name: "worker-completes-jobs", application: "worker" },
  { name: "dead-letters-are-none", application: "worker" },
  { name: "api-is-ready", application: "api" },
  { name: "certificates-last", application: undefined },
];
const url = new Secret("redis://localhost");
const letters = (more: object) =>
  deadLettersSetting.parse({
    url,
    list: "dead",
    checks: ["dead-letters-are-none"],
    events: { url: new Secret("postgresql://h/d"), sql: "select $1", completed: "c", died: "d" },
    ...more,
  });
const requeue = { url, queue: "queue" };
const rollout = { worker: "worker" };

test.each([
  ["worker-completes-jobs", ["restart-worker"]],
  // A worker that completes its jobs is not helped against those that died.
  ["dead-letters-are-none", ["requeue"]],
  ["api-is-ready", []],
  ["certificates-last", []],
  ["a-check-that-is-gone", []],
])("against %s helps %j", (check, remedies) => {
  expect(createRemedies({ checks, rollout, deadLetters: letters({ requeue }) })(check)).toEqual(
    remedies,
  );
});

test("nothing is offered that the configuration does not know how to do", () => {
  const none = createRemedies({ checks, rollout: undefined, deadLetters: letters({}) });
  expect(checks.flatMap(({ name }) => none(name))).toEqual([]);
});
