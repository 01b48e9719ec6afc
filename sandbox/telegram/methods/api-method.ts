import type { z } from "zod";

import { readRequest } from "../read-request.ts";
import type { Problem } from "../read-request.ts";
import type { Fields } from "../request-body.ts";
import type { TelegramState } from "../state.ts";

/** A method of the Bot API with its types closed over, so that all of them fit into one table. */
export type ApiMethod = {
  /** Reports every problem of the request, then refuses it or executes it. */
  call(
    state: TelegramState,
    raw: Fields,
    report: (problem: Problem) => void,
    signal: AbortSignal,
  ): Promise<unknown>;
};

export function defineMethod<Schema extends z.ZodType>(
  schema: Schema,
  execute: (state: TelegramState, fields: z.output<Schema>, signal: AbortSignal) => unknown,
): ApiMethod {
  return {
    call: async (state, raw, report, signal) => {
      const read = readRequest(schema, raw);
      for (const problem of read.problems) report(problem);
      if ("refusal" in read) throw read.refusal;
      return await execute(state, read.fields, signal);
    },
  };
}
