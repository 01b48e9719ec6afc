import { readFileSync } from "node:fs";
import { join } from "node:path";

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { Secret } from "../core/secret.ts";
import { configSchema, loadConfigs, parseConfig } from "./load-config.ts";
import type { LoadedConfig, ValidConfig } from "./load-config.ts";
import { formatProblems } from "./problem.ts";

const CANARY = "hunter2-plain-secret";
const environment = {
  BOT_TOKEN: `123456789:${"A".repeat(35)}`,
  CHAT: "-1001000000001",
  XAI_KEY: "the key of xAI",
  EMPTY: "",
};
const sources = {
  environment,
  readFile: (path: string): string => {
    if (path === "/run/secrets/key") return "from a file\n";
    throw Object.assign(new Error("no such file"), { code: "ENOENT" });
  },
};

const MINIMAL = `
target: production
telegram:
  token: \${env:BOT_TOKEN}
  chat: \${env:CHAT}
operators:
  - name: Ada
    telegram: 1003
    role: approver
checks:
  api-is-live:
    kind: http
    url: https://api.example.com/health/live
`.trimStart();

const valid = (loaded: LoadedConfig): ValidConfig => {
  if (!loaded.ok) throw new Error(formatProblems(loaded.problems, "test.yaml"));
  return loaded;
};
const problemsOf = (text: string): string[] => {
  const loaded = parseConfig(text, sources);
  return loaded.ok ? [] : formatProblems(loaded.problems, "test.yaml").split("\n");
};

describe("a valid file", () => {
  test("gives settings with references resolved, converted and defaults filled in", () => {
    const { settings } = valid(parseConfig(MINIMAL, sources));
    expect(settings.telegram.chat).toBe(-1001000000001);
    expect(settings.telegram.token).toBeInstanceOf(Secret);
    expect(settings.telegram.token.reveal()).toBe(environment.BOT_TOKEN);
    expect(settings.timeZone).toBe("UTC");
    expect(settings.checks["api-is-live"]?.common).toMatchObject({
      every: 30_000,
      timeout: 5_000,
      for: 0,
      severity: "page",
    });
  });

  test("prints no secret, whichever way it is printed", () => {
    const config = valid(parseConfig(MINIMAL, sources));
    expect(JSON.stringify(config)).not.toContain(environment.BOT_TOKEN);
    expect(config.secrets.map((secret) => secret.reveal())).toContain(environment.BOT_TOKEN);
  });

  test("reads a secret from a file without its last line break, and inside a text", () => {
    const text = MINIMAL.replace(
      "    url: https",
      '    headers: { X-Api-Key: "key ${file:/run/secrets/key}" }\n    url: https',
    );
    const revealed = valid(parseConfig(text, sources)).secrets.map((secret) => secret.reveal());
    expect(revealed).toContain("key from a file");
  });

  test("finds a file by a path that stands in a variable", () => {
    const text = MINIMAL.replace("url: https", "bearer: ${file:${env:FOLDER}/key}\n    url: https");
    const found = { ...sources, environment: { ...environment, FOLDER: "/run/secrets" } };
    const { secrets } = valid(parseConfig(text, found));
    expect(secrets.map((secret) => secret.reveal())).toContain("from a file");
    expect(problemsOf(text)).toEqual([
      expect.stringContaining("the environment variable FOLDER is not set"),
    ]);
    const none = parseConfig(text, {
      ...sources,
      environment: { ...environment, FOLDER: "/none" },
    });
    expect(none.ok ? "" : formatProblems(none.problems, "test.yaml")).toContain(
      "cannot read the file ${env:FOLDER}/key (ENOENT)",
    );
  });

  test("uses the default of a reference when the variable is not set or empty", () => {
    for (const name of ["MISSING", "EMPTY"]) {
      const text = MINIMAL.replace("name: Ada", `name: Ada\n    os: \${env:${name}:-root}`);
      expect(valid(parseConfig(text, sources)).settings.operators[0]?.os).toBe("root");
    }
  });

  test("may use anchors, aliases and merge keys", () => {
    const text = `${MINIMAL}    every: &often 1m
    <<: &api { timeout: 7s }
  api-is-ready: { <<: *api, kind: http, url: "https://api.example.com", every: *often }
`;
    const { settings } = valid(parseConfig(text, sources));
    expect(settings.checks["api-is-ready"]?.common).toMatchObject({
      every: 60_000,
      timeout: 7_000,
    });
  });
});

