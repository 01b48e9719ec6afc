import { setTimeout as sleep } from "node:timers/promises";

import { z } from "zod";

import type { ProductSettings } from "./settings.ts";

export type ModelAnswer<Value> = ModelCall & {
  /** Undefined when no usable answer could be had after all retries. */
  readonly value: Value | undefined;
};

export type ModelCall = {
  readonly model: string;
  readonly usage: { readonly input: number; readonly output: number; readonly cachedInput: number };
  readonly latencyMs: number;
};

/** Never fails: the product swallows every trouble with its model, and that is its biggest trap. */
export type LanguageModel = {
  ask<Value>(
    task: string,
    text: string,
    parse: (content: string) => Value,
  ): Promise<ModelAnswer<Value>>;
};

const model = "grok-4-fast";
const nothing = { input: 0, output: 0, cachedInput: 0 };

const completion = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string() }) })).min(1),
  usage: z.object({
    prompt_tokens: z.number(),
    completion_tokens: z.number(),
    prompt_tokens_details: z.object({ cached_tokens: z.number() }),
  }),
});

export function createLanguageModel(
  settings: Pick<ProductSettings, "modelUrl" | "modelKey" | "timing">,
  closing: AbortSignal,
): LanguageModel {
  const { modelPausesMs } = settings.timing;
  return {
    async ask(task, text, parse) {
      const startedAt = performance.now();
      const elapsed = (): number => Math.round(performance.now() - startedAt);
      for (const pauseMs of [...modelPausesMs, undefined]) {
        const answer = await tryOnce(settings, { task, text, parse }, closing);
        if (answer !== undefined) return { ...answer, model, latencyMs: elapsed() };
        if (closing.aborted) break;
        if (pauseMs !== undefined) await sleep(pauseMs, undefined, { ref: false });
      }
      return { value: undefined, model, usage: nothing, latencyMs: elapsed() };
    },
  };
}

async function tryOnce<Value>(
  settings: Pick<ProductSettings, "modelUrl" | "modelKey" | "timing">,
  { task, text, parse }: { task: string; text: string; parse: (content: string) => Value },
  closing: AbortSignal,
): Promise<{ value: Value; usage: ModelCall["usage"] } | undefined> {
  try {
    const response = await fetch(`${settings.modelUrl}/chat/completions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${settings.modelKey}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({
        model,
        messages: [
          { role: "system", content: task },
          { role: "user", content: text },
        ],
      }),
      signal: AbortSignal.any([closing, AbortSignal.timeout(settings.timing.modelTimeoutMs)]),
    });
    const body = completion.safeParse(await response.json());
    if (!response.ok || !body.success) return undefined;
    const { choices, usage } = body.data;
    return {
      value: parse(choices[0]!.message.content),
      usage: {
        input: usage.prompt_tokens,
        output: usage.completion_tokens,
        cachedInput: usage.prompt_tokens_details.cached_tokens,
      },
    };
  } catch {
    return undefined;
  }
}
