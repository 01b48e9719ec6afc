import { describe, expect, test } from "vitest";
import { z } from "zod";

import { Secret } from "../../core/secret.ts";
import { smokeSetting } from "./flow-settings.ts";

const url = "https://api.example.com/v1/x";
const stored = new Secret("postgresql://reader:password@db/app");
const redis = new Secret("redis://reader:password@redis/0");

const post = {
  name: "post",
  kind: "http",
  method: "POST",
  url,
  idempotencyHeader: "Idempotency-Key",
};
const get = { name: "get", kind: "http", url };
const sql = {
  name: "sql",
  kind: "sql",
  url: stored,
  sql: "select id from t where a = $1",
  values: ["{{run}}"],
};
const { name: _name, ...sqlLook } = sql;
const wait = { name: "wait", kind: "wait-until", within: "45s", look: { kind: "http", url } };

/** What is said of a flow of these steps, by path. */
function problemsOf(steps: readonly object[], cleanup: readonly object[] = []): readonly string[] {
  const parsed = smokeSetting.safeParse({ flow: "a", flows: { a: { steps, cleanup } } });
  if (parsed.success) return [];
  return parsed.error.issues.map(({ path, message }) => `${path.slice(2).join(".")}: ${message}`);
}

describe("a flow", () => {
  test("of every kind of step is understood", () => {
    expect(
      problemsOf(
        [
          {
            name: "before",
            kind: "redis",
            url: redis,
            list: "dead",
            capture: { before: "length" },
          },
          {
            ...post,
            json: { text: "x {{run}}" },
            capture: { item: "id" },
            leaves: ["item {{item}}"],
          },
          { ...sql, values: ["{{item}}"], expect: { rows: 1, row: { id: { not: "{{run}}" } } } },
          {
            ...wait,
            look: sqlLook,
            giveUp: { when: { row: { id: "x" } }, telling: "id" },
          },
          { ...get, expect: { json: { count: { above: "{{before}}", atMost: 9 } } } },
          {
            name: "after",
            kind: "redis",
            url: redis,
            list: "dead",
            expect: { length: { atMost: "{{before}}" } },
          },
        ].map(without),
        [
          {
            name: "clean",
            kind: "http",
            method: "DELETE",
            url: `${url}/{{item}}`,
            effect: "repeatable",
            removes: "item {{item}}",
          },
        ],
      ),
    ).toEqual([]);
  });

  test.each<[string, readonly object[], string]>([
    ["an unknown kind", [{ ...get, kind: "htpp" }], "steps.0.kind: Invalid"],
    ["no steps", [], "steps: Too small"],
    [
      "a name that stands twice",
      [get, get],
      "steps.1.name: is the name of an earlier step already",
    ],
    [
      "a variable that nobody captures",
      [{ ...get, url: `${url}/{{itme}}` }],
      "steps.0.url: no earlier step captures itme",
    ],
    [
      "a variable that is nearly captured",
      [
        { ...post, capture: { inboxItem: "id" } },
        { ...get, url: `${url}/{{inboxitem}}` },
      ],
      "steps.1.url: no earlier step captures inboxitem; did you mean inboxItem?",
    ],
    [
      "a variable of a later step",
      [
        { ...get, url: `${url}/{{item}}` },
        { ...post, capture: { item: "id" } },
      ],
      "steps.0.url: no earlier step captures item",
    ],
    [
      "a variable of the same step",
      [{ ...post, json: { a: "{{item}}" }, capture: { item: "id" } }],
      "steps.0.json.a: no earlier step captures item",
    ],
    [
      "a variable that is captured twice",
      [
        { ...post, capture: { item: "id" } },
        { ...get, capture: { item: "id" } },
      ],
      "steps.1.capture.item: is captured by an earlier step already",
    ],
    [
      "a variable that is built in",
      [{ ...get, capture: { run: "id" } }],
      "steps.0.capture.run: is the run's own name",
    ],
    [
      "a variable without a name",
      [{ ...post, json: { a: ["{{ }}"] } }],
      "steps.0.json.a.0: expected a variable of letters and digits",
    ],
    [
      "half a variable",
      [{ ...post, json: { a: "{{run" } }],
      "steps.0.json.a: expected a variable between its braces",
    ],
    [
      "a name that no variable can have",
      [{ ...get, capture: { "Item-1": "id" } }],
      "steps.0.capture.Item-1: Invalid key",
    ],
    [
      "a bad path",
      [{ ...get, capture: { item: "a..b" } }],
      "steps.0.capture.item: expected a path such as data.0.id",
    ],
    [
      "a bad path in an expectation",
      [{ ...get, expect: { json: { "a.": 1 } } }],
      "steps.0.expect.json.a.: Invalid key",
    ],
    [
      "an unknown condition",
      [{ ...get, expect: { json: { a: { atleast: 1, atMost: 2 } } } }],
      "steps.0.expect.json.a: Unrecognized key",
    ],
    [
      "a word where a number belongs",
      [{ ...get, expect: { json: { a: { above: "x" } } } }],
      "steps.0.expect.json.a.above: expected a number, or a variable such as {{before}}",
    ],
    [
      "a wait without an end",
      [{ ...wait, within: undefined }],
      "steps.0.within: is missing; expected a duration",
    ],
    [
      "a wait of hours",
      [{ ...wait, within: "2h" }],
      "steps.0.within: expected a duration such as 30s, 5m or 1h30m from 100ms to 5m",
    ],
    [
      "a wait that never pauses",
      [{ ...wait, every: "1ms" }],
      "steps.0.every: expected a duration such as 30s, 5m or 1h30m from 100ms",
    ],
    [
      "a wait that posts",
      [{ ...wait, look: { kind: "http", method: "POST", url } }],
      "steps.0.look.method: is repeated while waiting; expected GET, or effect: none",
    ],
    ["a wait for a wait", [{ ...wait, look: wait }], "steps.0.look.kind: Invalid"],
    [
      "giving up by another kind",
      [{ ...wait, giveUp: { when: { row: { a: 1 } } } }],
      "steps.0.giveUp.when: expected what a look of kind http may show",
    ],
    [
      "sql that writes",
      [{ ...sql, sql: "delete from t where a = $1" }],
      "steps.0.sql: expected one statement that begins with select",
    ],
    [
      "sql that writes while waiting",
      [{ ...wait, look: { kind: "sql", url: stored, sql: "select nextval('a')" } }],
      "steps.0.look.sql: calls a function that is not known to only look",
    ],
    [
      "a variable inside sql",
      [{ ...sql, sql: "select '{{run}}', $1" }],
      "steps.0.sql: a variable goes into values, and $1 into the statement",
    ],
    [
      "a value too few",
      [{ ...sql, values: [] }],
      "steps.0.sql: holds a $1 although there are no values",
    ],
    [
      "a POST that may be sent twice",
      [{ ...post, idempotencyHeader: undefined }],
      "steps.0: a POST may be sent twice; expected idempotencyHeader",
    ],
    [
      "a POST with two reasons",
      [{ ...post, effect: "none" }],
      "steps.0.effect: stands beside idempotencyHeader",
    ],
    [
      "a GET with a key",
      [{ ...get, idempotencyHeader: "K" }],
      "steps.0.method: a GET changes nothing",
    ],
    ["a GET with a body", [{ ...get, json: {} }], "steps.0.json: a GET carries no body"],
    [
      "a variable in the host",
      [{ ...get, url: "https://{{run}}.example.com/" }],
      "steps.0.url: expected variables in the path and the query alone",
    ],
    ...["HTTPS://{{run}}/x", "https:{{run}}/x", " https://{{run}}/x", "https:/\\{{run}}/x"].map(
      (address): [string, object[], string] => [
        `a variable in the host, spelt ${address}`,
        [{ ...get, url: address }],
        "steps.0.url: expected variables in the path and the query alone",
      ],
    ),
    [
      "a variable in a header",
      [{ ...get, headers: { "X-Chat": "{{run}}" } }],
      "steps.0.headers.X-Chat: a header holds no variable",
    ],
    [
      "a token in clear",
      [{ ...get, bearer: "abcdefgh" }],
      "steps.0.bearer: expected a reference to a secret",
    ],
    [
      "a token in clear in a header",
      [{ ...get, headers: { "X-Api-Key": "abcdefgh" } }],
      "steps.0.headers.X-Api-Key: a secret belongs in a reference",
    ],
    [
      "a database in clear",
      [{ ...sql, url: "postgresql://db/app" }],
      "steps.0.url: a secret belongs in a reference",
    ],
    ["a setting that there is not", [{ ...get, retries: 3 }], "steps.0: Unrecognized key"],
    [
      "something removed that nobody leaves",
      [
        { ...post, leaves: ["item 1"] },
        { ...get, removes: "item 2" },
      ],
      "steps.1.removes: expected the words of a `leaves` of an earlier step; did you mean item 1?",
    ],
  ])("with %s is refused", (_what, steps, problem) => {
    const problems = problemsOf(steps.map(without));
    expect(problems.join("\n")).toContain(problem);
    expect(problems).toHaveLength(1);
  });

  test("is refused when the one that is meant is not there", () => {
    const parsed = smokeSetting.safeParse({ flow: "b", flows: { a: { steps: [get] } } });
    expect(parsed.error?.issues).toMatchObject([{ path: ["flow"], message: "expected one of a" }]);
  });

  test("may hold a secret in its body, which stays sealed", () => {
    const token = new Secret("hidden-value");
    const steps = [{ ...post, json: { a: [token] } }];
    const parsed = smokeSetting.parse({ flow: "a", flows: { a: { steps } } });
    expect(JSON.stringify(parsed)).not.toContain("hidden-value");
    expect(parsed?.flows["a"]?.steps[0]).toMatchObject({ json: { a: [token] } });
  });

  test("is known to editors", () => {
    const schema = JSON.stringify(z.toJSONSchema(smokeSetting, { io: "input" }));
    for (const word of ["wait-until", "idempotencyHeader", "lookAt", "giveUp", "cleanup"]) {
      expect(schema).toContain(`"${word}"`);
    }
  });
});

/** A member that is undefined is one that was not written. */
function without(step: object): object {
  return Object.fromEntries(Object.entries(step).filter(([, value]) => value !== undefined));
}
