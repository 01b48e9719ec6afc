import { z } from "zod";

import { DURATION_PATTERN, formatDuration, parseDuration } from "./duration.ts";
import { Secret } from "./secret.ts";

/**
 * The blocks that every layer builds its settings from. Whoever loads a file replaces each scalar that holds a
 * reference by a sealed Secret; what a setting's type is decides whether it is opened (text, integer) or stays sealed.
 */
const REFERENCE_PATTERN = "\\$\\{(?:env|file):[^}]+\\}";

/** A value that must come by reference, alone (`${env:TOKEN}`) or inside a text (`Bearer ${env:TOKEN}`). */
export function secretSetting(options: { readonly accepts?: SecretForm } = {}) {
  return z
    .unknown()
    .transform((value, context): Secret => {
      const problem = secretProblem(value) ?? options.accepts?.(asText(value));
      if (problem === undefined && value instanceof Secret) return value;
      context.addIssue({ code: "custom", message: problem ?? "expected a secret", input: value });
      return z.NEVER;
    })
    .meta({ type: "string", pattern: REFERENCE_PATTERN, examples: ["${env:NAME}"] });
}

/** Judges the form of a revealed secret; says what is wrong without quoting any of it. */
export type SecretForm = (revealed: string) => string | undefined;

function secretProblem(value: unknown): string | undefined {
  if (value instanceof Secret) return value.reveal() === "" ? "the reference is empty" : undefined;
  if (value === undefined || value === null) {
    return "is missing; expected a reference to a secret such as ${env:NAME}";
  }
  return "a secret belongs in a reference such as ${env:NAME}, not in the file";
}

/** A text that may be shown. */
export function textSetting(
  options: {
    readonly pattern?: RegExp;
    readonly expected?: string;
    readonly maximum?: number;
  } = {},
) {
  const expected = options.expected ?? "a text (in quotes when it looks like a number)";
  const maximum = options.maximum ?? 2_048;
  const error = expectation(expected);
  const text = z
    .string({ error })
    .min(1, { error })
    .max(maximum, {
      error: `expected at most ${maximum} characters`,
    });
  if (options.pattern === undefined) return z.preprocess(opened, text);
  return z
    .preprocess(opened, text.regex(options.pattern, { error }))
    .meta({ pattern: `${options.pattern.source}|${REFERENCE_PATTERN}` });
}

/** One mail address, and nothing that could be more in a mail's head. */
export function mailAddressSetting() {
  return textSetting({
    pattern: /^[^\s@<>,;:"\\]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$/,
    expected: "a mail address such as ada@example.com",
  });
}

/** A text that stays sealed when it came by reference, such as the value of an HTTP header. */
export function sealableSetting() {
  const message = "expected a text, or a reference such as ${env:NAME}";
  return z
    .unknown()
    .transform((value, context): string | Secret => {
      if (value instanceof Secret) return value;
      if (typeof value === "string" && value !== "") return value;
      context.addIssue({ code: "custom", message, input: value });
      return z.NEVER;
    })
    .meta({ type: "string" });
}

/** A text, a number, true, false or null: what a value in JSON is compared with. */
export function scalarSetting() {
  const error = "expected a text, a number, true, false or null";
  return z
    .preprocess(opened, z.union([z.string(), z.number(), z.boolean(), z.null()], { error }))
    .meta({ examples: ["ok"] });
}

/** One of a few words. */
export function choiceSetting<const Choice extends string>(choices: readonly Choice[]) {
  return z
    .preprocess(opened, z.enum(choices, { error: expectation(`one of ${choices.join(", ")}`) }))
    .meta({ enum: undefined, anyOf: [{ enum: [...choices] }, { pattern: REFERENCE_PATTERN }] });
}

/** An http or https address without a user or password in it; those belong in secrets of their own. */
export function urlSetting() {
  const error = expectation("an address such as https://api.example.com/health");
  return z
    .preprocess(
      opened,
      z.string({ error }).superRefine((text, context) => {
        const problem = urlProblem(text);
        if (problem) context.addIssue({ code: "custom", message: problem, input: text });
      }),
    )
    .meta({ type: "string", pattern: `^https?://|${REFERENCE_PATTERN}` });
}

function urlProblem(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null) return "expected an address such as https://api.example.com/health";
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return "expected an address that starts with http:// or https://";
  }
  if (url.username !== "" || url.password !== "") {
    return "an address holds no user or password; give them as a secret, for example in a header";
  }
  return undefined;
}

/** A whole number; a reference is read as one. */
export function integerSetting(
  options: { readonly minimum?: number; readonly maximum?: number } = {},
) {
  const minimum = options.minimum ?? Number.MIN_SAFE_INTEGER;
  const maximum = options.maximum ?? Number.MAX_SAFE_INTEGER;
  const error = expectation(`a whole number${between(options, String)}`);
  return z
    .preprocess(
      (value) => asInteger(opened(value)),
      z.number({ error }).int({ error }).min(minimum, { error }).max(maximum, { error }),
    )
    .meta({ type: ["integer", "string"], pattern: REFERENCE_PATTERN });
}

function asInteger(value: unknown): unknown {
  return typeof value === "string" && /^-?\d{1,16}$/.test(value) ? Number(value) : value;
}

/** A length of time such as `30s` or `1h30m`; milliseconds inside. */
export function durationSetting(
  options: { readonly minimumMs?: number; readonly maximumMs?: number } = {},
) {
  const limits = { minimum: options.minimumMs, maximum: options.maximumMs };
  const error = expectation(
    `a duration such as 30s, 5m or 1h30m${between(limits, formatDuration)}`,
  );
  return z
    .preprocess(
      asDuration,
      z
        .number({ error })
        .min(options.minimumMs ?? 0, { error })
        .max(options.maximumMs ?? Number.MAX_SAFE_INTEGER, { error }),
    )
    .meta({
      type: "string",
      pattern: `${DURATION_PATTERN}|${REFERENCE_PATTERN}`,
      examples: ["30s", "5m", "1h30m"],
      // The number's own limits are milliseconds, which nobody writes.
      minimum: undefined,
      maximum: undefined,
    });
}

function asDuration(value: unknown): unknown {
  const text = opened(value);
  if (text === undefined) return undefined;
  // A bare number has no unit, so it must not pass for milliseconds.
  return typeof text === "string" ? (parseDuration(text) ?? null) : null;
}

function opened(value: unknown): unknown {
  return value instanceof Secret ? value.reveal() : value;
}

function asText(value: unknown): string {
  return value instanceof Secret ? value.reveal() : "";
}

/** zod tells "absent" and "wrong" apart only by the input. */
function expectation(expected: string): (issue: { readonly input?: unknown }) => string {
  return (issue) =>
    issue.input === undefined ? `is missing; expected ${expected}` : `expected ${expected}`;
}

function between<Value extends number>(
  limits: { readonly minimum?: Value | undefined; readonly maximum?: Value | undefined },
  format: (value: number) => string,
): string {
  const { minimum, maximum } = limits;
  if (minimum !== undefined && maximum !== undefined) {
    return ` from ${format(minimum)} to ${format(maximum)}`;
  }
  if (minimum !== undefined) return `, at least ${format(minimum)}`;
  if (maximum !== undefined) return `, at most ${format(maximum)}`;
  return "";
}
