import { describe, expect, test } from "vitest";

import { createScrubber } from "../../core/redaction.ts";
import { Secret } from "../../core/secret.ts";
import type { HttpAnswer, HttpRequest } from "../../systems/http-api.ts";
import { SystemError } from "../../systems/system-error.ts";
import type { Results, Step } from "../operation.ts";
import { flowVerdict, leftBehind, reportsOf, type FlowReport } from "./flow-report.ts";
import { smokeSetting, type Flow } from "./flow-settings.ts";
import { flowSteps, type FlowParts } from "./flow-step.ts";

const url = "https://api.example.com/v1/x";
const database = new Secret("postgresql://reader:password@db/app");
const redisUrl = new Secret("redis://reader:password@redis/0");
const canary = new Secret("canary-0123456789");

const post = {
  name: "post",
  kind: "http",
  method: "POST",
  url,
  idempotencyHeader: "Idempotency-Key",
  json: { text: "x {{run}}" },
  capture: { item: "id" },
  leaves: ["item {{item}}"],
};
const rows = {
  name: "rows",
  kind: "sql",
  url: database,
  sql: "select state from t where id = $1",
  values: ["{{item}}"],
  expect: { row: { state: "done" } },
};
const wait = {
  name: "wait",
  kind: "wait-until",
  every: "100ms",
  within: "1s",
  look: {
    kind: "sql",
    url: database,
    sql: "select state, error from t",
    expect: { row: { state: "done" } },
  },
  giveUp: { when: { row: { state: "dead" } }, telling: "error" },
};
const removal = {
  name: "remove",
  kind: "http",
  method: "DELETE",
  url: `${url}/{{item}}`,
  effect: "repeatable",
  removes: "item {{item}}",
};

function flowOf(steps: readonly object[], cleanup: readonly object[] = []): Flow {
  return smokeSetting.parse({ flow: "a", flows: { a: { steps, cleanup } } })!.flows["a"]!;
}

const answer = (status: number, body: unknown, more: Partial<HttpAnswer> = {}): HttpAnswer => ({
  status,
  headers: { "content-type": "application/json", "x-request-id": "req-1" },
  bodyText: typeof body === "string" ? body : JSON.stringify(body),
  truncated: false,
  durationMs: 5,
  ...more,
});

type Fakes = {
  readonly http?: (request: HttpRequest, signal: AbortSignal) => Promise<HttpAnswer>;
  readonly rows?: (values: readonly unknown[]) => Promise<readonly unknown[]>;
  readonly length?: () => unknown;
};

function partsOf({ http, rows: query, length }: Fakes): FlowParts {
  return {
    scrub: createScrubber([canary]),
    systems: {
      http: {
        request: async (request, signal) => http!(request, signal),
        close: async () => {},
      },
      postgres: { query: async ({ values = [] }) => query!(values) },
      redis: { read: async () => [{ ok: true, value: length?.() }] },
    },
  };
}

/** Does what the engine does: one step after another, as far as they apply. */
async function perform(
  steps: readonly Step[],
  signal = new AbortController().signal,
): Promise<Results> {
  const results: Record<string, never> = {};
  for (const step of steps) {
    if (step.applies?.(results) === false) continue;
    if (step.kind === "ask") throw new Error(`A flow asks nobody, and "${step.name}" does.`);
    const context = { signal, run: "R-7", key: `key of ${step.name}`, results, report: () => {} };
    const done =
      step.kind === "act" ? step.act({ ...context, baseline: null }) : step.look(context);
    results[step.name] = (await done) as never;
  }
  return results;
}

async function reports(flow: Flow, fakes: Fakes): Promise<readonly FlowReport[]> {
  return reportsOf(await perform(flowSteps(flow, partsOf(fakes))));
}

const cut = (): SystemError =>
  new SystemError("http", "unreachable", "POST x: the connection was cut");

