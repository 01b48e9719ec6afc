import { logEvent } from "./event-log.ts";
import { newId } from "./ids.ts";
import type { Product } from "./product.ts";
import { logPromptRun } from "./prompt-runs.ts";
import type { Revision } from "./revision.ts";
import { reconcileTodoist, syncTodoist } from "./todoist-jobs.ts";

export type JobRun = {
  readonly requestId: string;
  readonly user: string;
  readonly payload: Readonly<Record<string, unknown>>;
};

type Work = (product: Product, run: JobRun) => Promise<void>;

/** A job whose topic is not here is dropped without a trace. */
export function topicsOf(revision: Revision): Readonly<Record<string, Work>> {
  return topics[revision];
}

const topics: Readonly<Record<Revision, Readonly<Record<string, Work>>>> = {
  A: {
    "memory.summarize": summarize,
    "plan.refresh": failOnOpenTasks,
    "sync.todoist": syncTodoist,
    "sync.todoist.reconcile": reconcileTodoist,
  },
  B: { "memory.summarize": summarize, "plan.refresh": refreshPlan },
};

/** With the model down the summary says so and the job is completed all the same. */
async function summarize({ database, model }: Product, run: JobRun): Promise<void> {
  const { chat_id: chatId, inbox_item_id: inboxItem } = run.payload;
  const messages = await database.query<{ message_raw: string }>(
    `select message_raw from inbox_items where user_id = $1 and chat_id = $2
     order by created_at desc limit 10`,
    [run.user, chatId],
  );
  const text = messages.map((message) => message.message_raw).join("\n");
  const summary = await model.ask("Summarize these messages.", text, (content) => content);
  const summaryId = newId("mem");
  await database.transaction(async (query) => {
    await query(
      `insert into memory_summaries (id, user_id, chat_id, summary_text, source_inbox_item_id)
       values ($1, $2, $3, $4, $5)`,
      [summaryId, run.user, chatId, summary.value ?? "No summary available.", inboxItem],
    );
    // The worker never counts tokens, which is why the daily costs are too low.
    const uncounted = { ...summary, usage: { input: 0, output: 0, cachedInput: 0 } };
    await logPromptRun(query, {
      requestId: run.requestId,
      user: run.user,
      operation: "summarize",
      status: "success",
      call: uncounted,
    });
    await logEvent(query, {
      requestId: run.requestId,
      user: run.user,
      type: "memory_summary_created",
      entity: { type: "memory_summary", id: summaryId },
    });
  });
}

/** The naive and the aware time meet as soon as there is one open task. */
async function failOnOpenTasks(product: Product, run: JobRun): Promise<void> {
  const [open] = await product.database.query(
    `select 1 from tasks where user_id = $1 and status = 'open' limit 1`,
    [run.user],
  );
  if (open !== undefined) {
    throw new TypeError("can't compare offset-naive and offset-aware datetimes");
  }
  await refreshPlan(product, run);
}

async function refreshPlan({ database }: Product, run: JobRun): Promise<void> {
  await logEvent(database.query, { ...run, type: "plan_refresh_completed" });
}