describe("the hash", () => {
  const hashOf = (text: string, env: Record<string, string> = environment): string =>
    valid(parseConfig(text, { ...sources, environment: env })).hash;

  test("is the same for another layout, other comments and other secrets", () => {
    const otherSecret = { ...environment, BOT_TOKEN: `99999999:${"B".repeat(35)}` };
    const [target, ...rest] = MINIMAL.split("\n");
    const reordered = `# A comment\n${rest.join("\n")}${target}\n`;
    expect(hashOf(MINIMAL)).toMatch(/^[0-9a-f]{64}$/);
    expect(hashOf(reordered, otherSecret)).toBe(hashOf(MINIMAL));
  });

  test("is another one for another meaning", () => {
    expect(hashOf(MINIMAL.replace("live\n", "ready\n"))).not.toBe(hashOf(MINIMAL));
  });
});

describe("a file with mistakes", () => {
  test("is told all of them at once, each with its line, column, path, what is right and an example", () => {
    const text = `target: Production!
timezone: Europe/Berlin
telegram:
  token: ${CANARY}
  chat: the ops group
operators:
  - name: Otto
    telegram: 1002
    role: operater
checks:
  Api_Is_Live:
    kind: http
    url: https://api.example.com
  api-is-ready:
    kind: http
    url: https://otto:${CANARY}@api.example.com
    timeout: 5
    retry: 1
  postgres-accepts-connections:
    kind: postgress
  xai-key-works:
    kind: http
    url: https://api.x.ai/v1/models
    bearer: \${env:XAI_KEI}
    headers: { Authorization: Bearer ${CANARY} }
    expect: { json: { data: { nonEmpty: yes } } }
  queue-depth-is-normal:
    kind: redis-queue
    url: \${file:/run/secrets/redis}
    lists: {}
`;
    const problems = problemsOf(text);
    expect(problems).toEqual([
      "test.yaml:1:9  target: expected a name of at most 20 small letters, digits and dashes (example: production)",
      "test.yaml:2:11  timezone: there is no setting of this name; did you mean timeZone?",
      "test.yaml:4:10  telegram.token: a secret belongs in a reference such as ${env:NAME}, not in the file (example: ${env:NAME})",
      "test.yaml:5:9  telegram.chat: expected a whole number, at most -1 (example: -1001234567890)",
      "test.yaml:9:11  operators[0].role: expected one of viewer, operator, approver; did you mean operator?",
      "test.yaml:11:3  checks.Api_Is_Live: not a name for this: expected small letters, digits and dashes, such as api-is-ready",
      "test.yaml:16:10  checks.api-is-ready.url: an address holds no user or password; give them as a secret, for example in a header",
      "test.yaml:17:14  checks.api-is-ready.timeout: expected a duration such as 30s, 5m or 1h30m from 100ms to 5m (example: 30s)",
      "test.yaml:18:12  checks.api-is-ready.retry: there is no setting of this name; did you mean retryAfterFailure?",
      expect.stringMatching(
        /^test\.yaml:20:11 {2}checks\.postgres-accepts-connections\.kind: expected one of .*postgres, .*; did you mean postgres\?$/,
      ),
      "test.yaml:24:13  checks.xai-key-works.bearer: the environment variable XAI_KEI is not set; expected it to hold the value (example: export XAI_KEI=…)",
      "test.yaml:25:31  checks.xai-key-works.headers.Authorization: a secret belongs in a reference such as ${env:NAME}, not in the file",
      "test.yaml:26:23  checks.xai-key-works.expect.json.data: expected a value, or a condition such as {atLeast: 1}",
      "test.yaml:29:10  checks.queue-depth-is-normal.url: cannot read the file /run/secrets/redis (ENOENT); expected it to hold the value",
      "test.yaml:30:5  checks.queue-depth-is-normal.lists: expected at least one list",
    ]);
    expect(problems.join("\n")).not.toContain(CANARY);
  });

  test("points at the nearest place that exists when something is missing", () => {
    expect(problemsOf("target: x\ntelegram:\n  chat: -5\nchecks: {}\n")).toEqual([
      "test.yaml:1:1  operators: is missing; expected a list",
      "test.yaml:2:1  telegram.token: is missing; expected a reference to a secret such as ${env:NAME} (example: ${env:NAME})",
    ]);
  });

  test("points into the anchor that a merged value comes from", () => {
    const text = MINIMAL.replace("telegram:", "x: &shared { timeout: soon }\ntelegram:").replace(
      "    kind: http",
      "    <<: *shared\n    kind: http",
    );
    expect(problemsOf(text)).toContainEqual(
      expect.stringMatching(
        /^test\.yaml:2:23 {2}checks\.api-is-live\.timeout: expected a duration/,
      ),
    );
  });

  test.each([
    ["a default in place of a secret", "token: ${env:BOT_TOKEN:-abc}", /secret belongs in a ref/],
    ["an unknown kind of reference", "token: ${vault:bot}", /form \$\{env:NAME\} or/],
    ["a bare shell variable", "token: ${BOT_TOKEN}", /form \$\{env:NAME\} or/],
    ["an empty variable", "token: ${env:EMPTY}", /variable EMPTY is empty/],
    ["a token of another form", "token: ${env:XAI_KEY}", /not a bot token/],
  ])("is refused for %s", (_name, line, message) => {
    const problems = problemsOf(MINIMAL.replace("token: ${env:BOT_TOKEN}", line));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(message);
  });
});