describe("a request with a key", () => {
  test("is an act that is sent with its own key and its variables, and captures from the answer", async () => {
    const sent: HttpRequest[] = [];
    const [step] = flowSteps(flowOf([post]), partsOf({}));
    expect(step?.kind).toBe("act");
    const [report] = await reports(flowOf([post]), {
      http: async (request) => (sent.push(request), answer(200, { id: "i-1" })),
    });
    expect(sent).toMatchObject([
      { method: "POST", body: '{"text":"x R-7"}', headers: { "idempotency-key": "key of post" } },
    ]);
    expect(report).toMatchObject({ status: "pass", captured: { item: "i-1" }, requestId: "req-1" });
    expect(report?.left).toEqual([{ thing: "item {{item}}", text: "item i-1" }]);
  });

  test("is sent again with the same key after a cut or a 500, never two at a time", async () => {
    let underWay = 0;
    const seen: unknown[] = [];
    const outcomes = [cut(), answer(500, "Internal Server Error"), answer(200, { id: "i-1" })];
    const [report] = await reports(flowOf([post]), {
      http: async ({ headers }) => {
        underWay += 1;
        seen.push([underWay, headers?.["idempotency-key"]]);
        await Promise.resolve();
        underWay -= 1;
        const outcome = outcomes.shift()!;
        if (outcome instanceof SystemError) throw outcome;
        return outcome;
      },
    });
    expect(seen).toEqual([1, 2, 3].map(() => [1, "key of post"]));
    expect(report).toMatchObject({ status: "pass", reason: "asked 3 times until it answered" });
  });

  test("is given up after the third failure, and says that nobody knows whether it was done", async () => {
    let count = 0;
    const flow = flowOf([post]);
    const fakes: Fakes = {
      http: async () => {
        count += 1;
        throw cut();
      },
    };
    const [report] = await reports(flow, fakes);
    expect(count).toBe(3);
    expect(report).toMatchObject({
      status: "fail",
      reason: "POST x: the connection was cut; whether it was done is not known",
    });
    const [step] = flowSteps(flow, partsOf(fakes));
    expect(step?.kind === "act" && step.outcomeOf?.(report!)).toBe("unknown");
  });

  test.each([
    [400, "fail", "failed"],
    [404, "fail", "failed"],
    [409, "fail", "failed"],
    [429, "unknown", "unknown"],
  ] as const)("that is answered %i is not sent again, and is %s", async (status, word, outcome) => {
    let count = 0;
    const [report] = await reports(flowOf([post]), {
      http: async () => ((count += 1), answer(status, { detail: "no" })),
    });
    expect(count).toBe(1);
    expect(report?.status).toBe(word);
    const [step] = flowSteps(flowOf([post]), partsOf({}));
    expect(step?.kind === "act" && step.outcomeOf?.(report!)).toBe(outcome);
  });

  test("that hangs ends at its own deadline as a failure", async () => {
    const [report] = await reports(flowOf([{ ...post, within: "100ms" }]), {
      http: async (_request, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () =>
            reject(new SystemError("http", "timeout", "POST x: no answer within 100ms")),
          );
        }),
    });
    expect(report).toMatchObject({ status: "fail" });
    expect(report?.reason).toContain("no answer within 100ms; whether it was done is not known");
  });

  test("may be looked for as absent, for sending it again does no harm", async () => {
    const [step] = flowSteps(flowOf([post]), partsOf({}));
    const found = step?.kind === "act" ? await step.observe({} as never) : undefined;
    expect(found).toEqual({ kind: "absent" });
  });
});

