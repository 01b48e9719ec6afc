import { z } from "zod";

import { formatDuration } from "../core/duration.ts";
import { createScrubber } from "../core/redaction.ts";
import { Secret, secretsIn } from "../core/secret.ts";
import { shortened, visibleText } from "../core/visible-text.ts";
import type { HttpAnswer, HttpApi } from "./http-api.ts";
import { SystemError } from "./system-error.ts";
import type { SystemErrorKind, SystemErrorOptions } from "./system-error.ts";

export type CoolifyRequest = {
  /** What is asked for, as a person would say it: `variables of api`. */
  readonly about: string;
  readonly token: Secret;
  readonly method?: "GET" | "POST" | "PATCH";
  /** Below `/api/v1`. */
  readonly path: string;
  /** Secrets may be in it: they are spelt out for Coolify alone. */
  readonly json?: object;
  /** For answers that are larger than most. */
  readonly maximumBytes?: number;
};

/** One call of Coolify's API: the text of a good answer, or a SystemError by what the status means. */
export type CoolifyApi = {
  text(request: CoolifyRequest, signal: AbortSignal): Promise<string>;
  json<Schema extends z.ZodType>(
    request: CoolifyRequest & { readonly answer: Schema },
    signal: AbortSignal,
  ): Promise<z.output<Schema>>;
};

const MESSAGE_LIMIT = 120;

export function createCoolifyApi(http: Pick<HttpApi, "request">, url: string): CoolifyApi {
  const base = `${url.replace(/\/+$/, "")}/api/v1`;

  async function text(request: CoolifyRequest, signal: AbortSignal): Promise<string> {
    const { method = "GET", path, token, json, maximumBytes } = request;
    const content = json === undefined ? {} : { body: spelt(json) };
    const limit = maximumBytes === undefined ? {} : { maximumBytes };
    const headers = {
      authorization: new Secret(`Bearer ${token.reveal()}`),
      // Without it some refusals come as a page or a redirect to the login.
      accept: "application/json",
      ...(json === undefined ? {} : { "content-type": "application/json" }),
    };
    const url = `${base}${path}`;
    const asking = http.request({ method, url, headers, ...content, ...limit }, signal);
    const answer = await asking.catch((error: unknown) => {
      throw unanswered(request, error);
    });
    const verdict = verdictOn(answer, createScrubber([token, ...secretsIn(json)]));
    if (verdict === undefined) return answer.bodyText;
    throw coolifyError(request, verdict.kind, verdict.reason, {
      code: String(answer.status),
    });
  }

  return {
    text,
    async json(request, signal) {
      const parsed = parseJson(await text(request, signal));
      if (parsed === undefined) {
        throw coolifyError(request, "malformed", "the answer is not JSON");
      }
      const answer = request.answer.safeParse(parsed.value);
      if (answer.success) return answer.data;
      // Only where it is wrong: what stands there may be anybody's secret.
      const where = answer.error.issues[0]?.path.join(".") || "the whole of it";
      throw coolifyError(
        request,
        "malformed",
        `the answer has another form than expected: ${where}`,
      );
    },
  };
}

function coolifyError(
  { about }: CoolifyRequest,
  kind: SystemErrorKind,
  reason: string,
  options: SystemErrorOptions = {},
): SystemError {
  return new SystemError("coolify", kind, `Coolify, ${about}: ${reason}`, options);
}

/** The same failure by the name of what was asked, for an address with a uuid tells a person nothing. */
function unanswered(request: CoolifyRequest, error: unknown): unknown {
  if (!(error instanceof SystemError)) return error;
  const { kind, code, message } = error;
  return coolifyError(request, kind, message.replace(/^[A-Z]+ \S+: /, ""), { cause: error, code });
}

/** The only place where a secret of a body is spelt out. */
function spelt(json: object): string {
  return JSON.stringify(json, function spell(this: Record<string, unknown>, name, value: unknown) {
    // What JSON.stringify hands over was asked for its own form already, which is the mask.
    const original = this[name];
    return original instanceof Secret ? original.reveal() : value;
  });
}

type Verdict = { readonly kind: SystemErrorKind; readonly reason: string };

/** What is wrong with an answer, if anything. Only the status counts: a refusal may well say `success: true`. */
function verdictOn(answer: HttpAnswer, scrub: (text: string) => string): Verdict | undefined {
  const { status, truncated } = answer;
  const said = saidBy(answer, scrub);
  if (status === 401)
    return { kind: "unauthorized", reason: `the token is not accepted (401${said})` };
  if (status === 403)
    return { kind: "unauthorized", reason: `the token may not do this (403${said})` };
  if (status === 429)
    return { kind: "rate-limited", reason: `asked too often (429${wait(answer)})` };
  if (status >= 500) return { kind: "unreachable", reason: `it is in trouble (${status}${said})` };
  if (status >= 400) return { kind: "rejected", reason: `refused (${status}${said})` };
  if (status >= 300)
    return { kind: "malformed", reason: `a redirect (${status}) rather than an answer` };
  if (truncated)
    return { kind: "malformed", reason: "the answer is too large to be one of Coolify" };
  return undefined;
}

const messageSchema = z.object({ message: z.string(), errors: z.unknown().optional() });
/** By field a list of complaints or a single one; now and then only a list. */
const complaintsSchema = z.record(z.string(), z.union([z.string(), z.array(z.string())]));

function saidBy({ bodyText, truncated }: HttpAnswer, scrub: (text: string) => string): string {
  if (truncated) return "";
  const { data } = messageSchema.safeParse(parseJson(bodyText)?.value);
  if (data === undefined) return "";
  const complaints = Object.entries(complaintsSchema.safeParse(data.errors).data ?? {});
  const said = [
    data.message,
    ...complaints.map(([field, all]) => `${field}: ${[all].flat().join(" ")}`),
  ];
  // Scrubbed before it is cut: half a secret would pass unrecognised.
  return `: ${shortened(visibleText(scrub(said.join(" "))), MESSAGE_LIMIT)}`;
}

function wait({ headers }: HttpAnswer): string {
  const seconds = headers["retry-after"] ?? "";
  return /^\d{1,6}$/.test(seconds) ? `, again in ${formatDuration(Number(seconds) * 1_000)}` : "";
}

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}
