import { z } from "zod";

import { createScrubber } from "../core/redaction.ts";
import type { Secret } from "../core/secret.ts";
import type { HttpAnswer, HttpApi } from "./http-api.ts";
import { SystemError, safeCause } from "./system-error.ts";

/** Any bot, ours or the product's, and where its Telegram is. */
export type BotAddress = { readonly token: Secret; readonly apiRoot: string };

/** A refused token is an answer about the bot, not a failure to look. */
export type BotAnswer<Result> =
  | { readonly accepted: true; readonly result: Result }
  | { readonly accepted: false; readonly why: string };

/** What Telegram tells a bot of itself. A flag that is not there is off. */
const selfSchema = z.object({
  id: z.int().positive(),
  username: z.string(),
  can_join_groups: z.boolean().default(false),
  can_read_all_group_messages: z.boolean().default(false),
  supports_inline_queries: z.boolean().default(false),
  supports_guest_queries: z.boolean().default(false),
  can_connect_to_business: z.boolean().default(false),
  can_manage_bots: z.boolean().default(false),
});
export type BotSelf = z.output<typeof selfSchema>;

const webhookSchema = z.object({
  url: z.string(),
  pending_update_count: z.int().nonnegative(),
  last_error_date: z.int().optional(),
  last_error_message: z.string().default("no reason given"),
  max_connections: z.int().positive().optional(),
});

export type BotWebhook = {
  /** Empty when none is set. */
  readonly url: string;
  readonly pendingUpdates: number;
  readonly lastError: { readonly at: Date; readonly message: string } | undefined;
  /** How many updates may come at once; undefined when Telegram does not say. */
  readonly maxConnections?: number | undefined;
};

type WantedWebhook = {
  readonly url: string;
  readonly secret: Secret;
  /** Telegram goes back to its own default where it is left out. Which updates come stays as it was. */
  readonly maxConnections?: number | undefined;
};

/** What can be asked of a bot, and changed about it, without taking any update from it. */
export type TelegramBot = {
  self(bot: BotAddress, signal: AbortSignal): Promise<BotAnswer<BotSelf>>;
  webhook(bot: BotAddress, signal: AbortSignal): Promise<BotAnswer<BotWebhook>>;
  /** Has Telegram bring the bot's updates there from now on; what waits is kept. */
  setWebhook(
    bot: BotAddress,
    webhook: WantedWebhook,
    signal: AbortSignal,
  ): Promise<BotAnswer<true>>;
};

export function createTelegramBot(http: Pick<HttpApi, "request">): TelegramBot {
  return {
    self: async (bot, signal) => ask(http, bot, "getMe", selfSchema, signal),
    async webhook(bot, signal) {
      const answer = await ask(http, bot, "getWebhookInfo", webhookSchema, signal);
      return answer.accepted ? { accepted: true, result: described(answer.result) } : answer;
    },
    async setWebhook(bot, { url, secret, maxConnections }, signal) {
      const parameters = {
        url,
        secret_token: secret.reveal(),
        ...(maxConnections === undefined ? {} : { max_connections: maxConnections }),
      };
      return ask(http, bot, "setWebhook", z.literal(true), signal, parameters);
    },
  };
}

/** Telegram puts the bot's id in front of the token's colon; it stays when the token is replaced. */
export function botIdOf(token: Secret): number {
  return Number(token.reveal().split(":")[0]);
}

/** What is wrong with the form of a bot's token, if anything; quotes none of it. */
export function botTokenProblem(token: string): string | undefined {
  return /^\d{1,16}:[\w-]+$/.test(token)
    ? undefined
    : "expected a bot's token: its number, a colon and the rest, as BotFather gave it";
}

const answerSchema = z.object({
  ok: z.boolean(),
  description: z.string().optional(),
  // A refusal has none.
  result: z.unknown().optional(),
});

async function ask<Schema extends z.ZodType>(
  http: Pick<HttpApi, "request">,
  { token, apiRoot }: BotAddress,
  method: string,
  schema: Schema,
  signal: AbortSignal,
  parameters?: object,
): Promise<BotAnswer<z.output<Schema>>> {
  const place = `${method} at ${new URL(apiRoot).host}`;
  const url = `${apiRoot.replace(/\/$/, "")}/bot${token.reveal()}/${method}`;
  const request =
    parameters === undefined
      ? ({ method: "GET", url } as const)
      : ({
          method: "POST",
          url,
          headers: { "content-type": "application/json" },
          body: JSON.stringify(parameters),
        } as const);
  const answer = await http.request(request, signal).catch((error: unknown) => {
    throw withoutToken(error, token);
  });
  const parsed = answerSchema.safeParse(parseJson(answer.bodyText));
  const description = parsed.data?.description ?? "no description";
  // 404 is how Telegram answers a token that is not even of the right form.
  if (answer.status === 401 || answer.status === 404) {
    return { accepted: false, why: `${answer.status} ${description}` };
  }
  const result = schema.safeParse(parsed.data?.result);
  if (answer.status === 200 && result.success) return { accepted: true, result: result.data };
  // Only what Telegram itself refuses was surely not done.
  const isRefusal = answer.status === 400 && parsed.data?.ok === false;
  const kind = isRefusal ? "rejected" : kindOf(answer);
  throw new SystemError("telegram", kind, `${place}: ${answer.status} ${description}`);
}

/** The token is a part of the path, which the HTTP client is free to name in its errors. */
function withoutToken(error: unknown, token: Secret): unknown {
  if (!(error instanceof SystemError)) return error;
  const scrub = createScrubber([token]);
  const cause = safeCause(error.cause ?? error, scrub);
  return new SystemError("telegram", error.kind, scrub(error.message), { cause, code: error.code });
}

function kindOf({ status }: HttpAnswer) {
  if (status === 429) return "rate-limited";
  return status >= 500 ? "unreachable" : "malformed";
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function described(info: z.output<typeof webhookSchema>): BotWebhook {
  const { last_error_date: at, last_error_message: message } = info;
  return {
    url: info.url,
    pendingUpdates: info.pending_update_count,
    lastError: at === undefined ? undefined : { at: new Date(at * 1_000), message },
    maxConnections: info.max_connections,
  };
}
