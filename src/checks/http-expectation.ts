import { z } from "zod";

import { formatDuration } from "../core/duration.ts";
import { scrub } from "../core/redaction.ts";
import { durationSetting, integerSetting, textSetting } from "../core/setting.ts";
import type { Observation } from "../core/status.ts";
import { shortened } from "../core/visible-text.ts";
import type { HttpAnswer } from "../systems/http-api.ts";
import { absenceObservations, jsonObservations, jsonSetting } from "./json-expectation.ts";

const statusSetting = integerSetting({ minimum: 100, maximum: 599 });

/** The statuses that an answer may have. */
export const statusesSetting = z
  .preprocess(
    (value) => (value === undefined || Array.isArray(value) ? value : [value]),
    z.array(statusSetting).min(1),
  )
  .default([200])
  .meta({ type: ["integer", "array"], description: "One status, or a list of them" });

/** What an answer must be. */
export const expectationSetting = z.strictObject({
  status: statusesSetting,
  json: jsonSetting.optional(),
  absent: z
    .array(textSetting())
    .min(1)
    .optional()
    .meta({ description: "Paths that the JSON answer must not hold" }),
  headers: z
    .record(z.string(), textSetting())
    .optional()
    .meta({ description: "Headers of the answer and their exact values" }),
  within: durationSetting().optional().meta({ description: "The answer may take no longer" }),
});

export type Expectation = z.output<typeof expectationSetting>;

const EXCERPT_LIMIT = 120;

/** What was seen of an answer. After a wrong status its body is another answer's, so only the status counts. */
export function answerObservations(answer: HttpAnswer, expected: Expectation): Observation[] {
  const status = statusObservation(answer, expected.status);
  if (!status.ok) return [status];
  return [
    status,
    ...latency(answer, expected),
    ...headers(answer, expected),
    ...body(answer, expected),
  ];
}

function statusObservation(answer: HttpAnswer, statuses: readonly number[]): Observation {
  const ok = statuses.includes(answer.status);
  const expected = statuses.length === 1 ? String(statuses[0]) : `one of ${statuses.join(", ")}`;
  const actual = ok ? String(answer.status) : `${answer.status}${aside(answer)}`;
  return { what: "status", expected, actual, ok };
}

/** What helps to understand an unexpected answer: where it points to, or how it begins. */
function aside(answer: HttpAnswer): string {
  const location = answer.headers["location"];
  if (location !== undefined) return ` to ${withoutQuery(location)}`;
  const excerpt = excerptOf(answer);
  return excerpt === "" ? "" : ` with ${excerpt}`;
}

function withoutQuery(location: string): string {
  return shortened(scrub(location.replace(/[?#].*$/s, "")), EXCERPT_LIMIT);
}

function latency({ durationMs }: HttpAnswer, { within }: Expectation): Observation[] {
  if (within === undefined) return [];
  return [
    {
      what: "time to answer",
      expected: `at most ${formatDuration(within)}`,
      actual: formatDuration(durationMs),
      ok: durationMs <= within,
    },
  ];
}

function headers(answer: HttpAnswer, { headers: expected = {} }: Expectation): Observation[] {
  return Object.entries(expected).map(([name, value]) => {
    const actual = answer.headers[name.toLowerCase()];
    const spelt = actual === undefined ? "missing" : shortened(actual, EXCERPT_LIMIT);
    return { what: `header ${name}`, expected: value, actual: spelt, ok: actual === value };
  });
}

function body(answer: HttpAnswer, { json, absent }: Expectation): Observation[] {
  if (json === undefined && absent === undefined) return [];
  if (answer.truncated) {
    const actual = `more than ${Math.floor(answer.bodyText.length / 1024)} KiB of ${typeOf(answer)}`;
    return [{ what: "body", expected: "JSON of a sensible size", actual, ok: false }];
  }
  const parsed = parseJson(answer.bodyText);
  if (parsed === undefined) {
    const actual = answer.bodyText === "" ? "empty" : `${typeOf(answer)}: ${excerptOf(answer)}`;
    return [{ what: "body", expected: "JSON", actual, ok: false }];
  }
  return [
    ...jsonObservations(parsed.value, json ?? {}),
    ...absenceObservations(parsed.value, absent ?? []),
  ];
}

/** The JSON of an answer; undefined when it is none, or too large to have been read whole. */
export function jsonOf({ bodyText, truncated }: HttpAnswer): unknown {
  return truncated ? undefined : parseJson(bodyText)?.value;
}

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function typeOf({ headers: { "content-type": type } }: HttpAnswer): string {
  return shortened(type?.split(";")[0]?.trim() || "no declared type", 40);
}

function excerptOf({ bodyText }: HttpAnswer): string {
  // Scrubbed before it is cut: half a secret would pass unrecognised.
  const start = scrub(bodyText.slice(0, 4_096)).replaceAll(/\s+/g, " ").trim();
  return shortened(start, EXCERPT_LIMIT);
}
