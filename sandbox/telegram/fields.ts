import { z } from "zod";

import { entitySchema, misplacement } from "./entities.ts";
import type { Entity } from "./entities.ts";

/** The shapes that many methods share. A custom issue's `refusal` is the real server's answer to that mistake. */
export const chatId = z.union([z.int(), z.string().regex(/^@\w{4,32}$/)]);
export const messageId = z.int();
export const threadId = z.int().positive().optional();
export const flag = z.boolean().optional();

/** We send entities and never a parse mode, so that no text can break or inject markup. */
export const noParseMode = z
  .never({ error: "send entities: this server reads no parse_mode" })
  .optional();

export const entities = z.array(entitySchema).optional();

export const replyParameters = z
  .strictObject({
    message_id: messageId.optional(),
    ephemeral_message_id: z.int().optional(),
    chat_id: chatId.optional(),
    allow_sending_without_reply: flag,
    quote: z.string().max(1024).optional(),
    quote_entities: entities,
    quote_position: z.int().optional(),
  })
  .refine(
    (reply) => reply.message_id !== undefined || reply.ephemeral_message_id !== undefined,
    "a reply names a message_id or an ephemeral_message_id",
  )
  .optional();

export const ephemeralParameters = z
  .strictObject({
    receiver_user_id: z.int().positive(),
    callback_query_id: z.string().optional(),
  })
  .optional();

type IssueContext = Pick<z.core.$RefinementCtx, "addIssue">;
type Problem = { readonly message: string; readonly refusal: string; readonly path: PropertyKey[] };

/** What is wrong with a text and its entities, if anything. */
function textProblem(
  text: string,
  given: readonly Entity[] = [],
  names: { readonly text: string; readonly entities: string; readonly limit: number } = {
    text: "text",
    entities: "entities",
    limit: 4096,
  },
): Problem | undefined {
  if (!text.isWellFormed()) {
    return {
      message: "the text holds half a surrogate pair",
      refusal: "strings must be encoded in UTF-8",
      path: [names.text],
    };
  }
  if (text.length > names.limit) {
    return {
      message: `the text holds at most ${names.limit} characters, not ${text.length}`,
      refusal: names.text === "caption" ? "message caption is too long" : "message is too long",
      path: [names.text],
    };
  }
  for (const [index, entity] of given.entries()) {
    const misplaced = misplacement(text, entity);
    if (misplaced === undefined) continue;
    return { message: misplaced, refusal: misplaced, path: [names.entities, index] };
  }
  return undefined;
}

/** A check for requests with a text: never empty, never too long, entities where they fit. */
export function checkText(
  fields: { readonly text: string; readonly entities?: readonly Entity[] | undefined },
  context: IssueContext,
): void {
  const problem: Problem | undefined =
    fields.text.trim() === ""
      ? { message: "the text is empty", refusal: "message text is empty", path: ["text"] }
      : textProblem(fields.text, fields.entities);
  if (problem !== undefined) report(problem, context);
}

export function checkCaption(
  fields: {
    readonly caption?: string | undefined;
    readonly caption_entities?: readonly Entity[] | undefined;
  },
  context: IssueContext,
): void {
  const problem = textProblem(fields.caption ?? "", fields.caption_entities, {
    text: "caption",
    entities: "caption_entities",
    limit: 1024,
  });
  if (problem !== undefined) report(problem, context);
}

function report({ message, path, refusal }: Problem, context: IssueContext): void {
  context.addIssue({ code: "custom", message, path, params: { refusal } });
}
