import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { Hono } from "hono";
import type { Context } from "hono";

import type { ActiveFault, Fault, FaultList } from "./faults.ts";
import type { Flood } from "./flood.ts";
import type { ApiCall, Log } from "./journal.ts";
import { findMethod } from "./methods/index.ts";
import {
  Refusal,
  badRequest,
  forbidden,
  methodNotFound,
  restarting,
  tooManyRequests,
  unauthorized,
} from "./refusal.ts";
import { readFields } from "./request-body.ts";
import type { Fields } from "./request-body.ts";
import type { TelegramState } from "./state.ts";

type Env = { Bindings: HttpBindings };

export type BotApiParts = {
  readonly botToken: string;
  readonly state: TelegramState;
  readonly faults: FaultList;
  readonly flood: Flood | undefined;
  readonly calls: Log<ApiCall>;
};

/** The Bot API over HTTP. */
export type BotApi = {
  readonly app: Hono<Env>;
  /** Runs a method that a webhook put into its answer. Its result goes nowhere, as on the real server. */
  execute(method: string, fields: Fields): void;
};

type Answer =
  | { readonly kind: "result"; readonly result: unknown }
  | { readonly kind: "refusal"; readonly refusal: Refusal }
  /** The connection breaks without an answer. */
  | { readonly kind: "none" };

const FAULT_REFUSALS = {
  "rate-limit": (fault) => tooManyRequests(fault.retryAfter ?? 1),
  "server-error": () => restarting(),
  refuse: (_fault, chatId = 0) =>
    forbidden(
      chatId > 0 ? "bot was blocked by the user" : "bot was kicked from the supergroup chat",
    ),
  offence: (fault) => badRequest(fault.because ?? "can't parse entities"),
  revoke: () => unauthorized(),
} satisfies Partial<Record<Fault["kind"], (fault: Fault, chatId?: number) => Refusal>>;

const HIDDEN_TOKEN = "<token>";