describe("a file that is no YAML", () => {
  test.each([
    ["a key that stands twice", "target: x\ntarget: y\n", "test.yaml:2:1  this key stands here"],
    ["a tab", "telegram:\n\tchat: 5\n", "a tab cannot indent"],
    ["two documents", "a: 1\n---\nb: 2\n", "test.yaml:2:1  the file holds several documents"],
    ["an open quotation", 'target: "x\n', "test.yaml:"],
    ["an alias without an anchor", "target: *x\n", "test.yaml:1:9  this alias has no anchor"],
    [
      "an alias of itself",
      "a: &a [*a]\n",
      "test.yaml:1:8  this alias stands inside its own anchor",
    ],
    ["an unknown tag", "target: !vault x\n", "test.yaml:1:9  Unresolved tag"],
  ])("names %s and its line", (_name, text, problem) => {
    expect(problemsOf(text).join("\n")).toContain(problem);
  });

  test("does not repeat what it could not read", () => {
    expect(problemsOf(`a: b\n"${CANARY}" "${CANARY}": [\n- ${CANARY}`).join("\n")).not.toContain(
      CANARY,
    );
  });

  test("cannot write to the terminal by the name of a key", () => {
    const problems = problemsOf(`${MINIMAL}"\\e[31m\\nred": 1\n`);
    expect(problems).toEqual([
      expect.stringContaining("  ⟨U+001B⟩[31m⟨U+000A⟩red: there is no setting of this name"),
    ]);
  });

  test("cannot make aliases multiply without a bound", () => {
    const layers = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
    for (const depth of [1, 2, 3, 4]) {
      layers.push(`a${depth}: &a${depth} [${`*a${depth - 1}, `.repeat(9)}]`);
    }
    expect(problemsOf(layers.join("\n"))).toEqual([
      "test.yaml:1:1  the aliases of this file multiply without a bound",
    ]);
  });

  test.each([
    ["an empty file", "", "target: is missing"],
    ["a list", "- a\n", "expected a mapping"],
    ["a word", "hello\n", "expected a mapping"],
    ["a number beyond all bounds", MINIMAL.replace("1003", ".inf"), "expected a finite number"],
    [
      "half a character in a name",
      `${MINIMAL}    expect: { json: { "\\uD800": x } }\n`,
      "test.yaml:13:15  checks.api-is-live.expect.json: has half of a character in a name",
    ],
    ["half a character", MINIMAL.replace("Ada", '"\\uD800"'), "holds half of a character"],
    ["depths", `target: ${"[".repeat(40)}${"]".repeat(40)}`, "nested too deeply"],
    ["a key __proto__", `${MINIMAL}__proto__: { x: 1 }\n`, "there is no setting of this name"],
  ])("is refused when it holds %s", (_name, text, problem) => {
    expect(problemsOf(text).join("\n")).toContain(problem);
  });

  test("never throws, whatever is done to a valid file", () => {
    const pieces = [
      "\n",
      "  ",
      "- ",
      ": ",
      "&a",
      "*a",
      "<<",
      "{",
      "[",
      "}",
      "|",
      "!",
      "${env:",
      '"',
    ];
    const splices = fc.array(
      fc.record({
        at: fc.nat(MINIMAL.length),
        cut: fc.nat(12),
        put: fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: "binary", maxLength: 4 })),
      }),
      { minLength: 1, maxLength: 6 },
    );
    const tell = (edits: readonly { at: number; cut: number; put: string }[]): string => {
      const text = edits.reduce(
        (whole, { at, cut, put }) => whole.slice(0, at) + put + whole.slice(at + cut),
        MINIMAL,
      );
      const loaded = parseConfig(text, sources);
      return loaded.ok ? "test.yaml:1:1  is valid" : formatProblems(loaded.problems, "test.yaml");
    };
    const told = fc.check(
      fc.property(splices, (edits) => /^test\.yaml:\d+:\d+ {2}./.test(tell(edits))),
      { numRuns: 500, seed: 13 },
    );
    expect(told.counterexample).toBeNull();
    // Each of the files is read whole, which takes a busy machine long.
  }, 60_000);

  test("is refused when it cannot be read", () => {
    expect(loadConfigs(["/nowhere.yaml"], sources)).toMatchObject({
      ok: false,
      files: [
        {
          file: "/nowhere.yaml",
          problems: [
            {
              line: 1,
              column: 1,
              path: "",
              message: "cannot read the file (ENOENT); expected a YAML file",
            },
          ],
        },
      ],
    });
  });
});

