import { z } from "zod";

import { logEvent } from "../event-log.ts";
import { newId } from "../ids.ts";
import type { LanguageModel, ModelAnswer } from "../language-model.ts";
import type { Product } from "../product.ts";
import { logPromptRun } from "../prompt-runs.ts";
import { enqueue, newJob } from "../queue.ts";
import { parseBody } from "../request-body.ts";
import { type Caller, postRoute } from "../route.ts";

const thought = z.object({
  chat_id: z.string(),
  source: z.string(),
  message: z.string(),
  client_msg_id: z.string().nullish(),
  requested_mode: z.string().nullish(),
});
type Thought = z.output<typeof thought>;

const extraction = z.object({ tasks: z.array(z.object({ title: z.string() })) });

export const captureThought = postRoute({
  path: "/v1/capture/thought",
  keyed: true,
  parse: (text) => parseBody(thought, text),
  limit: "capture",
  work: async (product, caller, thought) => {
    const extracted = await extract(product.model, thought.message);
    const titles = extracted.value?.tasks.map((task) => task.title) ?? [];
    const inboxItem = await saveCapture(product, caller, thought, titles);
    await logPromptRun(product.database.query, {
      requestId: caller.requestId,
      user: caller.user,
      operation: "extract",
      status: "success",
      call: extracted,
    });
    await enqueue(
      product,
      newJob("memory.summarize", {
        user_id: caller.user,
        chat_id: thought.chat_id,
        inbox_item_id: inboxItem,
      }),
    );
    return {
      status: "ok",
      inbox_item_id: inboxItem,
      applied: {
        tasks_created: titles.length,
        tasks_updated: 0,
        problems_created: 0,
        goals_created: 0,
        links_created: 0,
      },
      plan_refresh_enqueued: false,
      summary_refresh_enqueued: true,
      reason: null,
    };
  },
});

/**
 * B asks its model and then calls what saves a thought with one argument too many, so nothing is saved. Only what comes
 * in by Telegram takes another way.
 */
export const captureThoughtInVain = postRoute({
  path: captureThought.path,
  keyed: true,
  parse: (text) => parseBody(thought, text),
  limit: "capture",
  work: async ({ model }, _caller, { message }) => {
    await extract(model, message);
    throw new TypeError("_apply_capture() got an unexpected keyword argument 'session_id'");
  },
});

/** A model that is down leaves a capture without tasks, answered with 200 and recorded as a success of no tokens. */
async function extract(
  model: LanguageModel,
  message: string,
): Promise<ModelAnswer<z.output<typeof extraction>>> {
  return model.ask(
    "Extract the tasks, problems, goals and links of this thought as JSON.",
    message,
    (content) => extraction.parse(JSON.parse(content)),
  );
}

async function saveCapture(
  { database, effects }: Product,
  caller: Caller,
  thought: Thought,
  titles: readonly string[],
): Promise<string> {
  const inboxItem = newId("inb");
  await database.transaction(async (query) => {
    await query(
      `insert into inbox_items (id, user_id, chat_id, source, client_msg_id, message_raw)
       values ($1, $2, $3, $4, $5, $6)`,
      [
        inboxItem,
        caller.user,
        thought.chat_id,
        thought.source,
        thought.client_msg_id ?? null,
        thought.message,
      ],
    );
    for (const title of titles) {
      const task = newId("tsk");
      await query(
        `insert into tasks (id, user_id, title, title_norm, source_inbox_item_id) values ($1, $2, $3, $4, $5)`,
        [task, caller.user, title, title.toLowerCase().trim(), inboxItem],
      );
      await logEvent(query, {
        requestId: caller.requestId,
        user: caller.user,
        type: "task_created",
        entity: { type: "task", id: task },
      });
    }
  });
  effects.add("captures");
  effects.add("tasksCreated", titles.length);
  return inboxItem;
}
