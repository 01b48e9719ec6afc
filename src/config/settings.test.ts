import { describe, expect, test } from "vitest";

import { parseConfig } from "./load-config.ts";

const head = `target: production
telegram: { token: "\${env:BOT}", chat: -1001 }
operators: [{ name: Ada, telegram: 1, role: approver }]
`;
const coolify = `systems:
  coolify:
    url: https://coolify.example.com
    token: \${env:COOLIFY}
    applications: { api: aaaaaaaaaaaaaaaaaaaaaaaa, worker: bbbbbbbbbbbbbbbbbbbbbbbb }
`;
const checks = `checks:
  api-app-runs: { kind: coolify-app, application: appi }
  worker-is-not-public: { kind: coolify-privacy, application: worker }
  images-are-ours:
    kind: coolify-dockerfile
    dockerfiles: { backend: /Dockerfile }
  rollback-image-is-kept: { kind: coolify-rollback-image, applications: [api, wroker] }
  variables-are-there: { kind: coolify-variables, required: { wrker: [A] } }
  nothing-is-shared:
    kind: coolify-separation
    ours: [api]
    others: [staging-api]
    apart: { database: { variables: [A] } }
`;
const parse = (text: string) =>
  parseConfig(text, {
    environment: { BOT: `7000000001:S${"a".repeat(34)}`, COOLIFY: "1|abcdef" },
    readFile: () => "",
  });

describe("a check that names an application of Coolify", () => {
  test("is told when there is none of that name, at its line, each of them", () => {
    const loaded = parse(`${head}${coolify}${checks}`);
    const problems = loaded.ok ? [] : loaded.problems;
    expect(problems.map(({ line, path, message }) => `${line} ${path}: ${message}`)).toEqual([
      "10 checks.api-app-runs.application: systems.coolify.applications has no appi; did you mean api?",
      "14 checks.images-are-ours.dockerfiles.backend: systems.coolify.applications has no backend; expected one of api, worker",
      "15 checks.rollback-image-is-kept.applications[1]: systems.coolify.applications has no wroker; did you mean worker?",
      "16 checks.variables-are-there.required.wrker: systems.coolify.applications has no wrker; did you mean worker?",
      "20 checks.nothing-is-shared.others[0]: systems.coolify.applications has no staging-api; expected one of api, worker",
    ]);
  });

  test("is right as it is where there is no Coolify at all, for then it is not configured", () => {
    expect(parse(`${head}${checks}`)).toMatchObject({ ok: true });
  });
});

describe("the section of Coolify", () => {
  test.each([
    [
      "a token in clear",
      "token: ${env:COOLIFY}",
      "token: 1|abcdef",
      "a secret belongs in a reference",
    ],
    ["a uuid that leads elsewhere", "aaaaaaaaaaaaaaaaaaaaaaaa", "../../teams", "expected the uuid"],
    [
      "no application",
      "{ api: aaaaaaaaaaaaaaaaaaaaaaaa, worker: bbbbbbbbbbbbbbbbbbbbbbbb }",
      "{}",
      "expected at least one",
    ],
    ["an address that is none", "https://coolify.example.com", "coolify", "expected an address"],
  ])("refuses %s", (_title, from, to, message) => {
    const loaded = parse(`${head}${coolify.replace(from, to)}checks: {}\n`);
    const problems = loaded.ok ? [] : loaded.problems;
    expect(problems.map((problem) => problem.message)).toEqual([expect.stringContaining(message)]);
  });
});

