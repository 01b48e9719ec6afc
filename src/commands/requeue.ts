import { defineCommand } from "./command.ts";

export const requeue = defineCommand<{ readonly job: string | undefined }>({
  name: "requeue",
  summary: "Put a dead letter back into the queue, the newest unless a job is named",
  role: "operator",
  usage: "[JOB]",
  effect: "mutate",
  words: { atMost: 1 },
  understand({ words: [job] }) {
    // As a button carries it: the first characters of a long name are enough.
    if (job === undefined || /^[\w.:-]{4,64}$/.test(job)) return { ok: true, args: { job } };
    return { ok: false, message: `"${job}" is not the name of a job, or four characters of it.` };
  },
  async run({ operations, start }, { job }) {
    if (!operations.includes("requeue")) {
      const message =
        "Nothing says how a job is put back. Put deadLetters.requeue into the configuration; the sandbox's file shows how.";
      return { kind: "refused", message };
    }
    const input = job === undefined ? {} : { job };
    return { kind: "run", admission: await start("requeue", input) };
  },
});
