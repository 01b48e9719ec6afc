import { z } from "zod";

import type { Secret } from "../core/secret.ts";
import { choiceSetting, textSetting, urlSetting } from "../core/setting.ts";
import type { Observation } from "../core/status.ts";
import type { HttpAnswer, HttpApi } from "../systems/http-api.ts";
import { SystemError } from "../systems/system-error.ts";
import type { CheckKind } from "./check-kind.ts";
import { answerObservations, expectationSetting } from "./http-expectation.ts";
import type { Expectation } from "./http-expectation.ts";
import { bearerSetting, headersSetting, requestHeaders } from "./http-headers.ts";
import { refusedConnection } from "./refused-connection.ts";

const requestSetting = z.strictObject({
  name: textSetting().meta({ description: "What is tried", examples: ["with a wrong token"] }),
  headers: headersSetting.optional(),
  bearer: bearerSetting.optional(),
  expect: expectationSetting.optional(),
});

const settings = {
  url: urlSetting(),
  method: choiceSetting(["GET", "HEAD", "POST"]).default("GET"),
  headers: headersSetting.optional().meta({
    description:
      "Headers; the word wrong for one that holds a secret sends one that nobody may accept",
  }),
  bearer: bearerSetting.optional(),
  body: textSetting({ maximum: 65_536 }).optional(),
  expect: expectationSetting
    .extend({
      reachable: z
        .boolean()
        .default(false)
        .meta({ description: "A refused connection is a failure, not an unknown" }),
    })
    .prefault({}),
  requests: z
    .array(requestSetting)
    .min(1)
    .max(10)
    .optional()
    .meta({ description: "Several requests of one check; each adds to what stands beside it" }),
} satisfies z.ZodRawShape;

type Settings = z.output<z.ZodObject<typeof settings>>;

export const http = {
  kind: "http",
  summary: "an address answers as it should",
  settings,
  // Slower than this it would have no answer at all.
  limits: (_settings, { timeout }) => [{ measurement: "latencyMs", atMost: timeout }],
  async observe({ systems, settings }, signal) {
    const requests = requestsOf(settings);
    const outcomes = await Promise.allSettled(
      requests.map(async (request) => look(systems.http, settings, request, signal)),
    );
    const seen = outcomes.flatMap((outcome) =>
      outcome.status === "fulfilled" ? [outcome.value] : [],
    );
    const observations = seen.flatMap((each) => each.observations);
    const failure = outcomes.find((outcome) => outcome.status === "rejected");
    // One request that fails to look hides a pass, but not a failure that another has seen.
    if (failure !== undefined && observations.every(({ ok }) => ok)) throw failure.reason;
    const latencyMs = Math.max(0, ...seen.map((each) => each.latencyMs));
    const measurements = latencyMs > 0 ? [{ name: "latencyMs", value: Math.round(latencyMs) }] : [];
    return { observations, measurements };
  },
} satisfies CheckKind<typeof settings, "http">;

type Request = {
  readonly name: string | undefined;
  readonly headers: Readonly<Record<string, string | Secret>>;
  readonly expect: Expectation;
};

function requestsOf({ requests, expect, ...shared }: Settings): readonly Request[] {
  const headers = requestHeaders(shared);
  if (requests === undefined) return [{ name: undefined, headers, expect }];
  return requests.map((request) => ({
    name: request.name,
    headers: { ...headers, ...requestHeaders(request) },
    expect: request.expect ?? expect,
  }));
}

async function look(
  api: Pick<HttpApi, "request">,
  { url, method, body, expect }: Settings,
  { name, headers, expect: expected }: Request,
  signal: AbortSignal,
): Promise<{ readonly observations: Observation[]; readonly latencyMs: number }> {
  let answer: HttpAnswer;
  try {
    const content = body === undefined ? {} : { body };
    answer = await api.request({ method, url, headers, ...content }, signal);
  } catch (error) {
    const refused = refusedConnection(error, expect.reachable);
    if (refused === undefined) throw error;
    return { observations: [named(name, refused)], latencyMs: 0 };
  }
  if (answer.status === 429 && !expected.status.includes(429)) {
    throw new SystemError(
      "http",
      "rate-limited",
      `${method} ${new URL(url).host}: asked too often (429)`,
    );
  }
  const observations = answerObservations(answer, expected).map((each) => named(name, each));
  return { observations, latencyMs: answer.durationMs };
}

function named(name: string | undefined, observation: Observation): Observation {
  return name === undefined ? observation : { ...observation, what: `${observation.what} ${name}` };
}
