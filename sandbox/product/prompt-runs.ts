import type { Query } from "./database.ts";
import { newId } from "./ids.ts";
import type { ModelCall } from "./language-model.ts";

export type PromptRun = {
  readonly requestId: string;
  readonly user: string;
  readonly operation: "extract" | "query" | "summarize";
  readonly status: "success" | "error";
  readonly call: ModelCall;
};

/** The daily costs add these up; a call that failed counts no tokens. */
export async function logPromptRun(query: Query, run: PromptRun): Promise<void> {
  const { usage, latencyMs, model } = run.call;
  await query(
    `insert into prompt_runs (id, request_id, user_id, operation, model, input_tokens, output_tokens,
       cached_input_tokens, latency_ms, status, error_code)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      newId("prm"),
      run.requestId,
      run.user,
      run.operation,
      model,
      usage.input,
      usage.output,
      usage.cachedInput,
      latencyMs,
      run.status,
      run.status === "error" ? "llm_failed" : null,
    ],
  );
}
