import { z } from "zod";

import { enqueue, newJob } from "../queue.ts";
import { parseBody } from "../request-body.ts";
import { postRoute } from "../route.ts";

/** The job that this enqueues fails as soon as the user has one open task. */
export const refreshPlan = postRoute({
  path: "/v1/plan/refresh",
  keyed: true,
  parse: (text) => parseBody(z.object({ chat_id: z.string() }), text),
  limit: "plan",
  work: async (product, { user }, { chat_id }) => {
    const job = newJob("plan.refresh", { user_id: user, chat_id });
    await enqueue(product, job);
    return { status: "ok", enqueued: true, job_id: job.job_id, reason: null };
  },
});