describe("what runs by itself", () => {
  const rest = `checks:
  api-is-live: { kind: http, url: "https://api.example.com/health" }
checklists:
  daily:
    period: day
    items:
      live: { what: The API is live, checks: [api-is-live] }
schedules:
  nightly: { cron: "0 3 * * *", run: preflight api-is-live }
  morning: { cron: "0 8 * * *", run: checklist daily }
`;
  const problemsOf = (text: string): readonly string[] => {
    const loaded = parse(`${head}${text}`);
    return loaded.ok ? [] : loaded.problems.map(({ path, message }) => `${path}: ${message}`);
  };

  test("gives commands and looks at checks that exist", () => {
    expect(problemsOf(rest)).toEqual([]);
  });

  test.each([
    [
      "a command that is none",
      "run: preflight api-is-live",
      "run: prefligt",
      "schedules.nightly.run: there is no command prefligt for a schedule; did you mean preflight?",
    ],
    [
      "a command that takes a person",
      "run: preflight api-is-live",
      "run: lock Ada",
      "schedules.nightly.run: there is no command lock for a schedule",
    ],
    [
      "what only buttons type",
      "run: preflight api-is-live",
      "run: decide R-1 abort",
      "schedules.nightly.run: there is no command decide for a schedule",
    ],
    [
      "a checklist that is none",
      "run: checklist daily",
      "run: checklist daly",
      "schedules.morning.run: there is no checklist daly for a schedule; did you mean daily?",
    ],
    [
      "a check that is none",
      "checks: [api-is-live]",
      "checks: [api-is-life]",
      'checklists.daily.items.live.checks[0]: there is no check "api-is-life"; did you mean api-is-live?',
    ],
  ])("may not name %s", (_what, from, to, problem) => {
    expect(problemsOf(rest.replace(from, to))).toEqual([expect.stringContaining(problem)]);
  });
});

test("a secret may not name what the file has not, at its line", () => {
  const loaded = parse(`${head}${coolify}checks:
  todoist-token-works: { kind: not-configured, what: Todoist }
secrets:
  todoist-token:
    kind: todoist-token
    applications: [wroker]
    checks: [todoist-token-work]
`);
  expect(
    loaded.ok ? [] : loaded.problems.map(({ path, message }) => `${path}: ${message}`),
  ).toEqual([
    'secrets.todoist-token.applications: systems.coolify.applications has no "wroker"; did you mean worker?',
    'secrets.todoist-token.checks: there is no check "todoist-token-work"; did you mean todoist-token-works?',
  ]);
});

describe("what alerts need to know of checks", () => {
  const file = `${head}${coolify}checks:
  api-is-live: { kind: not-configured, what: an API, dependsOn: [api-is-ready] }
  api-is-ready:
    kind: not-configured
    what: an API
    dependsOn:
      - postgres-is-up
      - api-is-live
    application: appi
maintenance:
  - { name: nightly, cron: "0 3 * * *", lasts: 30m, checks: [api-is-life] }
`;
  const told = (text: string): readonly string[] => {
    const loaded = parse(text);
    const problems = loaded.ok ? [] : loaded.problems;
    return problems.map(({ line, path, message }) => `${line} ${path}: ${message}`);
  };

  test("is told at its line: a cause that is no check, and a circle", () => {
    expect(told(file)).toEqual([
      "10 checks.api-is-live.dependsOn[0]: goes in a circle: api-is-live → api-is-ready → api-is-live; expected one direction, from effect to cause",
      "15 checks.api-is-ready.dependsOn[0]: there is no check postgres-is-up",
      "16 checks.api-is-ready.dependsOn[1]: goes in a circle: api-is-ready → api-is-live → api-is-ready; expected one direction, from effect to cause",
    ]);
  });

  test("is told at its line: an application that Coolify has not", () => {
    const direct = file.replace(/ {4}dependsOn:\n(?: {6}- .+\n)+/, "");
    expect(told(direct)).toEqual([
      "14 checks.api-is-ready.application: systems.coolify.applications has no appi; did you mean api?",
    ]);
  });

  test("is told at its line: a window that names no check", () => {
    const direct = file.replace(/ {4}dependsOn:\n(?: {6}- .+\n)+/, "").replace("appi", "api");
    expect(told(direct)).toEqual([
      "16 maintenance[0].checks[0]: there is no check api-is-life; did you mean api-is-live?",
    ]);
  });
});