export function createBotApi(parts: BotApiParts): BotApi {
  const { botToken, state, faults, flood, calls } = parts;
  const app = new Hono<Env>();

  app.all("/:bot/:method", async (context, next) => {
    const token = tokenIn(context.req.param("bot"));
    if (token === undefined) return await next();
    if (token !== botToken) return toResponse(context, refused(unauthorized()));
    const leaving = new AbortController();
    context.env.outgoing.once("close", () => leaving.abort());
    if (context.env.outgoing.closed) leaving.abort();
    const answer = await answerRequest(
      context.req.param("method"),
      () => readFields(context.req.raw),
      leaving.signal,
    );
    return toResponse(context, answer);
  });

  app.get("/file/:bot/documents/:fileId", (context) => {
    const token = tokenIn(context.req.param("bot"));
    const file = state.files.get(context.req.param("fileId"));
    if (token !== botToken) return toResponse(context, refused(unauthorized()));
    if (file === undefined) return toResponse(context, refused(new Refusal(404, "Not Found")));
    return context.body(new Uint8Array(file.bytes), 200, { "content-type": file.type });
  });

  app.notFound((context) => toResponse(context, refused(new Refusal(404, "Not Found"))));

  async function answerRequest(
    name: string,
    read: () => Promise<Fields>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const [at, startedMs] = [state.now(), performance.now()];
    const method = findMethod(name)?.name ?? name;
    let fields: Fields = {};
    let fault: ActiveFault | undefined;
    let answer: Answer;
    try {
      fields = await read();
      fault = faults.hit(method, chatOf(fields));
      answer = await answerFields(method, fields, fault, signal);
    } catch (error) {
      answer = refused(asRefusal(method, error));
    }
    calls.add({
      method,
      params: withoutSecrets(method, fields),
      at,
      status: statusOf(answer),
      description: answer.kind === "refusal" ? answer.refusal.message : undefined,
      durationMs: Math.round(performance.now() - startedMs),
      fault: fault?.fault.kind,
    });
    return answer;
  }

  async function answerFields(
    method: string,
    fields: Fields,
    fault: ActiveFault | undefined,
    signal: AbortSignal,
  ): Promise<Answer> {
    if (fault === undefined) {
      return { kind: "result", result: await execute(method, fields, signal) };
    }
    const { kind } = fault.fault;
    if (kind === "lost-answer") {
      await execute(method, fields, signal);
      return { kind: "none" };
    }
    if (kind === "hang") {
      await anyAborted([fault.ended, signal]);
      return { kind: "none" };
    }
    return refused(FAULT_REFUSALS[kind](fault.fault, chatOf(fields)));
  }

  async function execute(name: string, fields: Fields, signal: AbortSignal): Promise<unknown> {
    const found = findMethod(name);
    if (found === undefined) {
      reportViolation("method", name, "", "there is no such method here");
      throw methodNotFound();
    }
    const chatId = chatOf(fields);
    if (chatId !== undefined) flood?.pass(found.name, chatId);
    return await found.method.call(
      state,
      fields,
      ({ path, message }) => reportViolation("request", found.name, path, message),
      signal,
    );
  }

  function asRefusal(method: string, error: unknown): Refusal {
    if (error instanceof Refusal) return error;
    // A mistake of the sandbox itself must not look like one of Telegram's moods.
    reportViolation("method", method, "", `the sandbox failed: ${String(error)}`);
    return new Refusal(500, "Internal Server Error");
  }

  function reportViolation(
    about: "request" | "method" | "token",
    subject: string,
    path: string,
    message: string,
  ): void {
    state.violations.add({ at: state.now(), about, subject, path, message: scrub(message) });
  }

  function withoutSecrets(method: string, fields: Fields): Fields {
    const text = JSON.stringify(fields, (_key, value: unknown) =>
      value instanceof Uint8Array ? `${value.length} bytes` : value,
    );
    if (text.includes(botToken)) {
      reportViolation("token", method, "", "the bot's token is in the fields of the request");
    }
    return JSON.parse(scrub(text)) as Fields;
  }

  function scrub(text: string): string {
    return text.replaceAll(botToken, HIDDEN_TOKEN);
  }

  return {
    app,
    execute: (method, fields) => {
      const never = new AbortController().signal;
      void answerRequest(method, () => Promise.resolve(fields), never);
    },
  };
}

/** The token of a path such as `bot7000001:made-up`; undefined for another path. */
function tokenIn(segment: string): string | undefined {
  return segment.startsWith("bot") ? segment.slice("bot".length) : undefined;
}

function refused(refusal: Refusal): Answer {
  return { kind: "refusal", refusal };
}

function statusOf(answer: Answer): number {
  if (answer.kind === "none") return 0;
  return answer.kind === "result" ? 200 : answer.refusal.code;
}

function toResponse(context: Context<Env>, answer: Answer): Response {
  if (answer.kind === "none") {
    context.env.incoming.socket.resetAndDestroy();
    return RESPONSE_ALREADY_SENT;
  }
  if (answer.kind === "result") return context.json({ ok: true, result: answer.result });
  const { code, message, retryAfterSeconds, migrateToChatId } = answer.refusal;
  const parameters =
    retryAfterSeconds === undefined && migrateToChatId === undefined
      ? undefined
      : { retry_after: retryAfterSeconds, migrate_to_chat_id: migrateToChatId };
  return Response.json(
    { ok: false, error_code: code, description: message, parameters },
    {
      status: code,
      headers: retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) },
    },
  );
}

function chatOf(fields: Fields): number | undefined {
  const chatId = Number(fields["chat_id"] ?? Number.NaN);
  return Number.isInteger(chatId) ? chatId : undefined;
}

function anyAborted(signals: readonly AbortSignal[]): Promise<void> {
  const signal = AbortSignal.any([...signals]);
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
