import { z } from "zod";

import { logEvent } from "../event-log.ts";
import { logPromptRun } from "../prompt-runs.ts";
import { parseBody } from "../request-body.ts";
import { postRoute } from "../route.ts";

const question = z.object({
  chat_id: z.string(),
  query: z.string(),
  max_tokens: z.int().nullish(),
});

const reply = z.object({ answer: z.string(), confidence: z.number() });

/** What is answered, with 200, when the model cannot be had in any way. */
const apology = { answer: "I'm sorry, I couldn't process your request.", confidence: 0 };

export const askQuestion = postRoute({
  path: "/v1/query/ask",
  keyed: false,
  parse: (text) => parseBody(question, text),
  limit: "query",
  work: async ({ model, database, effects }, { requestId, user }, question) => {
    const answered = await model.ask(
      "Answer the question about the user's tasks as JSON.",
      question.query,
      (content) => reply.parse(JSON.parse(content)),
    );
    const failed = answered.value === undefined;
    await logPromptRun(database.query, {
      requestId,
      user,
      operation: "query",
      status: failed ? "error" : "success",
      call: answered,
    });
    if (failed) await logEvent(database.query, { requestId, user, type: "query_fallback_used" });
    else effects.add("questionsAnswered");
    return {
      schema_version: "query.v1",
      mode: "query",
      ...(answered.value ?? apology),
      highlights: null,
      citations: null,
      suggested_actions: null,
      surfaced_entity_ids: [],
      follow_up_question: null,
    };
  },
});