describe("an answer that is not as it should be", () => {
  test.each<[string, HttpAnswer, string]>([
    [
      "is huge",
      answer(200, "{".repeat(9_000), { truncated: true }),
      "a value for item, is missing",
    ],
    ["is no JSON", answer(200, "<html>"), "a value for item, is missing"],
    ["is empty", answer(200, ""), "a value for item, is missing"],
    ["holds no such value", answer(200, { ID: 1 }), "a value for item, is missing"],
    ["holds null", answer(200, { id: null }), "a value for item, is null"],
    ["holds a mapping", answer(200, { id: { a: 1 } }), "a value for item, is a mapping of 1"],
    ["holds an empty text", answer(200, { id: "" }), "a value for item, is empty"],
    ["holds a very long text", answer(200, { id: "x".repeat(600) }), "is a text of 600 characters"],
    ["holds a number without end", answer(200, '{"id":1e999}'), "a number too large to be kept"],
    ["holds a rounded number", answer(200, '{"id":9007199254740993}'), "a number too large"],
    ["holds half a character", answer(200, String.raw`{"id":"a\ud83d"}`), "half a character"],
    ["holds a NUL", answer(200, { id: "a\0" }), "a NUL in it"],
    ["holds a secret of ours", answer(200, { id: "canary-0123456789" }), "looks like a secret"],
    ["holds a token", answer(200, { id: `7000000001:${"A".repeat(35)}` }), "looks like a secret"],
  ])("fails the step that captures when it %s", async (_what, given, words) => {
    const [report] = await reports(flowOf([post]), { http: async () => given });
    expect(report).toMatchObject({ status: "fail", captured: {}, left: [] });
    const wrong = report?.observations.find(({ ok }) => !ok);
    expect(`${wrong?.expected}, is ${wrong?.actual}`).toContain(words);
    expect(JSON.stringify(report)).not.toContain("canary-0123456789");
    expect(JSON.stringify(report).length).toBeLessThan(1_500);
  });

  test("is kept without the secrets that it echoes, and short", async () => {
    const flow = flowOf([{ ...post, capture: {}, leaves: undefined, json: { token: canary } }]);
    const sent: (string | undefined)[] = [];
    const [report] = await reports(flow, {
      http: async ({ body }) => {
        sent.push(body);
        return answer(422, "canary-0123456789 \u202E".repeat(99));
      },
    });
    expect(sent).toEqual(['{"token":"canary-0123456789"}']);
    const kept = JSON.stringify(report);
    expect(kept).not.toContain("canary-0123456789");
    expect(kept).not.toContain("\u202E");
    expect(kept.length).toBeLessThan(1_000);
  });

  test("still tells what it left behind", async () => {
    const flow = flowOf([{ ...post, expect: { json: { created: { atLeast: 1 } } } }]);
    const [report] = await reports(flow, {
      http: async () => answer(200, { id: "i-1", created: 0 }),
    });
    expect(report).toMatchObject({ status: "fail", left: [{ text: "item i-1" }] });
  });

  test("never passes for the fallback of a product that says it with 200", async () => {
    const ask = {
      name: "ask",
      kind: "http",
      method: "POST",
      url,
      effect: "none",
      expect: { json: { confidence: { above: 0 }, answer: { nonEmpty: true, not: "Sorry." } } },
    };
    const said = async (body: object): Promise<string | undefined> =>
      (await reports(flowOf([ask]), { http: async () => answer(200, body) }))[0]?.status;
    expect(await said({ confidence: 0.8, answer: "It is Monday." })).toBe("pass");
    expect(await said({ confidence: 0, answer: "It is Monday." })).toBe("fail");
    expect(await said({ confidence: 0.8, answer: "Sorry." })).toBe("fail");
    expect(await said({ confidence: 0.8, answer: "" })).toBe("fail");
    expect(await said({ confidence: 0.8 })).toBe("fail");
    expect(await said({ answer: "It is Monday." })).toBe("fail");
    expect(await said({ confidence: "0.8", answer: "It is Monday." })).toBe("fail");
  });
});

describe("a look into a store", () => {
  test("asks with the values that were captured, of the type that they had", async () => {
    const asked: unknown[] = [];
    const [, report] = await reports(flowOf([post, rows]), {
      http: async () => answer(200, { id: 12 }),
      rows: async (values) => (asked.push(values), [{ state: "done" }]),
    });
    expect(asked).toEqual([[12]]);
    expect(report?.status).toBe("pass");
  });

  test("that cannot be had is unknown, and the verdict with it", async () => {
    const flow = flowOf([post, rows]);
    const seen = await reports(flow, {
      http: async () => answer(200, { id: "i" }),
      rows: async () => {
        throw new SystemError("postgres", "timeout", "PostgreSQL did not answer within 10s");
      },
    });
    expect(seen.at(-1)).toMatchObject({
      status: "unknown",
      reason: "PostgreSQL did not answer within 10s",
    });
    expect(flowVerdict(seen, 2)).toBe("UNKNOWN");
  });

  test("without the row that is expected fails", async () => {
    const [report] = await reports(flowOf([{ ...rows, values: ["{{run}}"] }]), {
      rows: async () => [],
    });
    expect(report?.observations).toEqual([
      { what: "rows", expected: "a row", actual: "none", ok: false },
    ]);
  });

  test("compares a length with one that was captured before", async () => {
    const lengths = [3, 4];
    const letters = { kind: "redis", url: redisUrl, list: "dead" };
    const flow = flowOf([
      { name: "before", ...letters, capture: { before: "length" } },
      { name: "after", ...letters, expect: { length: { atMost: "{{before}}" } } },
    ]);
    const [, report] = await reports(flow, { length: () => lengths.shift() });
    expect(report?.observations).toEqual([
      { what: "length of dead", expected: "at most 3", actual: "4", ok: false },
    ]);
  });

  test("asks for the list that a variable names", async () => {
    const asked: unknown[] = [];
    const { systems, scrub } = partsOf({});
    const redis = {
      read: async ({ commands }: { readonly commands: unknown }) => {
        asked.push(commands);
        return [{ ok: true, value: 0 } as const];
      },
    };
    const flow = flowOf([{ name: "own", kind: "redis", url: redisUrl, list: "of {{run}}" }]);
    await perform(flowSteps(flow, { scrub, systems: { ...systems, redis } }));
    expect(asked).toEqual([[["llen", "of R-7"]]]);
  });

  test("says so when what was captured is not the number that is needed", async () => {
    const flow = flowOf([
      post,
      {
        name: "after",
        kind: "redis",
        url: redisUrl,
        list: "dead",
        expect: { length: { atMost: "{{item}}" } },
      },
    ]);
    const [, report] = await reports(flow, {
      http: async () => answer(200, { id: "not a number" }),
      length: () => 1,
    });
    expect(report).toMatchObject({ status: "fail" });
    expect(report?.reason).toContain("is not of the type that it needs");
  });
});

