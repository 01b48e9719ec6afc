import { describe, expect, test } from "vitest";
import { z } from "zod";

import { Secret } from "../core/secret.ts";
import { statusOf } from "../core/status.ts";
import type { HttpAnswer, HttpRequest } from "../systems/http-api.ts";
import { SystemError } from "../systems/system-error.ts";
import { http } from "./http.ts";

const signal = new AbortController().signal;
const schema = z.strictObject(http.settings);
const url = "https://api.example.com/health";

const answer = (
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): HttpAnswer => ({
  status,
  headers,
  bodyText: typeof body === "string" ? body : JSON.stringify(body),
  truncated: false,
  durationMs: 12.4,
});

/** Asks a check whose requests are answered by `respond`; remembers them. */
async function ask(settings: unknown, respond: (request: HttpRequest) => HttpAnswer | Error) {
  const requests: HttpRequest[] = [];
  const api = {
    request: async (request: HttpRequest): Promise<HttpAnswer> => {
      requests.push(request);
      const outcome = respond(request);
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
    close: async () => {},
  };
  const context = { systems: { http: api }, settings: schema.parse(settings) };
  const { observations, measurements } = await http.observe(context, signal);
  const failed = observations.filter(({ ok }) => !ok);
  return { requests, observations, measurements, failed, status: statusOf(observations) };
}

describe("an answer as it should be", () => {
  test("passes, and its latency is measured", async () => {
    const settings = { url, expect: { json: { status: "ready" } } };
    const seen = await ask(settings, () => answer(200, { status: "ready", more: 1 }));
    expect(seen.status).toBe("pass");
    expect(seen.observations).toEqual([
      { what: "status", expected: "200", actual: "200", ok: true },
      { what: "status", expected: '"ready"', actual: '"ready"', ok: true },
    ]);
    expect(seen.measurements).toEqual([{ name: "latencyMs", value: 12 }]);
    expect(seen.requests).toEqual([{ method: "GET", url, headers: {} }]);
  });

  test.each([
    [{ data: { nonEmpty: true } }, { data: [{ id: "grok" }] }],
    [{ "data.0.id": "grok" }, { data: [{ id: "grok" }] }],
    [{ "queue.depth": { atMost: 5 } }, { queue: { depth: 5 } }],
    [{ hours: { atLeast: 1, atMost: 48 } }, { hours: 24 }],
    [{ state: { oneOf: ["a", "b"] } }, { state: "b" }],
    [{ error: null }, { error: null }],
    [{ on: true }, { on: true }],
  ])("meets %j", async (json, body) => {
    expect((await ask({ url, expect: { json } }, () => answer(200, body))).status).toBe("pass");
  });
});

describe("an answer as it should not be fails and says what was seen", () => {
  const json = { status: "ready" };
  test.each([
    [
      "a wrong status",
      answer(503, { detail: "Infrastructure unreachable" }),
      { actual: '503 with {"detail":"Infrastructure unreachable"}', expected: "200" },
    ],
    [
      "a redirect",
      answer(302, "", { location: "https://login.example.com/?next=secret" }),
      { actual: "302 to https://login.example.com/" },
    ],
    [
      "a page of HTML",
      answer(200, "<!doctype html>\n  <title>Welcome</title>", {
        "content-type": "text/html; charset=x",
      }),
      {
        what: "body",
        expected: "JSON",
        actual: "text/html: <!doctype html> <title>Welcome</title>",
      },
    ],
    [
      "garbage",
      answer(200, "\u0000\u0001\u0002"),
      { what: "body", actual: expect.stringContaining("no declared type") },
    ],
    ["nothing", answer(200, ""), { what: "body", actual: "empty" }],
    [
      "a body without an end",
      { ...answer(200, "a".repeat(2_048)), truncated: true },
      { what: "body", actual: "more than 2 KiB of no declared type" },
    ],
    ["another value", answer(200, { status: "no" }), { actual: '"no"', expected: '"ready"' }],
    ["a missing value", answer(200, {}), { actual: "missing" }],
    ["a list", answer(200, []), { actual: "missing" }],
    ["null", answer(200, "null"), { actual: "missing" }],
    ["a value that is a mapping", answer(200, { status: { a: 1 } }), { actual: "a mapping of 1" }],
    [
      "a value that is far too long",
      answer(200, { status: "x".repeat(9_999) }),
      { actual: expect.stringMatching(/^"x{79}…$|^"x+…$/) },
    ],
  ] as const)("%s", async (_name, given, observed) => {
    const { failed, status } = await ask({ url, expect: { json } }, () => given);
    expect(status).toBe("fail");
    expect(failed).toEqual([expect.objectContaining(observed)]);
    expect(failed[0]!.actual.length).toBeLessThanOrEqual(160);
  });

  test.each([
    [{ data: { nonEmpty: true } }, { data: [] }, "an empty list"],
    [{ data: { nonEmpty: true } }, { data: 5 }, "5"],
    [{ depth: { atMost: 5 } }, { depth: 6 }, "6"],
    [{ depth: { atMost: 5 } }, { depth: "4" }, '"4"'],
    [{ depth: { atLeast: 5 } }, { depth: 4 }, "4"],
    [{ state: { oneOf: ["a", "b"] } }, { state: "c" }, '"c"'],
    [{ "data.length": 1 }, { data: [1] }, "missing"],
    [{ "__proto__.toString": { nonEmpty: true } }, {}, "missing"],
    [{ constructor: { nonEmpty: true } }, {}, "missing"],
  ])("%j is not met by %j", async (expected, body, actual) => {
    const { failed } = await ask({ url, expect: { json: expected } }, () => answer(200, body));
    expect(failed.map((each) => each.actual)).toEqual([actual]);
  });

  test("a credential in a body is masked before the body is cut", async () => {
    const token = `7000000001:${"A".repeat(35)}`;
    const { failed } = await ask({ url }, () => answer(500, `${"x".repeat(100)} ${token}`));
    expect(failed[0]!.actual).toContain("x [secret]");
    expect(failed[0]!.actual).not.toContain("7000");
  });

  test("what must be absent is there, and is not shown", async () => {
    const { failed } = await ask({ url, expect: { absent: ["debug.password"] } }, () =>
      answer(200, { debug: { password: "hunter2" } }),
    );
    expect(failed).toEqual([
      { what: "debug.password", expected: "absent", actual: "there", ok: false },
    ]);
  });

  test("a header is another, or the answer was slow", async () => {
    const expected = { headers: { "Content-Type": "application/json" }, within: "10ms" };
    const { failed } = await ask({ url, expect: expected }, () => answer(200, ""));
    expect(failed.map(({ what, actual }) => `${what}: ${actual}`)).toEqual([
      "time to answer: 12ms",
      "header Content-Type: missing",
    ]);
  });
});

describe("strangers", () => {
  const settings = {
    url,
    expect: { status: 401 },
    requests: [
      { name: "without a token" },
      { name: "with a wrong token", bearer: "wrong" },
      { name: "with staging's token", bearer: new Secret("staging-token") },
    ],
  };
  const tokenOf = (request: HttpRequest): string | undefined => {
    const value = request.headers?.["authorization"];
    return value instanceof Secret ? value.reveal() : value;
  };

  test("are all three sent, and pass when none is let in", async () => {
    const { requests, status } = await ask(settings, () => answer(401, "no"));
    expect(status).toBe("pass");
    expect(requests.map(tokenOf)).toEqual([
      undefined,
      "Bearer flightdeck-wrong-token",
      "Bearer staging-token",
    ]);
  });

  test("fail by name when one is let in", async () => {
    const { failed } = await ask(settings, (request) =>
      answer(tokenOf(request)?.includes("staging") ? 200 : 401, "hello"),
    );
    expect(failed.map(({ what, actual }) => `${what}: ${actual}`)).toEqual([
      "status with staging's token: 200 with hello",
    ]);
  });

  test("are unknown when one cannot be tried and none was let in", async () => {
    const failure = new SystemError("http", "unreachable", "cut");
    await expect(
      ask(settings, (request) => (tokenOf(request) ? answer(401, "") : failure)),
    ).rejects.toBe(failure);
  });

  test("fail when one cannot be tried and another was let in", async () => {
    const failure = new SystemError("http", "unreachable", "cut");
    const { status } = await ask(settings, (request) =>
      tokenOf(request) ? answer(200, "") : failure,
    );
    expect(status).toBe("fail");
  });
});

describe("a refused connection", () => {
  const refused = new SystemError("http", "unreachable", "refused", { code: "ECONNREFUSED" });

  test("is a failure for a check that asks for it", async () => {
    const { failed } = await ask({ url, expect: { reachable: true } }, () => refused);
    expect(failed).toEqual([
      {
        what: "connection",
        expected: "accepted",
        actual: "refused: nothing listens there",
        ok: false,
      },
    ]);
  });

  test("means for any other that we could not look", async () => {
    await expect(ask({ url }, () => refused)).rejects.toBe(refused);
  });

  test("is not the same as no answer", async () => {
    const timeout = new SystemError("http", "timeout", "no answer");
    await expect(ask({ url, expect: { reachable: true } }, () => timeout)).rejects.toBe(timeout);
  });
});

test("being asked to come back later says nothing about the target", async () => {
  await expect(ask({ url }, () => answer(429, ""))).rejects.toMatchObject({ kind: "rate-limited" });
  expect((await ask({ url, expect: { status: 429 } }, () => answer(429, ""))).status).toBe("pass");
});

test("headers, body and token are sent as configured, a request's own first", async () => {
  const settings = {
    url,
    method: "POST",
    body: '{"a":1}',
    headers: { "X-Api-Key": new Secret("key"), Accept: "text/plain" },
    bearer: new Secret("shared"),
    requests: [{ name: "own", headers: { accept: "application/json" }, bearer: new Secret("own") }],
  };
  const { requests } = await ask(settings, () => answer(200, ""));
  const [{ headers = {}, ...rest }] = requests as [HttpRequest];
  expect(rest).toEqual({ method: "POST", url, body: '{"a":1}' });
  const revealed = Object.entries(headers).map(([name, value]) => [
    name,
    value instanceof Secret ? value.reveal() : value,
  ]);
  expect(Object.fromEntries(revealed)).toEqual({
    accept: "application/json",
    authorization: "Bearer own",
    "x-api-key": "key",
  });
});

test.each(["Authorization", "cookie", "X-Api-Key", "X-Auth-Token"])(
  "a plain value for the header %s is refused",
  (name) => {
    expect(schema.safeParse({ url, headers: { [name]: "plain" } }).success).toBe(false);
    expect(schema.safeParse({ url, headers: { [name]: new Secret("x") } }).success).toBe(true);
  },
);

describe("a header that holds a secret", () => {
  const headers = (value: unknown) => ({ url, headers: { "X-Secret-Token": value } });

  test("is sent as one that nobody may accept when it is the word wrong", async () => {
    const { requests } = await ask(headers("wrong"), () => answer(200, ""));
    expect(requests[0]?.headers?.["x-secret-token"]).toBe("flightdeck-wrong-token");
  });

  test("is otherwise given by reference alone", () => {
    expect(schema.safeParse(headers(new Secret("ours"))).success).toBe(true);
    expect(schema.safeParse(headers("ours")).error?.issues[0]?.message).toContain(
      "a secret belongs in a reference",
    );
  });
});