const root = join(import.meta.dirname, "../..");
const SANDBOX = readFileSync(join(root, "ops/sandbox.yaml"), "utf8");
/** What stands for the names of a world, where a form is demanded in that form. */
const SANDBOX_ENVIRONMENT = {
  ...Object.fromEntries(
    [...SANDBOX.matchAll(/\$\{env:(\w+)\}/g)].map((match) => [match[1]!, "http://127.0.0.1:8000"]),
  ),
  FLIGHTDECK_BOT_TOKEN: environment.BOT_TOKEN,
  SANDBOX_PRODUCT_BOT_TOKEN: environment.BOT_TOKEN,
  SANDBOX_SECRETS: "/secrets",
  SANDBOX_FRONT_DOOR: "127.0.0.1:8443",
  SANDBOX_AUTHORITY: "-----BEGIN CERTIFICATE-----",
  SANDBOX_CALL_SECRET: "a-signing-secret-of-a-test",
  SANDBOX_SMTP_PORT: "587",
  SANDBOX_SMTP_AUTHORITY: "-----BEGIN CERTIFICATE-----",
  SANDBOX_PG_DUMP: "/usr/bin/pg_dump",
  SANDBOX_DATABASE_URL: "postgresql://127.0.0.1/app",
  SANDBOX_REDIS_URL: "redis://127.0.0.1/0",
  SANDBOX_REDIS_REQUEUE_URL: "redis://127.0.0.1/0",
  SANDBOX_DATABASE_ROTATION_URL: "postgresql://127.0.0.1/app",
  SANDBOX_REDIS_ROTATION_URL: "redis://127.0.0.1/0",
  SANDBOX_BACKUP_DATABASE_URL: "postgresql://127.0.0.1/app",
  SANDBOX_DRILL_RECIPIENT: "age1kcuzuxrnnxhxgkd75camvxggs28q9kmfk2d8te070czpxe6pv56qr930lc",
  SANDBOX_RECOVERY_RECIPIENT: "age1qpaj5urrqsc4kcsyz32qn8wwft0pqde5qd2egw0qzmjsxsj5qgtsmcjymn",
  // Opens nothing that anybody has.
  SANDBOX_DRILL_IDENTITY:
    "AGE-SECRET-KEY-1MWCG0DWNWDE33TX0K0VVRS9DW4GDDZHA6TYVZC4SM8P2L4G9924SYASVVF",
};