describe("waiting", () => {
  test("ends as soon as it has come", async () => {
    const states = ["waiting", "waiting", "done", "never asked"];
    const [report] = await reports(flowOf([wait]), {
      rows: async () => [{ state: states.shift() }],
    });
    expect(report).toMatchObject({ status: "pass" });
    expect(states).toEqual(["never asked"]);
  });

  test("ends early when it will not come any more, and tells why without a secret", async () => {
    const error = "refused canary-0123456789";
    const [report] = await reports(flowOf([wait]), {
      rows: async () => [{ state: "dead", error }],
    });
    expect(report).toMatchObject({
      status: "fail",
      reason: 'waiting is over: "refused [secret]"',
    });
    expect(report?.durationMs).toBeLessThan(1_000);
  });

  test("has an end, and is a failure then", async () => {
    const [report] = await reports(flowOf([{ ...wait, within: "300ms" }]), {
      rows: async () => [],
    });
    expect(report).toMatchObject({ status: "fail", reason: "it did not come within 300ms" });
    expect(report?.observations).toMatchObject([{ expected: "a row", actual: "none" }]);
  });

  test("is unknown when the last looks could not be had", async () => {
    let looks = 0;
    const [report] = await reports(flowOf([{ ...wait, within: "500ms" }]), {
      rows: async () => {
        looks += 1;
        if (looks === 1) return [];
        throw new SystemError("postgres", "unreachable", "cannot query: connection refused");
      },
    });
    expect(report).toMatchObject({ status: "unknown", reason: "cannot query: connection refused" });
  });

  test("ends at once when the run is told to stop", async () => {
    const stopping = new AbortController();
    const steps = flowSteps(flowOf([{ ...wait, within: "5m" }]), partsOf({ rows: async () => [] }));
    const performed = perform(steps, stopping.signal);
    setTimeout(() => stopping.abort(new Error("told to stop")), 20);
    await expect(performed).rejects.toThrow("told to stop");
  });
});

describe("cleaning up", () => {
  const fakes = (status: number): { readonly asked: string[]; readonly given: Fakes } => {
    const asked: string[] = [];
    return {
      asked,
      given: {
        http: async ({ method, url: at }) => {
          asked.push(`${method} ${at.slice(url.length)}`.trim());
          return method === "DELETE" ? answer(status, {}) : answer(200, { id: "i-1" });
        },
        rows: async () => [{ state: "open" }],
      },
    };
  };

  test("is done after a failure, for what was captured, and stops nothing behind it", async () => {
    const { asked, given } = fakes(200);
    const flow = flowOf([post, rows, { ...post, name: "never", capture: {} }], [removal]);
    const seen = await reports(flow, given);
    expect(asked).toEqual(["POST", "DELETE /i-1"]);
    expect(seen.map(({ step, status }) => [step, status])).toEqual([
      ["post", "pass"],
      ["rows", "fail"],
      ["remove", "pass"],
    ]);
    expect(leftBehind(seen)).toEqual([]);
    expect(flowVerdict(seen, 3)).toBe("NO-GO");
  });

  test("that fails leaves the verdict alone and what is there on the list", async () => {
    const flow = flowOf([post], [removal, { ...removal, name: "remove again" }]);
    const { asked, given } = fakes(403);
    const seen = await reports(flow, given);
    expect(asked).toEqual(["POST", "DELETE /i-1", "DELETE /i-1"]);
    expect(flowVerdict(seen, 1)).toBe("GO");
    expect(leftBehind(seen)).toEqual([{ thing: "item {{item}}", text: "item i-1" }]);
  });

  test("does nothing where nothing was made, or where it is gone already", async () => {
    const none = fakes(200);
    const refused = { ...none.given, http: async () => answer(401, {}) };
    expect((await reports(flowOf([post], [removal]), refused)).map(({ step }) => step)).toEqual([
      "post",
    ]);
    const gone = fakes(200);
    await reports(flowOf([post, removal], [{ ...removal, name: "again" }]), gone.given);
    expect(gone.asked).toEqual(["POST", "DELETE /i-1"]);
  });
});