describe("the configuration of the sandbox", () => {
  const { settings } = valid(
    parseConfig(SANDBOX, {
      environment: SANDBOX_ENVIRONMENT,
      readFile: () => "a-secret-of-letters",
    }),
  );

  test("is valid and has the three personas", () => {
    expect(settings.operators.map(({ name, role }) => `${name} ${role}`)).toEqual([
      "Vera viewer",
      "Otto operator",
      "Ada approver",
    ]);
  });

  test.each(Object.entries(settings.checks))(
    "has the runbook that %s names",
    (name, { common }) => {
      expect(common.runbook).toBe(`docs/runbooks/${name}.md`);
      const runbook = readFileSync(join(root, common.runbook ?? ""), "utf8");
      for (const heading of ["What it means", "How to look", "What to do"]) {
        expect(runbook).toContain(`## ${heading}`);
      }
    },
  );
});

test("the JSON Schema names every setting and allows references where people write them", () => {
  const schema = configSchema();
  const text = JSON.stringify(schema);
  expect(Object.keys(schema.properties ?? {})).toEqual(
    expect.arrayContaining(["target", "telegram", "operators", "checks", "data", "redis"]),
  );
  expect(text).toContain("retryAfterFailure");
  expect(schema.properties?.["telegram"]?.properties?.["chat"]?.type).toEqual([
    "integer",
    "string",
  ]);
});

describe("several files", () => {
  const further = (more: string): string =>
    `target: staging\noperators: [{ name: Ada, telegram: 1003, role: approver }]\nchecks: {}\n${more}`;
  const load = (files: Readonly<Record<string, string>>) => {
    return loadConfigs(Object.keys(files) as [string, ...string[]], {
      environment: SANDBOX_ENVIRONMENT,
      readFile: (path) => files[path] ?? "a-secret-of-letters",
    });
  };

  test("are a target each, in their order", () => {
    const loaded = load({ "a.yaml": SANDBOX, "b.yaml": further("place: { topic: 7 }") });
    expect(loaded.ok && loaded.targets.map(({ settings }) => settings.target)).toEqual([
      "sandbox",
      "staging",
    ]);
  });

  test.each([
    [
      "telegram settings belong to the first",
      "telegram: { chat: -1 }\nplace: { topic: 7 }",
      "telegram",
    ],
    ["a place of its own is needed", "", "place"],
    ["a name of its own is needed", "place: { topic: 7 }", "target"],
    [
      "a folder of its own for its log is needed",
      "place: { topic: 7 }\nevidence: { directory: ./data/../data/sandbox/comms/ }",
      "evidence.directory",
    ],
  ])("%s", (_rule, more, path) => {
    const text = path === "target" ? further(more).replace("staging", "sandbox") : further(more);
    const loaded = load({ "a.yaml": SANDBOX, "b.yaml": text });
    expect(loaded).toMatchObject({ ok: false, files: [{ file: "b.yaml", problems: [{ path }] }] });
  });
});
